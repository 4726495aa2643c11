"""The best path of an utterance in one pass over its log-probabilities, compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_BLANK = 0  # that of `base`, which imports this module
# By bytes of a number: integers of its size, its bits without the sign, and those of infinity.
_BITS: dict[int, Any] = {
    4: (np.int32, np.int32(0x7FFFFFFF), np.int32(0x7F800000)),
    8: (np.int64, np.int64(0x7FFFFFFFFFFFFFFF), np.int64(0x7FF0000000000000)),
}


def best_path(
    log_probs: NDArray[np.float32], largest: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], float, bool]:
    """Symbols of the best path without repeats and blanks, their first frames, and its log-probability.

    Ties go to the lowest symbol.

    Args:
        log_probs: `(frames, symbols)`, float32 or float64, contiguous.
        largest: that a value may be.

    Returns:
        Symbols, frames and score, and whether every value is a number of at most `largest`; if not, the others are of
        no use.
    """
    integers, unsigned, infinity = _BITS[log_probs.itemsize]
    found: tuple[NDArray[np.int64], NDArray[np.int64], float, bool] = _path(
        log_probs, log_probs.view(integers), unsigned, infinity, largest
    )
    return found


@njit(nogil=True, cache=True)  # compiling takes seconds
def _path(
    log_probs: NDArray[np.float32], bits: NDArray[np.int32], unsigned: np.int32, infinity: np.int32, largest: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], float, bool]:
    """As `best_path`. The largest of integers is found by vector instructions, that of floats is not.

    Numbers are ordered as their bits are; of negative ones, all but the sign is turned over for that.
    """
    frames, symbols = log_probs.shape
    found, starts = np.empty(frames, np.int64), np.empty(frames, np.int64)
    count, before, score = 0, _BLANK, 0.0
    shift = 8 * log_probs.itemsize - 1
    for frame in range(frames):
        highest, size = -unsigned - 1, bits[frame, 0] & unsigned
        for symbol in range(symbols):
            own = bits[frame, symbol]
            highest = max(highest, own ^ ((own >> shift) & unsigned))
            size = max(size, own & unsigned)
        place = 0
        while place < symbols - 1 and bits[frame, place] ^ ((bits[frame, place] >> shift) & unsigned) != highest:
            place += 1
        best = log_probs[frame, place]
        if size > infinity or not best <= largest:  # NaN is above infinity
            return found[:0], starts[:0], 0.0, False
        if best == 0:  # 0 and -0 are alike, but for their bits
            place = 0
            while log_probs[frame, place] != 0:
                place += 1
        score += best
        if place not in (_BLANK, before):
            found[count], starts[count] = place, frame
            count += 1
        before = place
    return found[:count], starts[:count], score, True
