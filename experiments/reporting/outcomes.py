"""What became of every frame: right, wrong in which way, missed, or invented."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.evaluation.frames import AlignedTrack
from experiments.evaluation.sums import CLASSES, error_classes

SILENT = "unvoiced"
MISSED, ALARM = "missed", "false_alarm"
OUTCOMES = (SILENT, *CLASSES, MISSED, ALARM)
RIGHT = (SILENT, "exact", "close")
_WRONG = np.array([name not in RIGHT for name in OUTCOMES])


def outcomes(track: AlignedTrack, method: str, threshold: float | None) -> NDArray[np.uint8]:
    """The outcome of each frame, `(frames,)`, as its place in `OUTCOMES`.

    Args:
        track: with the guesses of the method.
        method: its name.
        threshold: of its confidence; None: its own voicing.
    """
    claimed = voiced_at(track, method, threshold)
    of_voiced = np.where(claimed, 1 + error_classes(track.errors(method)), OUTCOMES.index(MISSED))
    return np.where(track.voiced, of_voiced, np.where(claimed, OUTCOMES.index(ALARM), 0)).astype(np.uint8)


def voiced_at(track: AlignedTrack, method: str, threshold: float | None) -> NDArray[np.bool_]:
    """`(frames,)` where a method calls the frame voiced; arguments are those of `outcomes`."""
    guess = track.guesses[method]
    if threshold is None or guess.confidence is None:
        return guess.voiced
    return np.asarray((guess.confidence >= threshold) & (guess.cents != 0))


def wrong(found: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which outcomes, of any shape, are errors: neither within 50 cents nor rightly unvoiced."""
    return np.asarray(_WRONG[found], np.bool_)
