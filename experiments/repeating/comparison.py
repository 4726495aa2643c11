"""Figures of a run beside those of its repetition: bit-equal, or by how much they differ."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from experiments.evaluation.report import aligned
from experiments.repeating.recorded import RecordedRun

_Cells = dict[str, float]


class ComparedFigures(NamedTuple):
    """Figures by name, of two runs.

    Attributes:
        recorded: of the first.
        repeated: of the second.
        tolerance: how far apart two may be that count as equal; 0: not by a bit.
    """

    recorded: Mapping[str, float]
    repeated: Mapping[str, float]
    tolerance: float

    @property
    def names(self) -> list[str]:
        """Of both, in the order of the first."""
        return list(dict.fromkeys([*self.recorded, *self.repeated]))

    def difference(self, name: str) -> float:
        """Of the second from the first; infinite if only one of them has the figure, or only one is not a number."""
        if name not in self.recorded or name not in self.repeated:
            return math.inf
        one, other = self.recorded[name], self.repeated[name]
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        return math.inf if math.isnan(other - one) else other - one

    @property
    def differing(self) -> list[str]:
        """Names of the figures that are further apart than the tolerance."""
        return [name for name in self.names if abs(self.difference(name)) > self.tolerance]

    @property
    def verdict(self) -> str:
        """In a few words."""
        largest = max((abs(self.difference(name)) for name in self.names), default=0.0)
        if self.differing:
            return f"{len(self.differing)} of {len(self.names)} differ, by up to {largest:g}"
        return f"all {len(self.names)} " + ("bit-equal" if largest == 0 else f"equal within {largest:g}")


def compare(recorded: RecordedRun, repeated: RecordedRun, tolerance: float) -> tuple[list[str], bool]:
    """Lines that show the figures of both, and whether all are equal within a tolerance.

    The tables of the figures of items are compared as well, where both runs left them: they have six digits.
    """
    last = ComparedFigures(recorded.metrics, repeated.metrics, tolerance)
    every = ComparedFigures(recorded.figures, repeated.figures, tolerance)
    lines = [*_table(last), f"figures of all validations: {every.verdict}"]
    equal = not every.differing
    theirs, ours = recorded.scores, repeated.scores
    for name in theirs.keys() & ours.keys():
        items = ComparedFigures(_cells(theirs[name]), _cells(ours[name]), tolerance)
        lines.append(f"figures of the items of {name}: {items.verdict}")
        equal = equal and not items.differing
    return lines, equal


def _table(figures: ComparedFigures) -> Iterator[str]:
    rows = [["", "recorded", "repeated", "difference"]]
    for name in figures.names:
        difference = figures.difference(name)
        rows.append([
            name,
            *(repr(side[name]) if name in side else "-" for side in (figures.recorded, figures.repeated)),
            "0, bit-equal" if difference == 0 else f"{difference:.3g}" if math.isfinite(difference) else "-",
        ])  # fmt: skip
    yield from aligned(rows)


def _cells(path: Path) -> _Cells:
    """Of a table of items; an empty cell is a figure that is undefined."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {f"{row['id']}/{key}": float(cell or "nan") for row in rows for key, cell in row.items() if key != "id"}
