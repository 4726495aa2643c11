"""Run one tracker by whatever interpreter has its package: `PYTHON -I -B worker.py MODULE.py CLASS SETTINGS`.

This file and the trackers' import numpy and nothing of melisma, which that interpreter need not have. A request is a
line of JSON, `{"rate": Hz, "samples": count}`, and as many little-endian float32; its answer is a line,
`{"frames": count, "columns": 2 or 3, "seconds": wall time, "cpu_seconds": time on processors}`, and as many float64 of
time, s, then of f0, Hz, then of confidence, 0 to 1, if the tracker gives it; or `{"error": words}`. The first answer,
`{}`, says that the tracker is ready. With `versions PACKAGE ...` it prints their versions as JSON, null for one that is
not installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from typing import Any, BinaryIO

import numpy as np

WARM_UP = 16000  # samples


def main(words: list[str]) -> None:
    """Answer requests until standard input ends."""
    if words[0] == "versions":
        print(json.dumps({name: version(name) for name in words[1:]}))
        return
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    path, name, settings = words
    tracker = load(path, name)(**json.loads(settings))
    # The first call compiles and allocates; its time is not that of a recording.
    tracker(np.random.default_rng(0).standard_normal(WARM_UP).astype(np.float32) * 0.1, 16000)
    answer(answers, {})
    while line := sys.stdin.buffer.readline():
        serve(tracker, json.loads(line), answers)


def version(package: str) -> str | None:
    """Of an installed distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def load(path: str, name: str) -> Any:  # noqa: ANN401 -- a tracker's class, known by its file only
    """A class of the file."""
    spec = importlib.util.spec_from_file_location("tracker", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def serve(tracker: Any, request: dict[str, int], answers: BinaryIO) -> None:  # noqa: ANN401 -- of a class by its file
    """Answer one request."""
    samples = np.frombuffer(sys.stdin.buffer.read(4 * request["samples"]), "<f4").copy()
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        columns = tracker(samples, request["rate"])
    except Exception as error:  # of any package; the caller names the recording
        answer(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu_began}
    data = b"".join(np.ascontiguousarray(column, "<f8").tobytes() for column in columns)
    answer(answers, {"frames": len(columns[0]), "columns": len(columns), **spent}, data)


def answer(answers: BinaryIO, head: dict[str, Any], data: bytes = b"") -> None:
    """Write one answer."""
    answers.write(json.dumps(head).encode() + b"\n" + data)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
