"""Shards as a stream finds them: with an index, without one, and behind a server."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def tars(melody_shards):
    return [str(path) for path in sorted(melody_shards.glob("train-*.tar"))]


@pytest.fixture
def lone_tars(tars, tmp_path):
    """Copies without the index beside them."""
    return [shutil.copy(tar, tmp_path) for tar in tars]


@pytest.fixture
def served(melody_shards, monkeypatch):
    """Address of a server of the shards."""
    if shutil.which("curl") is None:
        pytest.skip("webdataset fetches over http with the program curl, which is missing")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(melody_shards))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
