"""The end of a worker: what it prints, writes and gives as its exit code."""

from __future__ import annotations

import signal
import sys

from datamodules.files import write_atomically
from experiments.sweeping.picture import draw
from experiments.sweeping.point_figures import PointFigures
from experiments.sweeping.results import (
    PICTURE,
    RECORD,
    TABLE,
    counts,
    failures,
    ranked,
    table,
    write_record,
    write_table,
)
from experiments.sweeping.sweep_folder import SweepFolder

_DOTS_PER_INCH = 110


def end(sweep: SweepFolder, wanted: int, stopped_by: signal.Signals | None) -> int:
    """Write the tables and the picture, and print the best.

    Args:
        sweep: its folder.
        wanted: points of the sweep.
        stopped_by: the signal that ended this worker; None: there was nothing left for it.

    Returns:
        128 and the signal's number where there was one, 1 where points failed, else 0.
    """
    write_table(sweep)
    figures = write_record(sweep)
    with write_atomically(sweep.folder / PICTURE) as file:
        draw(figures, sweep.file).savefig(file, format="png", dpi=_DOTS_PER_INCH)
    print("\n".join(table(figures, sweep.file)))
    print(f"{sweep.folder}: {counts(figures)}; {TABLE}, {RECORD}, {PICTURE}")
    if figures and (best := ranked(figures, sweep.file)[0]).best is not None:
        print(f"best: {best.folder}, {sweep.file.metric} {best.best:.4g} at step {best.best_step}")
    failed = failures(figures)
    if failed:
        print("\n".join(["melisma: points failed; --repeats tries them again", *failed]), file=sys.stderr)
    if stopped_by is not None:
        print(f"melisma: stopped by {stopped_by.name}; the same command goes on", file=sys.stderr)
        return 128 + stopped_by
    if left := _left(figures, wanted):
        print(f"{left} points are left to other workers")
    return 1 if failed else 0


def _left(figures: list[PointFigures], wanted: int) -> int:
    return wanted - sum(each.status != "waiting" for each in figures)
