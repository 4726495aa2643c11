"""How well an order of training windows is shuffled, relative to a uniform permutation of the same windows.

A batch of consecutive frames of one song is nearly one example. Three figures tell how far an order is from that and
how close to the ideal; each is 1 in expectation, exactly, if the windows of an epoch are permuted uniformly:

- `same_track`: how often two windows of a batch are of one track;
- `vif`, the variance inflation factor: how much the mean label varies from batch to batch;
- `drift`: how much the mean label varies over runs of a hundred batches, the time over which batch normalisation and
  Adam average.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DRIFT_BATCHES = 100


class Population(NamedTuple):
    """What a uniform permutation of all windows of an epoch would give.

    Attributes:
        same_track: probability that two different windows are of one track.
        variance: of the label, unbiased (divided by the windows but one), in the label's unit squared.
    """

    same_track: float
    variance: float

    @classmethod
    def of(cls, track: NDArray[np.integer[Any]], label: NDArray[np.floating[Any]]) -> Population:
        """Statistics of an epoch.

        Args:
            track: `(windows,)` number of each window's track, from 0, in any order.
            label: `(windows,)` label of each window, in any order.

        Raises:
            ValueError: no two windows share a track or no two labels differ, so that no order could be told from
                another.
        """
        of_track = np.bincount(track).astype(np.float64)
        pairs = float((of_track * (of_track - 1)).sum())
        if pairs == 0:
            raise ValueError("track: no two windows are of one track, so every order is as good as another")
        variance = float(np.var(label, dtype=np.float64, ddof=1))
        if variance == 0:
            raise ValueError("label: all are equal, so every order is as good as another")
        return cls(pairs / (track.size * (track.size - 1)), variance)


class ShuffleQuality(NamedTuple):
    """Three ratios to a uniform permutation; 1 is ideal, larger is worse.

    Attributes:
        same_track: see the function of this name.
        vif: see the function of this name.
        drift: see the function of this name.
    """

    same_track: float
    vif: float
    drift: float

    def within(self, limits: ShuffleQuality) -> bool:
        """Whether no figure exceeds its limit."""
        return all(figure <= limit for figure, limit in zip(self, limits, strict=True))


# The worst that an order of training may be. A buffer of ten thousand windows over tracks in order has a drift of a
# thousand; 512 records of ten seconds out of a corpus of fifteen hours stay well within.
GATE = ShuffleQuality(same_track=2.5, vif=1.15, drift=10.0)


def shuffle_quality(
    track: NDArray[np.integer[Any]], label: NDArray[np.floating[Any]], batch_size: int, population: Population
) -> ShuffleQuality:
    """All three figures of an order.

    Args:
        track: `(windows,)` track of each window, in the order of delivery: an epoch or its beginning.
        label: `(windows,)` label of each window, in the same order.
        batch_size: windows of one batch, at least 2; a last batch that is not whole is left out.
        population: statistics of the whole epoch.

    Raises:
        ValueError: there are fewer windows than two runs of a hundred batches, or a batch has fewer than two.
    """
    return ShuffleQuality(
        same_track(track, batch_size, population),
        vif(label, batch_size, population),
        drift(label, batch_size, population),
    )


def same_track(track: NDArray[np.integer[Any]], batch_size: int, population: Population) -> float:
    """Probability that two different windows of a batch are of one track, relative to any two of the epoch.

    Args:
        track: `(windows,)` in the order of delivery.
        batch_size: windows of one batch, at least 2.
        population: statistics of the whole epoch.

    Raises:
        ValueError: there is no whole batch, or a batch has fewer than two windows.
    """
    if batch_size < 2:
        raise ValueError(f"batch_size: {batch_size}; a pair needs a batch of at least 2")
    batches = np.sort(_rows(track, batch_size, least=1), axis=1)
    begins_run = np.ones(batches.shape, np.bool_)
    begins_run[:, 1:] = batches[:, 1:] != batches[:, :-1]
    runs = np.diff(np.append(np.flatnonzero(begins_run), batches.size))
    pairs = int((runs * (runs - 1)).sum())
    return pairs / (len(batches) * batch_size * (batch_size - 1)) / population.same_track


def vif(label: NDArray[np.floating[Any]], batch_size: int, population: Population) -> float:
    """Variance of the mean label of a batch, relative to a uniform permutation.

    Args:
        label: `(windows,)` in the order of delivery.
        batch_size: windows of one batch.
        population: statistics of the whole epoch.

    Raises:
        ValueError: there are fewer than two whole batches.
    """
    return _inflation(label, batch_size, population)


def drift(label: NDArray[np.floating[Any]], batch_size: int, population: Population) -> float:
    """Variance of the mean label of a hundred consecutive batches, relative to a uniform permutation.

    Args:
        label: `(windows,)` in the order of delivery.
        batch_size: windows of one batch.
        population: statistics of the whole epoch.

    Raises:
        ValueError: there are fewer than two whole runs of a hundred batches.
    """
    return _inflation(label, DRIFT_BATCHES * batch_size, population)


def _inflation(label: NDArray[np.floating[Any]], size: int, population: Population) -> float:
    """Unbiased variance of the means of runs of `size` windows, divided by its expectation under permutation.

    Means of disjoint runs drawn without replacement are slightly less spread than independent ones, and negatively
    correlated; in their unbiased variance the two cancel, so that its expectation is the population's unbiased
    variance over `size`, however much of the epoch the runs cover.
    """
    means = _rows(label, size, least=2).mean(axis=1, dtype=np.float64)
    return float(means.var(ddof=1) / (population.variance / size))


def _rows(values: NDArray[Any], size: int, least: int) -> NDArray[Any]:
    count = values.size // size
    if count < least:
        raise ValueError(f"{values.size} windows are fewer than {least} x {size}; deliver more of the epoch")
    return values[: count * size].reshape(count, size)
