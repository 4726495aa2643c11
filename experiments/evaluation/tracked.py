"""f0 tables with confidence, read once, and voiced by another threshold if one is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.tracked_tables import TRACKED
from experiments.evaluation.tables import TableFolder


class TrackedTable(NamedTuple):
    """What is in a table.

    Attributes:
        series: f0 in Hz, negative where unvoiced.
        confidence: `(frames,)`, 0 to 1; None if the table has none.
    """

    series: F0Series
    confidence: NDArray[np.float64] | None


@dataclass(frozen=True)
class TrackedFolder(TableFolder):
    """The f0 tables of a method; each is read once.

    Attributes:
        threshold: `read` calls a frame with a guess voiced where its confidence is at least this; None: as the table
            says. Tables without confidence stay as they are.
    """

    threshold: float | None = None
    _known: dict[Path, TrackedTable] = field(default_factory=dict, repr=False, compare=False)

    def at(self, threshold: float | None) -> Self:
        """The same tables with a threshold."""
        return replace(self, threshold=threshold)

    def tracked(self, path: Path) -> TrackedTable:
        """A table as it is.

        Raises:
            DataError: it cannot be read; the message names the file and the line.
        """
        if path not in self._known:
            series = super().read(path)
            self._known[path] = TrackedTable(series, _confidence(path, len(series.times)))
        return self._known[path]

    @override
    def read(self, path: Path) -> F0Series:
        series, confidence = self.tracked(path)
        if self.threshold is None or confidence is None:
            return series
        f0 = np.abs(series.f0)
        return F0Series(series.times, np.where(confidence >= self.threshold, f0, -f0))


def _confidence(path: Path, frames: int) -> NDArray[np.float64] | None:
    with path.open(encoding="utf-8") as file:
        if file.readline().strip() != ",".join(TRACKED):
            return None
        confidence = np.loadtxt(file, delimiter=",", usecols=TRACKED.index("confidence"), ndmin=1)
    if len(confidence) != frames or not ((confidence >= 0) & (confidence <= 1)).all():
        raise DataError(f"{path}: its confidence is not a number from 0 to 1 in each of {frames} frames")
    return confidence
