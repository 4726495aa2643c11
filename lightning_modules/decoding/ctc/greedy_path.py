"""The best path of an utterance in one pass over its log-probabilities, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BLANK = 0  # that of `base`, which imports this module


@njit(nogil=True, cache=True)  # compiling takes seconds
def best_path(
    log_probs: NDArray[np.float32], largest: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], float, bool]:
    """Symbols of the best path without repeats and blanks, their first frames, and its log-probability.

    Ties go to the lowest symbol.

    Args:
        log_probs: `(frames, symbols)`, contiguous: another layout would be compiled anew.
        largest: that a value may be.

    Returns:
        Symbols, frames and score, and whether every value is a number of at most `largest`; if not, the others are of
        no use.
    """
    frames, symbols = log_probs.shape
    found, starts = np.empty(frames, np.int64), np.empty(frames, np.int64)
    count, before, score = 0, _BLANK, 0.0
    for frame in range(frames):
        best, place = log_probs[frame, 0], 0
        fine = best <= largest
        for symbol in range(1, symbols):
            value = log_probs[frame, symbol]
            fine &= value <= largest  # false for NaN
            if value > best:
                best, place = value, symbol
        if not fine:
            return found[:0], starts[:0], 0.0, False
        score += best
        if place not in (_BLANK, before):
            found[count], starts[count] = place, frame
            count += 1
        before = place
    return found[:count], starts[:count], score, True
