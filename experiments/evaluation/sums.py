"""Sums over the frames of each track, from which all figures are computed."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from experiments.evaluation.frames import RIGHT, Guesses, Truth

FINE, COARSE = 4096, 128  # levels of confidence
EXACT, OFF, OCTAVE = 10.0, 200.0, 1200.0  # cents
CLASSES = ("exact", "close", "off", "octave_up", "octave_down", "wrong")


def error_classes(error: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class of each error `(frames,)` in cents, as its place in `CLASSES`; NaN is `wrong`."""
    distance, octave = np.abs(error), np.abs(np.abs(error) - OCTAVE) < RIGHT
    found = np.select(
        [distance < EXACT, distance < RIGHT, distance < OFF, octave & (error > 0), octave],
        [CLASSES.index(name) for name in CLASSES[:-1]],
        CLASSES.index("wrong"),
    )
    return np.asarray(found)


class Sums:
    """Numbers of frames of each track, float64 `(tracks,)`, for one method.

    Args:
        truth: of all frames.
        guesses: of the method.
        threshold: of its confidence; None: its own voicing.
        kept: bool `(frames,)`, the frames that count; None: all.
        tracks: bool `(tracks,)`, the tracks that count; None: all.
    """

    def __init__(
        self,
        truth: Truth,
        guesses: Guesses,
        threshold: float | None = None,
        kept: NDArray[np.bool_] | None = None,
        tracks: NDArray[np.bool_] | None = None,
    ) -> None:
        self._truth, self._guesses = truth, guesses
        self._kept = np.ones(len(truth.track), np.bool_) if kept is None else kept
        self._tracks = np.ones(len(truth.tracks), np.bool_) if tracks is None else tracks
        self._claimed = guesses.voiced_at(threshold)
        self._both = truth.voiced & self._claimed
        self._hits = self._both & guesses.right()

    def _count(self, which: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        counted = self._kept & which
        track = self._truth.track[counted]
        sums = np.bincount(track, None if weights is None else weights[counted], minlength=len(self._truth.tracks))
        return sums[self._tracks].astype(np.float64)

    def frames(self) -> NDArray[np.float64]:
        """All."""
        return self._count(np.ones_like(self._kept))

    def voiced(self) -> NDArray[np.float64]:
        """V: truly voiced."""
        return self._count(self._truth.voiced)

    def unvoiced(self) -> NDArray[np.float64]:
        """Truly unvoiced."""
        return self._count(~self._truth.voiced)

    def claimed(self) -> NDArray[np.float64]:
        """P: estimated voiced."""
        return self._count(self._claimed)

    def recalled(self) -> NDArray[np.float64]:
        """Voiced in both."""
        return self._count(self._both)

    def alarms(self) -> NDArray[np.float64]:
        """Estimated voiced and truly unvoiced."""
        return self._count(self._claimed & ~self._truth.voiced)

    def rejected(self) -> NDArray[np.float64]:
        """Unvoiced in both."""
        return self._count(~self._claimed & ~self._truth.voiced)

    def hits(self) -> NDArray[np.float64]:
        """H: voiced in both and right."""
        return self._count(self._hits)

    def within(self, tolerance: float) -> NDArray[np.float64]:
        """Truly voiced with a guess within a tolerance in cents, whatever the estimated voicing."""
        return self._count(np.abs(self._guesses.error) < tolerance)

    def of_class(self, name: str) -> NDArray[np.float64]:
        """Voiced in both with an error of a class, one of `CLASSES`."""
        return self._count(self._both & (self._class == CLASSES.index(name)))

    @cached_property
    def _class(self) -> NDArray[np.int64]:
        return error_classes(self._guesses.error)

    def moments(self) -> NDArray[np.float64]:
        """Of right frames whose slope is known, `(tracks, 5)`: number, errors, slopes, their squares and products."""
        error, slope = self._guesses.error, self._truth.slope
        which = self._hits & ~np.isnan(slope)
        sums = [self._count(which, weights) for weights in (None, error, slope, slope**2, error * slope)]
        return np.stack(sums, axis=1)

    def levels(self) -> NDArray[np.float64]:
        """By level of confidence, `(tracks, 2, FINE)`, unvoiced and voiced; NaN if the method has no confidence."""
        confidence, tracks = self._guesses.confidence, len(self._truth.tracks)
        if confidence is None:
            return np.full((int(self._tracks.sum()), 2, FINE), np.nan)
        kept = self._kept & self._tracks[self._truth.track]
        edges = np.quantile(confidence[kept], np.arange(1, FINE) / FINE) if kept.any() else np.zeros(FINE - 1)
        level = np.searchsorted(edges, confidence[kept], side="right")
        cell = (self._truth.track[kept] * 2 + self._truth.voiced[kept]) * FINE + level
        counts = np.bincount(cell, minlength=tracks * 2 * FINE)
        return counts.reshape(tracks, 2, FINE)[self._tracks].astype(np.float64)
