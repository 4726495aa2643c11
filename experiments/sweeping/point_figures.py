"""What a point has reached: read from the curves and the record of its run, also while it goes on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from callbacks.run.curve_file import Curves, read_curves
from datamodules.documents import as_mapping, read_json
from datamodules.errors import DataError
from experiments.sweeping.points import SweepPoint
from experiments.sweeping.sweep_file import SweepFile


class PointFigures(NamedTuple):
    """The figures of a point.

    Attributes:
        name: of the point.
        values: by parameter.
        status: see `SweepPoint.status`.
        attempts: how often it was begun.
        code: exit code of the attempt that ended last.
        history: the metric of every validation; what is not finite is left out.
        best: the best of it; None: there is none.
        best_step: its optimiser step.
        steps: optimiser steps that were made.
        seed: of the run.
        hours: that it took.
        folder: of the run.
    """

    name: str
    values: dict[str, Any]
    status: str
    attempts: int
    code: int | None
    history: list[float]
    best: float | None
    best_step: int | None
    steps: int
    seed: int | None
    hours: float
    folder: Path


def figures_of(point: SweepPoint, file: SweepFile, repeats: int) -> PointFigures:
    """What a point has reached so far.

    Raises:
        DataError: its curves are damaged.
    """
    curves = curves_of(point.folder)
    steps, values = curves.series(file.metric)
    known = [(float(value), int(step)) for value, step in zip(values, steps, strict=True) if math.isfinite(value)]
    best = (max if file.maximised else min)(known, key=lambda each: each[0], default=None)
    last = curves.points[-1] if curves.points else None
    return PointFigures(
        point.name,
        point.values,
        point.status(repeats),
        point.attempts,
        point.code,
        [value for value, _ in known],
        None if best is None else best[0],
        None if best is None else best[1],
        0 if last is None else last.step,
        record_of(point.folder).get("seed"),
        0.0 if last is None else round(last.seconds / 3600, 4),
        point.folder,
    )


def curves_of(run: Path) -> Curves:
    """The curves of a run; empty where its training has not begun."""
    path = run / "curves.jsonl"
    return read_curves(path) if path.exists() else Curves([], [], finished=False, exception=None)


def record_of(run: Path) -> dict[str, Any]:
    """The record of a run; empty where there is none yet."""
    path = run / "record.json"
    return as_mapping(read_json(path), str(path)) if path.exists() else {}


def has_finished(run: Path) -> bool:
    """Whether a fit came to its end."""
    return bool(record_of(run).get("finished", False))


def check_metric(point: SweepPoint, file: SweepFile) -> None:
    """Refuse a metric that a point does not log.

    A metric of a validation is missed at the first of them, any other when the run has ended.

    Raises:
        DataError: it is not logged; the message lists what is.
    """
    curves = curves_of(point.folder)
    logged = curves.names
    looked = any(name.startswith("val/") for name in logged) if file.metric.startswith("val/") else curves.finished
    if looked and file.metric not in logged:
        beginning = "val/" if file.metric.startswith("val/") else ""
        there = ", ".join(sorted(name for name in logged if name.startswith(beginning)))
        raise DataError(
            f"{file.path}: metric.name: {file.metric!r} is not logged by {point.folder}; logged are: {there}"
        )
