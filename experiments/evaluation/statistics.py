"""Means over tracks, paired differences between methods, and bootstrap intervals of both.

Tracks of one speaker or song resemble each other. Clusters of tracks are then what is drawn, and each comes with all of
its tracks (A. C. Davison and D. V. Hinkley, "Bootstrap methods and their application", 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from experiments.evaluation.scores import Scores
from experiments.shares import check_seed

MOST_RESAMPLES = 200_000  # beyond, an interval no longer changes; a gigabyte is held for all of them
CHUNK = 4_000_000  # counts in memory at once


@dataclass(frozen=True)
class Bootstrap:
    """The percentile bootstrap over clusters (Efron and Tibshirani, "An introduction to the bootstrap", 1993).

    Attributes:
        resamples: how many times as many clusters are drawn from the clusters, with replacement.
        level: of the interval, between 0 and 1.
        seed: of the drawing.

    Raises:
        DataError: a value is out of range; the message names it.
    """

    resamples: int = 10_000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.resamples <= MOST_RESAMPLES:
            raise DataError(f"--bootstrap {self.resamples}: it must be at least 1, and at most {MOST_RESAMPLES}")
        if not 0 < self.level < 1:
            raise DataError(f"--level {self.level}: it must lie between 0 and 1")
        check_seed(self.seed)

    def interval(self, values: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Interval of the mean over tracks of each column, all columns with the same draws.

        A draw without any track where a column is defined says nothing of that column and is left out there.

        Args:
            values: `(tracks, columns)`, NaN where undefined.
            clusters: `(tracks,)`, number of each track's cluster, from 0; None: every track is its own.

        Returns:
            `(2, columns)`, lower and upper end; NaN where fewer than two clusters have a defined track.
        """
        known = ~np.isnan(values)
        filled, defined = np.where(known, values, 0.0), known.astype(np.float64)
        if clusters is not None:
            filled, defined = summed(filled, clusters), summed(defined, clusters)
        with np.errstate(invalid="ignore"):
            means = [(counts @ filled) / (counts @ defined) for counts in self.counts(len(defined))]
        ends = np.full((2, values.shape[1]), np.nan)
        several = (defined > 0).sum(axis=0) > 1
        ends[:, several] = self.ends(np.concatenate(means)[:, several])
        return ends

    def ends(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lower and upper end, `(2, columns)`, of what was found in each draw, `(draws, columns)`, NaN left out."""
        tail = (1 - self.level) / 2
        return np.asarray(np.nanquantile(draws, [tail, 1 - tail], axis=0))

    def counts(self, clusters: int) -> Iterator[NDArray[np.float64]]:
        """How often each cluster is in each draw, `(draws, clusters)`; a draw depends on seed and clusters alone."""
        generator = np.random.default_rng(self.seed)
        left, at_once = self.resamples, max(CHUNK // clusters, 1)
        while left:
            draws = min(left, at_once)
            yield generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)
            left -= draws


def summed(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums over the tracks of each cluster, `(clusters, columns)`, of values `(tracks, columns)`."""
    sums = np.zeros((int(clusters.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, clusters, values)
    return sums


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
    def of(
        cls, values: NDArray[np.float64], bootstrap: Bootstrap, clusters: NDArray[np.int64] | None = None
    ) -> Estimate:
        """Of values `(methods, tracks, metrics)`, NaN where undefined, and clusters `(tracks,)`."""
        methods, tracks, metrics = values.shape
        counts = (~np.isnan(values)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            mean = np.nansum(values, axis=1) / counts
        ends = bootstrap.interval(values.transpose(1, 0, 2).reshape(tracks, methods * metrics), clusters)
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
        clusters: how many clusters of tracks were drawn from; None: tracks were.
    """

    scores: Scores
    bootstrap: Bootstrap
    means: Estimate
    differences: Estimate
    clusters: int | None = None


def summarise(scores: Scores, bootstrap: Bootstrap, clusters: NDArray[np.int64] | None = None) -> Summary:
    """Means and paired differences, with the same draws for all.

    Args:
        scores: of all methods.
        bootstrap: how intervals are found.
        clusters: `(tracks,)`, number of each track's cluster, from 0; None: every track is its own.
    """
    differences = scores.values - scores.values[:1]
    means, paired = (Estimate.of(values, bootstrap, clusters) for values in (scores.values, differences))
    return Summary(scores, bootstrap, means, paired, None if clusters is None else int(clusters.max()) + 1)
