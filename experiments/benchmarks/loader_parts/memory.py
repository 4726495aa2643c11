"""How the loader's memory grows with the set: unique set size of fresh processes on sets of growing size."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from tqdm import tqdm

from datamodules.windows.loaders import TrainingLoader
from experiments.benchmarks.interleaved import in_fresh_process
from experiments.benchmarks.loader_parts.sets import BATCH, pooled_reader, repeat_shards

SAMPLES = 16  # of the unique set size, over as many batches each as there are records in a group


class Memory(NamedTuple):
    """What the processes of a loader hold, MiB.

    Attributes:
        worker: unique set size of the only worker, the pools of all its streams filled.
        main: unique set size of the main process at the same moments; what it shares with the worker is in neither.
        indexed: by how much the main process grew when it read the index, which the worker shares.
    """

    worker: float
    main: float
    indexed: float


class Measured(NamedTuple):
    """A set and what its processes held.

    Attributes:
        times: how many times as large as the smallest set.
        hours: of audio.
        processes: one for each fresh process.
    """

    times: int
    hours: float
    processes: list[Memory]

    def median(self, part: str) -> float:
        """Median over the processes of `worker`, `main` or `indexed`, MiB."""
        return float(statistics.median(getattr(memory, part) for memory in self.processes))


def unique_set_size(process: int | str = "self") -> float:
    """What a process holds and shares with no other, MiB, as Linux counts it."""
    return _pages(process, "Private_Clean", "Private_Dirty")


def _pages(process: int | str, *kinds: str) -> float:
    sizes = [line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]]
    return sum(int(size[1]) for size in sizes if size[0].removesuffix(":") in kinds) / 1024


def memory_growth(
    shards: Path, hours: float, sizes: Sequence[int], processes: int, streams: int, group: int
) -> list[Measured]:
    """Measure each size in fresh processes.

    Args:
        shards: the smallest set.
        hours: of audio in it.
        sizes: how many times as large the sets are.
        processes: fresh ones for each size.
        streams: of the reader.
        group: of the reader.
    """
    copies = repeat_shards(shards, max(sizes))
    measured = [Measured(times, times * hours, []) for times in sizes]
    with tqdm(desc="memory", total=processes * len(sizes), unit="process") as progress:
        for _ in range(processes):
            for each in measured:
                process, connection = in_fresh_process(_hold, copies[: each.times], streams, group, preload=[__name__])
                each.processes.append(connection.recv())
                process.join()
                progress.update()
    return measured


def _hold(directories: Sequence[Path], streams: int, group: int, connection: Connection) -> None:
    """Load until every stream is in its first full group, then watch while a record of each is delivered."""
    before = _pages("self", "Rss")
    reader = pooled_reader(directories, streams, group)
    indexed = _pages("self", "Rss") - before
    loader = TrainingLoader(reader, BATCH, 0, 1, 1)
    record = int(reader.reader.index.frames.max())
    filled = min(streams * group * record, len(loader) * BATCH // 2) // BATCH
    watched = max(min(streams * record // BATCH, len(loader) - filled), 1)
    workers, mains = [], []
    for number, _ in enumerate(loader):
        if number >= filled and (number - filled) % max(watched // SAMPLES, 1) == 0:
            (worker,) = multiprocessing.active_children()
            workers.append(unique_set_size(worker.pid or 0))
            mains.append(unique_set_size())
        if number >= filled + watched:
            break
    connection.send(Memory(statistics.median(workers), statistics.median(mains), indexed))


def growth(measured: Sequence[Measured], part: str) -> float:
    """By which share the largest set takes more than the smallest: 0.1 is ten per cent."""
    return measured[-1].median(part) / measured[0].median(part) - 1


def memory_table(measured: Sequence[Measured]) -> str:
    """A line for each size, medians and ranges over the processes, MiB."""
    lines = [f"{'set':>4}  {'hours':>6}  {'worker MiB':>22}  {'main MiB':>22}  {'index MiB':>22}"]
    for each in measured:
        cells = [_spread(each, part) for part in ("worker", "main", "indexed")]
        lines.append(f"{each.times:>3}x  {each.hours:>6.1f}  " + "  ".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)


def _spread(measured: Measured, part: str) -> str:
    values = [getattr(memory, part) for memory in measured.processes]
    return f"{measured.median(part):.1f} ({min(values):.1f} to {max(values):.1f})"


def memory_figure(measured: Sequence[Measured]) -> Figure:
    """Unique set size over hours of audio: median and range over the processes."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    colours: Mapping[str, str] = {"worker": "#0072B2", "main": "#D55E00"}
    hours = [each.hours for each in measured]
    for part, colour in colours.items():
        medians = [each.median(part) for each in measured]
        values = [[getattr(memory, part) for memory in each.processes] for each in measured]
        below = [median - min(value) for median, value in zip(medians, values, strict=True)]
        above = [max(value) - median for median, value in zip(medians, values, strict=True)]
        label = {"worker": "worker process", "main": "main process"}[part]
        axes.errorbar(hours, medians, [below, above], marker="o", capsize=3, color=colour, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(hours, [f"{value:.1f}" for value in hours])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("audio in the set (hours)")
    axes.set_ylabel("unique set size (MiB)")
    axes.set_title("Memory of the training loader")
    axes.legend()
    return figure
