"""Who is right where the others are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.evaluation.frames import RIGHT, AlignedTrack
from experiments.reporting.values import step_of

STRETCHES = 12  # of each method
_GAP = 0.1  # s: a stretch goes on over shorter interruptions
_MOST = 12  # methods, whose subsets are counted


def agreement(tracks: Sequence[AlignedTrack], methods: Sequence[str]) -> dict[str, Any] | None:
    """Of the truly voiced frames, how many each subset of the methods has right, and where one alone has.

    A frame is right where the best guess lies within 50 cents, whatever the voicing.

    Args:
        tracks: of a set.
        methods: names; with fewer than two there is nothing to say.

    Returns:
        `patterns`: the methods that are right and the number of frames, most frequent first; `alone` and `failing`: by
        method the longest stretches of a track where it alone is right or wrong, with `start` and `seconds`.
    """
    if not 2 <= len(methods) <= _MOST:
        return None
    bits = 1 << np.arange(len(methods))
    every = int(bits.sum())
    counts = np.zeros(every + 1, np.int64)
    alone: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    failing: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    for track in tracks:
        right = np.stack([np.abs(track.errors(method)) < RIGHT for method in methods])
        pattern = bits @ right
        counts += np.bincount(pattern[track.voiced], minlength=every + 1)
        for bit, method in zip(bits.tolist(), methods, strict=True):
            alone[method] += _stretches(track, track.voiced & (pattern == bit))
            failing[method] += _stretches(track, track.voiced & (pattern == every - bit))
    order = np.argsort(-counts, kind="stable")
    patterns = [
        {"right": [name for place, name in enumerate(methods) if subset >> place & 1], "frames": int(counts[subset])}
        for subset in order.tolist()
        if counts[subset]
    ]
    return {
        "patterns": patterns,
        "alone": {method: _longest(found) for method, found in alone.items()},
        "failing": {method: _longest(found) for method, found in failing.items()},
    }


def _stretches(track: AlignedTrack, where: NDArray[np.bool_]) -> list[dict[str, Any]]:
    frames = np.flatnonzero(where)
    if not len(frames):
        return []
    step = step_of(track.times)
    breaks = np.flatnonzero(np.diff(track.times[frames]) > max(_GAP, 1.5 * step)) + 1
    return [
        {"track": track.name, "start": float(track.times[run[0]]), "seconds": len(run) * step}
        for run in np.split(frames, breaks)
    ]


def _longest(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(found, key=lambda each: (-each["seconds"], each["track"], each["start"]))
    return ordered[:STRETCHES]
