"""Training windows from a folder and from a server on this host that answers late: windows per second.

    python -m experiments.benchmarks.remote

Everything is made in a temporary folder. The server waits before every answer, as one far away would; it takes
processor time of the same cores as the loader. The sides, each in a process of its own with one thread of BLAS, whole
epochs in batches of 1024 windows of 1024 int16 samples:

- folder: the shards as files, in the page cache;
- URL: each epoch begins with an empty cache, as the first one of a run does; the records of the next groups are fetched
  while those of the present ones are delivered; also with two workers;
- URL, one by one: the same without fetching ahead: every member is asked for when it is read;
- URL, in the cache: later epochs, if the cache holds the data.

A ratio is the median over the rounds of what a side and the folder did in the same round.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from jsonargparse import ArgumentParser
from typing_extensions import override

from datamodules.melody import MelodyData
from datamodules.storage.options import RemoteShards
from datamodules.storage.urls import UrlFolder
from experiments.benchmarks.interleaved import Side, measure, ratio, table
from experiments.benchmarks.loader_parts.sets import BATCH, WINDOW, make_shards
from experiments.benchmarks.machine import describe_machine

FOLDER, URL, WORKERS = "folder", "URL", "URL, 2 workers"
SINGLY, CACHED = "URL, one by one", "URL, in the cache"


def main(arguments: list[str] | None = None) -> None:
    """Measure everything, print a table, and end with the line of ratios."""
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.remote",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--records", type=int, default=200, help="10 s each")
    parser.add_argument("--latency", type=float, default=0.02, help="s before every answer of the server")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    options = parser.parse_args(arguments)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # before the sides' processes begin
    print(describe_machine(("torch", "numpy", "fsspec", "aiohttp")), flush=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = make_shards(Path(name) / "shards", options.records, 160, "flac")
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, options.latency, theirs))
        server.start()
        try:
            costs = measure(_sides(folder, ours.recv(), Path(name)), options.rounds)
        finally:
            server.terminate()
            server.join()
    print(f"\n{table(costs)}", flush=True)
    result = {f"{name} to {FOLDER}": round(ratio(costs, name, FOLDER), 3) for name in costs if name != FOLDER}
    result[f"{URL} to {SINGLY}"] = round(ratio(costs, URL, SINGLY), 3)
    print(f"RESULT {json.dumps(result)}")


def _sides(folder: Path, url: str, caches: Path) -> list[Side]:
    windows = sum(len(batch.signal) for batch in _data(str(folder), None, 0).train_dataloader())
    return [
        Side(FOLDER, epochs, (str(folder), None), windows),
        Side(URL, epochs, (url, str(caches / "cold")), windows),
        Side(WORKERS, epochs, (url, str(caches / "workers"), 2), windows),
        Side(SINGLY, epochs, (url, str(caches / "singly"), 0, False), windows),
        Side(CACHED, epochs, (url, str(caches / "warm"), 0, True, True), windows, windows),
    ]


def _data(place: str, cache: str | None, workers: int) -> MelodyData:
    remote = RemoteShards(cache=cache) if cache else None
    return MelodyData(WINDOW, train=[place], batch_size=BATCH, streams=16, group=4, workers=workers, remote=remote)


def epochs(place: str, cache: str | None, workers: int = 0, ahead: bool = True, kept: bool = False) -> Iterator[int]:
    """The sizes of batches of endless epochs.

    Args:
        place: of the shards.
        cache: folder of what is fetched.
        workers: of the loader.
        ahead: whether records are fetched before they are read.
        kept: whether an epoch begins with what the one before has fetched.
    """
    if not ahead:
        UrlFolder.prefetch = lambda self, parts: None  # type: ignore[method-assign]
    data, numbers = _data(place, cache, workers), count()
    data.begin_epoch = lambda: (next(numbers), 0)  # type: ignore[method-assign]
    loader = data.train_dataloader()
    while True:
        yield from (len(batch.signal) for batch in loader)
        if cache and not kept:
            for each in (*Path(cache).glob("objects/*"), Path(cache) / "used"):
                each.unlink(missing_ok=True)


def serve(folder: Path, latency: float, connection: Connection) -> None:
    """Serve a folder on this host until the process ends; sends the URL first."""

    class Late(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(latency)
            with (folder / Path(self.path).name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                first, last = (int(asked[1]), min(int(asked[2]), size - 1)) if asked else (0, size - 1)
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(last - first + 1))
                self.end_headers()
                file.seek(first)
                self.wfile.write(file.read(last - first + 1))

        @override
        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    connection.send(f"http://127.0.0.1:{server.server_port}/shards")
    server.serve_forever()


if __name__ == "__main__":
    main()
