"""Notes of a decoded contour: the best division of each voiced stretch into pieces of one pitch, found exactly.

Nothing is learned. The pieces of a stretch minimise the sum over its frames of the distance to the pitch of their
piece, in semitones times seconds, and a cost for each change of the pitch: the Potts functional, with absolute
distances that are capped. It is minimised exactly by dynamic programming over pitches (G. Winkler, V. Liebscher,
"Smoothers for discontinuous signals", Journal of Nonparametric Statistics 14, 2002), with a shortest length of a piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

A4, A4_NOTE = 440.0, 69.0
_STEP = 0.1  # semitones between the pitches that a piece may have; its own is the median of its frames afterwards


class HeardNote(NamedTuple):
    """A note.

    Attributes:
        start: s.
        end: s.
        pitch: MIDI note with a fraction, the median of its frames.
        confidence: mean of its frames, 0 to 1.
    """

    start: float
    end: float
    pitch: float
    confidence: float


def notes_of(
    times: NDArray[np.float64],
    f0: NDArray[np.float64],
    confidence: NDArray[np.float64],
    voiced: NDArray[np.bool_],
    *,
    change: float = 0.06,
    farthest: float = 1.5,
    shortest: float = 0.06,
    gap: float = 0.03,
) -> list[HeardNote]:
    """The notes of a contour.

    Vibrato of less than a semitone to either side stays one note with the default costs, and a step of a semitone that
    lasts longer than `change` s becomes another one.

    Args:
        times: `(frames,)`, s, evenly spaced.
        f0: `(frames,)`, Hz.
        confidence: `(frames,)`, 0 to 1.
        voiced: `(frames,)`.
        change: cost of a change of pitch, semitones times seconds.
        farthest: semitones; a frame farther from its note costs no more than this, so that octave errors do not count.
        shortest: s; shorter notes are not made.
        gap: s; unvoiced stretches up to this length within a note belong to it.

    Returns:
        In order of time; they do not overlap.

    Raises:
        ValueError: arrays of different lengths, or an argument that is not positive (`gap`: negative).
    """
    if not len(times) == len(f0) == len(confidence) == len(voiced):
        raise ValueError("times, f0, confidence and voiced: they have different lengths")
    for name, value in (("change", change), ("farthest", farthest), ("shortest", shortest)):
        if not value > 0:
            raise ValueError(f"{name}: {value}; it must be positive")
    if not gap >= 0:
        raise ValueError(f"gap: {gap}; it must not be negative")
    if len(times) < 2:
        return []
    step = float(times[-1] - times[0]) / (len(times) - 1)
    least = max(round(shortest / step), 1)
    found = []
    for begin, end in _stretches(voiced & (f0 > 0), round(gap / step)):
        sounding = np.flatnonzero(voiced[begin:end] & (f0[begin:end] > 0))
        pitch = A4_NOTE + 12 * np.log2(f0[begin:end][sounding] / A4)
        # Frames of a bridged gap repeat the last pitch.
        held = np.repeat(pitch, np.diff([*sounding, end - begin]))
        if len(held) < least:
            continue
        for first, last in _pieces(held, step, change, farthest, least):
            inside = (sounding >= first) & (sounding < last)
            sure = confidence[begin:end][sounding[inside]]
            start, stop = times[begin] + (first - 0.5) * step, times[begin] + (last - 0.5) * step
            found.append(
                HeardNote(max(float(start), 0.0), float(stop), float(np.median(pitch[inside])), float(sure.mean()))
            )
    return found


def _stretches(voiced: NDArray[np.bool_], bridged: int) -> Iterator[tuple[int, int]]:
    """First frame and frame after the last of each voiced stretch; unvoiced ones of `bridged` frames do not end it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]])))
    begins, ends = edges[::2], edges[1::2]
    parted = np.flatnonzero(begins[1:] - ends[:-1] > bridged) + 1
    for begin, end in zip(np.split(begins, parted), np.split(ends, parted), strict=True):
        if len(begin):
            yield int(begin[0]), int(end[-1])


def _pieces(
    pitch: NDArray[np.float64], step: float, change: float, farthest: float, least: int
) -> Iterator[tuple[int, int]]:
    """First frame and frame after the last of each piece of a stretch."""
    lowest = np.floor(pitch.min() / _STEP) * _STEP
    candidates = lowest + _STEP * np.arange(round((pitch.max() - lowest) / _STEP) + 2)
    path = _best_pieces(pitch, candidates, change / step, farthest, least)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(pitch)]
    yield from pairwise(edges)


@njit(cache=True)
def _best_pieces(
    pitch: NDArray[np.float64], candidates: NDArray[np.float64], change: float, farthest: float, least: int
) -> NDArray[np.int64]:
    """The candidate of each frame, in pieces of at least `least` frames, as many as there are frames or more.

    `score[k]` is the cost of the best division that ends with candidate k in this frame. A piece of candidate k is
    entered `least` frames before the frame in which it first may end.
    """
    frames, count = len(pitch), len(candidates)
    score = np.full(count, np.inf)
    # Costs of the last `least` frames by candidate: their sum is that of the shortest piece that ends here.
    recent = np.zeros((least, count))
    total = np.zeros(count)
    best, winner = np.full(frames + 1, np.inf), np.zeros(frames + 1, np.int64)
    entered = np.zeros((frames, count), np.bool_)
    best[0] = -change  # the first piece is no change
    for frame in range(frames):
        slot = frame % least
        for k in range(count):
            cost = min(abs(pitch[frame] - candidates[k]), farthest)
            total[k] += cost - recent[slot, k]
            recent[slot, k] = cost
            score[k] += cost
            if frame + 1 >= least:
                fresh = best[frame + 1 - least] + change + total[k]
                if fresh < score[k]:
                    score[k] = fresh
                    entered[frame, k] = True
        winner[frame + 1] = np.argmin(score)
        best[frame + 1] = score[winner[frame + 1]]
    path = np.zeros(frames, np.int64)
    frame = frames
    while frame > 0:
        k = winner[frame]
        last = frame - 1
        while not entered[last, k]:
            last -= 1
        begin = last + 1 - least
        path[begin:frame] = k
        frame = begin
    return path
