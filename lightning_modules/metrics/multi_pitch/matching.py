"""The matching of several estimated pitches with several true ones, frame by frame, for all thresholds at once."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

TOLERANCE = 0.5  # semitones; mir_eval takes a pitch right at it for right
_OCTAVE = 12.0


def enlarging(reference: NDArray[np.float64], estimate: NDArray[np.float64], chroma: bool) -> NDArray[np.bool_]:
    """Which estimates make the largest matching of their frame larger when they are added one after the other.

    A matching pairs references with estimates within half a semitone, each at most once. An estimate enlarges the
    largest one by a pair or not at all, and one that does not at its turn never does: the sets of estimates that can be
    matched are the independent sets of a matroid (J. Edmonds and D. R. Fulkerson, "Transversals and Matroid Partition",
    1965). So if the estimates come in order of falling confidence, then at any threshold the number of right estimates
    is that of the marked ones above it. Whether there is a larger matching is found by an augmenting path (C. Berge,
    "Two Theorems in Graph Theory", 1957), so that the number is exact where a greedy choice is not: on the circle of
    the chroma, and for estimates in any order.

    Args:
        reference: `(frames, pitches)`, MIDI notes, NaN where there are fewer.
        estimate: `(frames, estimates)`, MIDI notes in the order in which they are added, NaN where there are fewer.
        chroma: whether octaves are ignored.

    Returns:
        bool `(frames, estimates)`.
    """
    if chroma:  # twice, for a tiny negative number is 12 after the first time
        reference, estimate = (np.mod(np.mod(notes, _OCTAVE), _OCTAVE) for notes in (reference, estimate))
    found: NDArray[np.bool_] = _enlarging(np.ascontiguousarray(reference), np.ascontiguousarray(estimate), chroma)
    return found


@njit(cache=True)
def _near(one: float, other: float, chroma: bool) -> bool:
    """With the arithmetic of mir_eval, so that a distance right at the tolerance falls to the same side."""
    if chroma:
        distance = abs(one - other)
        return bool(min(distance, _OCTAVE - distance) <= TOLERANCE)
    return bool(other - TOLERANCE <= one <= other + TOLERANCE)


@njit(cache=True)
def _enlarging(
    reference: NDArray[np.float64], estimate: NDArray[np.float64], chroma: bool
) -> NDArray[np.bool_]:  # pragma: no cover -- compiled
    frames, estimates = estimate.shape
    pitches = reference.shape[1]
    found = np.zeros((frames, estimates), np.bool_)
    owner = np.empty(pitches, np.int64)  # the estimate that has a reference
    owned = np.empty(estimates, np.int64)  # the reference that an estimate has
    reached_from = np.empty(pitches, np.int64)  # the estimate from which a path reached a reference
    queue = np.empty(pitches + 1, np.int64)
    for frame in range(frames):
        owner[:] = -1
        owned[:] = -1
        for added in range(estimates):
            reached_from[:] = -1
            queue[0] = added
            begin, end, free = 0, 1, -1
            while begin < end and free < 0:
                current = queue[begin]
                begin += 1
                for pitch in range(pitches):
                    if reached_from[pitch] < 0 and _near(reference[frame, pitch], estimate[frame, current], chroma):
                        reached_from[pitch] = current
                        if owner[pitch] < 0:
                            free = pitch
                            break
                        queue[end] = owner[pitch]
                        end += 1
            found[frame, added] = free >= 0
            while free >= 0:  # back along the path: every estimate on it takes the reference that it reached
                current = reached_from[free]
                owner[free] = current
                free, owned[current] = owned[current], free
    return found
