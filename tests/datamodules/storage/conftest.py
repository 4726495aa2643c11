"""A folder of shards behind a server of this host, and short pauses between repetitions."""

import pytest

from datamodules.storage import fetching
from datamodules.storage.options import RemoteShards
from tests.datamodules.storage.servers import FolderServer


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No proxy, and no long pauses; forked workers inherit both."""
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def remote(tmp_path):
    """`remote(gigabytes=..., ...)`: options with a cache of the test's own."""
    return lambda **options: RemoteShards(**{"cache": str(tmp_path / "cache"), "timeout": 1.0, **options})


@pytest.fixture
def serve():
    """`serve(folder, share=...)`: a running server, which ends with the test."""
    running = []

    def start(folder, **options):
        running.append(FolderServer(folder, **options).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__()
