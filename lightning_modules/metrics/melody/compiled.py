"""Frames counted in one pass, compiled by numba, with the arithmetic that NumPy would do."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

OCTAVE = 1200.0  # cents


_BLOCK = 512  # frames, whose intermediate values stay in the nearest cache
_GROSS = 1  # as in `counts`, which imports this module; 0 is UNVOICED, and 2 is NEAR


@njit(nogil=True, cache=True)  # compiling takes seconds
def count_outcomes(
    reference: NDArray[np.float64],
    known: NDArray[np.bool_],
    octaves: NDArray[np.float64],
    level: NDArray[np.uint8],
    counts: NDArray[np.float64],
    tolerances: NDArray[np.float64],
    flattest: float,
    sharpest: float,
    margin: float,
) -> NDArray[np.int64]:
    """Count frames by outcome and level.

    Args:
        reference: `(frames,)`, Hz, 0 or negative where unvoiced; contiguous as all arrays: another layout would be
            compiled anew.
        known: `(frames,)`, where the reference is voiced, and both have a pitch.
        octaves: `(frames,)`, from the reference to the estimate; of any value where there are not both.
        level: `(frames,)`, below the number of levels.
        counts: `(outcomes, levels)`, to which frames are added.
        tolerances: cents.
        flattest: the lowest error in cents that is not gross.
        sharpest: the highest one.
        margin: cents, by less than which an error is too near to the edge of an outcome to tell.

    Returns:
        The frames of which it could not be told; they are not counted.
    """
    frames, levels, cells = len(octaves), counts.shape[1], counts.size
    # All of eight bytes, and without branches: so loops over a block become vector instructions.
    cents, folded, cell = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, np.int64)
    met, unsure = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    # Of four, so that equal frames in succession need not wait for each other.
    found, left, doubtful = np.zeros((4, cells + 1), np.int64), 0, np.empty(frames, np.int64)
    for first in range(0, frames, _BLOCK):
        size = min(_BLOCK, frames - first)
        error, both = octaves[first : first + size], known[first : first + size]
        pitch, own = reference[first : first + size], level[first : first + size]
        for place in range(size):
            cents[place] = error[place] * OCTAVE
            distance = abs(cents[place])
            folded[place] = abs(distance - math.floor(distance / OCTAVE + 0.5) * OCTAVE)
            met[place] = 0
            unsure[place] = np.int64((abs(cents[place] - flattest) < margin) | (abs(cents[place] - sharpest) < margin))
        for tolerance in tolerances:
            for place in range(size):
                met[place] += np.int64(folded[place] < tolerance)
                unsure[place] |= np.int64(abs(folded[place] - tolerance) < margin)
        near = 0
        for place in range(size):
            near += unsure[place]
        for place in range(size):
            not_gross = np.int64((cents[place] >= flattest) & (cents[place] <= sharpest))
            # With a tolerance met, NEAR + met, and as many more as there are tolerances in the same octave.
            beyond = np.int64(met[place] > 0) * (1 + met[place] + not_gross * (len(tolerances) - 1))
            outcome = _GROSS + np.int64(both[place]) * (not_gross + beyond)
            cell[place] = np.int64(pitch[place] > 0) * outcome * levels + np.int64(own[place])
        if near:
            for place in range(size):
                if unsure[place] and both[place]:
                    doubtful[left], cell[place] = first + place, cells
                    left += 1
        for place in range(size):
            found[place & 3, cell[place]] += 1
    counts += found[:, :cells].sum(axis=0).reshape(counts.shape)
    return doubtful[:left]


@njit(nogil=True, cache=True)
def ratios(
    reference: NDArray[np.float64], estimate: NDArray[np.float64], lowest: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Estimates over references, and where there are both; elsewhere the ratio is 1.

    Args:
        reference: `(frames,)`, Hz, 0 or negative where unvoiced; contiguous as all arrays.
        estimate: `(frames,)`, Hz, the guess or its negative, 0 where there is none.
        lowest: Hz, which is no pitch.
    """
    found, known = np.empty(len(reference)), np.empty(len(reference), np.bool_)
    for frame in range(len(reference)):
        pitch, guess = reference[frame], abs(estimate[frame])
        both = (pitch > 0) & (guess > 0) & (pitch / lowest != 1) & (guess / lowest != 1)
        known[frame] = both
        found[frame] = (guess if both else 1.0) / (pitch if both else 1.0)
    return found, known
