"""The best paths of a batch in one pass over its log-probabilities, compiled by numba."""

from __future__ import annotations

from collections.abc import Sequence
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


def best_paths(
    log_probs: NDArray[np.float32], lengths: Sequence[int], largest: float
) -> tuple[list[tuple[list[int], list[int], float]], bool]:
    """Of each utterance: symbols of the best path without repeats and blanks, their first frames, its log-probability.

    Ties go to the lowest symbol.

    Args:
        log_probs: `(batch, frames, symbols)`, float32 or float64, contiguous.
        lengths: frames of each utterance; what is behind them is not read.
        largest: that a value may be.

    Returns:
        These, and whether every value is a number of at most `largest`; if not, the paths are of no use.
    """
    integers, unsigned, infinity = _BITS[log_probs.itemsize]
    own = np.array(lengths, np.int64)
    paths, ends, scores, fine = _paths(log_probs, log_probs.view(integers), own, unsigned, infinity, largest)
    symbols, starts = paths.tolist()
    first, found = 0, []
    for end, score in zip(ends.tolist(), scores.tolist(), strict=True):
        found.append((symbols[first:end], starts[first:end], score))
        first = end
    return found, fine


@njit(nogil=True, cache=True)  # compiling takes seconds
def _paths(
    log_probs: NDArray[np.float32],
    bits: NDArray[np.int32],
    lengths: NDArray[np.int64],
    unsigned: np.int32,
    infinity: np.int32,
    largest: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], bool]:
    """Symbols and first frames of all utterances `(2, symbols)`, where each ends there, their scores; see `best_paths`.

    The largest of integers is found by vector instructions, that of floats is not.

    Numbers are ordered as their bits are; of negative ones, all but the sign is turned over for that.
    """
    items, _, symbols = log_probs.shape
    found, count = np.empty((2, lengths.sum()), np.int64), 0
    ends, scores = np.zeros(items, np.int64), np.zeros(items)
    shift = 8 * log_probs.itemsize - 1
    for item in range(items):
        before = _BLANK
        for frame in range(lengths[item]):
            highest, size = -unsigned - 1, bits[item, frame, 0] & unsigned
            for symbol in range(symbols):
                own = bits[item, frame, symbol]
                highest = max(highest, own ^ ((own >> shift) & unsigned))
                size = max(size, own & unsigned)
            place = 0
            while place < symbols - 1:
                own = bits[item, frame, place]
                if own ^ ((own >> shift) & unsigned) == highest:
                    break
                place += 1
            best = log_probs[item, frame, place]
            if size > infinity or not best <= largest:  # NaN is above infinity
                return found[:, :0], ends, scores, False
            if best == 0:  # 0 and -0 are alike, but for their bits
                place = 0
                while log_probs[item, frame, place] != 0:
                    place += 1
            scores[item] += best
            if place not in (_BLANK, before):
                found[0, count], found[1, count] = place, frame
                count += 1
            before = place
        ends[item] = count
    return found[:, :count], ends, scores, True
