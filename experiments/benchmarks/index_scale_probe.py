"""What opening a training split and its first batches take, in a process of its own, with the checkout on PYTHONPATH.

python -P index_scale_probe.py DIRECTORY WORKERS BATCHES prints one line of JSON. It imports what every version has.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path

from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader

WINDOW, BATCH, STREAMS, GROUP = 1024, 1024, 64, 8


def memory(process: int | str = "self") -> dict[str, float]:
    """Resident, proportional and unique set size of a process, MB."""
    lines = [line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]]
    sizes = {line[0].removesuffix(":"): int(line[1]) * 1024 / 1e6 for line in lines}
    return {"rss": sizes["Rss"], "pss": sizes["Pss"], "uss": sizes["Private_Clean"] + sizes["Private_Dirty"]}


def main(directory: str, workers: int, batches: int) -> None:
    """Measure, and print.

    Args:
        directory: a prepared one.
        workers: processes that decode.
        batches: after which memory is looked at once more.
    """
    found: dict[str, object] = {"imported": memory()}
    began = time.monotonic()
    index = SplitIndex([directory], "train")
    found |= {"open": time.monotonic() - began, "opened": memory()}
    began = time.monotonic()
    reader = PooledReader(WindowReader(index, WINDOW, Windows()), 0, STREAMS, GROUP)
    for number, _ in enumerate(TrainingLoader(reader, BATCH, 0, 1, workers)):
        if number == 0:
            found["first_batch"] = time.monotonic() - began
        if number in (0, batches // 2, batches):
            children = [memory(child.pid or 0) for child in multiprocessing.active_children()]
            found[f"batch_{number}"] = {"main": memory(), "workers": children}
        if number == batches:
            break
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
