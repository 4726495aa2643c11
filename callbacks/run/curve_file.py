"""`RUN/curves.jsonl` as it is read, also while the run goes on; needs neither torch nor lightning."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import read_text


class FitStart(NamedTuple):
    """The beginning of a fit, or its resumption.

    Attributes:
        step: optimiser steps before it.
        epoch: of the data, from 0.
        max_steps: at which the fit ends; None: at none.
        max_epochs: after which it ends; None: after none.
        batches: of an epoch; None where nobody knows.
    """

    step: int
    epoch: int
    max_steps: int | None
    max_epochs: int | None
    batches: int | None


class CurvePoint(NamedTuple):
    """Figures at a step.

    Attributes:
        step: optimiser steps so far.
        epoch: of the data, from 0.
        seconds: that the fit has taken so far, with its validations and, of a resumed one, with what came before.
        metrics: by their logged names; those of validations begin with `val/`. NaN where not finite.
    """

    step: int
    epoch: int
    seconds: float
    metrics: dict[str, float]


class Curves(NamedTuple):
    """The curves of a run.

    Attributes:
        starts: of the fit and of each resumption, none of which was undone by a later one from an earlier step.
        points: in the order of their steps.
        finished: whether the latest fit came to its end.
        exception: the type of what ended the latest fit; None where nothing did, or where it was killed.
    """

    starts: list[FitStart]
    points: list[CurvePoint]
    finished: bool
    exception: str | None

    @property
    def names(self) -> list[str]:
        """Those of all metrics, in the order in which they first occur."""
        return list(dict.fromkeys(name for point in self.points for name in point.metrics))

    def series(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and values of a metric, both `(points that have it,)`."""
        found = [(point.step, point.metrics[name]) for point in self.points if name in point.metrics]
        steps, values = zip(*found, strict=True) if found else ((), ())
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)


def read_curves(path: Path) -> Curves:
    """Read the curves that `RunCurves` wrote or still writes.

    What a resumed run made again replaces what was there: its beginning ends all that has a later step. An unfinished
    last line is that of a run that is writing or was killed, and is ignored.

    Raises:
        DataError: the file is missing, or a line of it is damaged; the message names it.
    """
    *lines, _ = read_text(path, "a fit writes it when its training begins").split("\n")
    curves = Curves([], [], finished=False, exception=None)
    for number, line in enumerate(lines, start=1):
        try:
            curves = _with_line(curves, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}, line {number}: damaged ({_why(error)}); delete the line") from error
    return curves


def _with_line(curves: Curves, line: Any) -> Curves:  # noqa: ANN401 - of JSON
    step, epoch = _whole(line["step"]), _whole(line["epoch"])
    event = line.get("event")
    if event == "fit":
        limits = [None if line[name] is None else _whole(line[name]) for name in ("max_steps", "max_epochs", "batches")]
        starts = [start for start in curves.starts if start.step <= step]
        _end_after(curves.points, step)
        return Curves([*starts, FitStart(step, epoch, *limits)], curves.points, finished=False, exception=None)
    if event == "end":
        return curves._replace(finished=True)
    if event == "exception":
        return curves._replace(exception=str(line["type"]))
    if event is not None:
        raise ValueError(f"event: {event!r}")
    metrics = {str(name): math.nan if value is None else float(value) for name, value in line["metrics"].items()}
    _add(curves.points, CurvePoint(step, epoch, float(line["seconds"]), metrics))
    return curves


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "no JSON"
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _end_after(points: list[CurvePoint], step: int) -> None:
    while points and points[-1].step > step:
        points.pop()


def _add(points: list[CurvePoint], point: CurvePoint) -> None:
    """At its place, which is the end, for what of its step has the same metrics."""
    _end_after(points, point.step)
    place = len(points)
    while place and points[place - 1].step == point.step:
        place -= 1
    points[place:] = [each for each in points[place:] if not each.metrics.keys() & point.metrics.keys()]
    points.append(point)
