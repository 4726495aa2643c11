"""A figure of a record, and its place in there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from datamodules.errors import DataError

ALL = "all"  # the part of a set that is the whole of it
NETWORK = "network"  # the method of what a run says of itself
_LOW, _HIGH = "_low", "_high"


class FigurePlace(NamedTuple):
    """What a figure is of.

    Attributes:
        evaluation: name of the evaluation in the record; `validation` and `epoch N` are what a run says of itself.
        set: name of the data.
        part: of the set; `all` is the whole.
        metric: by its logged name.
        method: network, tracker or decoder that was measured.
    """

    evaluation: str
    set: str
    part: str
    metric: str
    method: str


class RecordedFigure(NamedTuple):
    """A measured value.

    Attributes:
        value: in the unit of its metric.
        interval: its ends, if it was estimated.
        difference: from the baseline of the evaluation, and the ends of its interval, if it was estimated.
    """

    value: float
    interval: tuple[float, float] | None = None
    difference: tuple[float, float, float] | None = None


def read_figures(name: str, figures: object, where: str) -> Iterator[tuple[FigurePlace, RecordedFigure]]:
    """The figures of an evaluation.

    Args:
        name: of the evaluation.
        figures: as its record states them: by set, part, metric and method.
        where: file and key, for messages.

    Raises:
        DataError: naming the file and the key that is wrong.
    """
    for data, parts in entries(figures, where):
        for part, metrics in entries(parts, f"{where}.{data}"):
            for metric, methods in entries(metrics, f"{where}.{data}.{part}"):
                for method, stated in entries(methods, f"{where}.{data}.{part}.{metric}"):
                    place = FigurePlace(name, data, part, metric, method)
                    yield place, _figure(stated, f"{where}.{data}.{part}.{metric}.{method}")


def _figure(stated: object, where: str) -> RecordedFigure:
    keys = dict(entries(stated, where))
    value, interval, difference = (keys.pop(key, None) for key in RecordedFigure._fields)
    if keys or not _are_numbers([value], 1):
        raise DataError(f"{where}: a figure is {{value, interval, difference}}, not {stated!r}")
    if interval is not None and not _are_numbers(interval, 2):
        raise DataError(f"{where}.interval: [low, high] is expected, not {interval!r}")
    if difference is not None and not _are_numbers(difference, 3):
        raise DataError(f"{where}.difference: [difference, low, high] is expected, not {difference!r}")
    ends = None if interval is None else (interval[0], interval[1])
    return RecordedFigure(value, ends, None if difference is None else (difference[0], difference[1], difference[2]))


def _are_numbers(values: object, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(type(each) in (int, float) for each in values)


def logged_figures(name: str, metrics: Mapping[str, float]) -> Iterator[tuple[FigurePlace, RecordedFigure]]:
    """What a run logged as figures: `val/SET/METRIC`, its ends under the same name with `_low` and `_high` behind it.

    Args:
        name: of the evaluation that they make.
        metrics: values by logged name.
    """
    for key, value in metrics.items():
        stem = key.removesuffix(_LOW).removesuffix(_HIGH)
        if (stem != key and stem in metrics) or key.count("/") < 2:
            continue
        _, data, metric = key.split("/", 2)
        ends = (metrics[key + _LOW], metrics[key + _HIGH]) if key + _LOW in metrics and key + _HIGH in metrics else None
        yield FigurePlace(name, data, ALL, metric, NETWORK), RecordedFigure(value, ends)


def entries(value: object, where: str) -> Iterator[tuple[str, Any]]:
    """Of a JSON object.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: an object is expected, not {value!r}")
    yield from value.items()
