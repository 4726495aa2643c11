"""Means over tracks, paired differences between methods, and bootstrap intervals of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from experiments.evaluation.scores import Scores

CHUNK = 4_000_000  # counts in memory at once


@dataclass(frozen=True)
class Bootstrap:
    """The percentile bootstrap over tracks (Efron and Tibshirani, "An introduction to the bootstrap", 1993).

    Attributes:
        resamples: how many times as many tracks are drawn from the tracks, with replacement.
        level: of the interval, between 0 and 1.
        seed: of the drawing.

    Raises:
        DataError: a value is out of range; the message names it.
    """

    resamples: int = 10_000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise DataError(f"--bootstrap {self.resamples}: it must be at least 1")
        if not 0 < self.level < 1:
            raise DataError(f"--level {self.level}: it must lie between 0 and 1")
        if self.seed < 0:
            raise DataError(f"--seed {self.seed}: it must not be negative")

    def interval(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interval of the mean over tracks of each column, all columns with the same draws.

        A draw without any track where a column is defined says nothing of that column and is left out there.

        Args:
            values: `(tracks, columns)`, NaN where undefined.

        Returns:
            `(2, columns)`, lower and upper end; NaN where fewer than two tracks are defined.
        """
        defined = ~np.isnan(values)
        filled = np.where(defined, values, 0.0)
        means = np.concatenate([self._means(counts, filled, defined) for counts in self._counts(len(values))])
        ends = np.full((2, values.shape[1]), np.nan)
        several = defined.sum(axis=0) > 1
        tail = (1 - self.level) / 2
        ends[:, several] = np.nanquantile(means[:, several], [tail, 1 - tail], axis=0)
        return ends

    @staticmethod
    def _means(
        counts: NDArray[np.float64], filled: NDArray[np.float64], defined: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            return np.asarray((counts @ filled) / (counts @ defined.astype(np.float64)))

    def _counts(self, tracks: int) -> Iterator[NDArray[np.float64]]:
        """How often each track is in each draw, `(draws, tracks)`; a draw depends on seed and tracks alone."""
        generator = np.random.default_rng(self.seed)
        left, at_once = self.resamples, max(CHUNK // tracks, 1)
        while left:
            draws = min(left, at_once)
            yield generator.multinomial(tracks, np.full(tracks, 1 / tracks), size=draws).astype(np.float64)
            left -= draws


@dataclass(frozen=True)
class Estimate:
    """Means over the tracks where a metric is defined.

    Attributes:
        mean: `(methods, metrics)`, NaN where no track is.
        low: likewise, lower end of the interval.
        high: likewise, upper end.
        tracks: likewise, int64, over how many tracks.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    tracks: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float64], bootstrap: Bootstrap) -> Estimate:
        """Of values `(methods, tracks, metrics)`, NaN where undefined."""
        methods, tracks, metrics = values.shape
        counts = (~np.isnan(values)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            mean = np.nansum(values, axis=1) / counts
        ends = bootstrap.interval(values.transpose(1, 0, 2).reshape(tracks, methods * metrics))
        low, high = ends.reshape(2, methods, metrics)
        return cls(mean, low, high, counts)


@dataclass(frozen=True)
class Summary:
    """All methods side by side.

    Attributes:
        scores: what they are means of.
        bootstrap: how the intervals were found.
        means: of each method.
        differences: of each method from the first, over the tracks where the metric is defined for both.
    """

    scores: Scores
    bootstrap: Bootstrap
    means: Estimate
    differences: Estimate


def summarise(scores: Scores, bootstrap: Bootstrap) -> Summary:
    """Means and paired differences, with the same draws of tracks for all."""
    differences = scores.values - scores.values[:1]
    return Summary(scores, bootstrap, Estimate.of(scores.values, bootstrap), Estimate.of(differences, bootstrap))
