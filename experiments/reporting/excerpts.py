"""Which seconds of which tracks a page shows: the worst of each first, then more as long as there is room."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callbacks.predictions.worst_window import worst_window

MOST = 6  # windows that are joined


class Excerpt(NamedTuple):
    """Some frames of a track.

    Attributes:
        first: frame.
        last: frame after the last one.
    """

    first: int
    last: int


def tiles(errors: NDArray[np.float64], length: int) -> list[Excerpt]:
    """The worst window of a track, and windows of its length from there to both ends, in order of time."""
    first: int = worst_window(errors, length).start
    cuts = [*range(first % length, len(errors), length)]
    edges = sorted({0, *cuts, len(errors)})
    return [Excerpt(*pair) for pair in pairwise(edges)]


def choose(
    errors: Mapping[str, NDArray[np.float64]],
    lengths: Mapping[str, int],
    cost: Callable[[str, Excerpt], float],
    room: float,
) -> dict[str, list[Excerpt]]:
    """Excerpts that fit, neighbours joined, in order of time; a track for which there was no room has none.

    What is joined has at most `MOST` windows, so that a page draws no more at once.

    First every track gets its worst window, those with the most errors first; then further windows follow in order of
    their errors.

    Args:
        errors: of each frame of the tracks, `(frames,)`.
        lengths: frames of a window, by track.
        cost: of an excerpt of a track.
        room: for the sum of costs.
    """
    queue: list[tuple[int, float, str, Excerpt]] = []
    for name, of_track in errors.items():
        ranked = sorted(tiles(of_track, lengths[name]), key=lambda tile: (-_sum(of_track, tile), tile.first))
        for rank, tile in enumerate(ranked):
            queue.append((min(rank, 1), -_sum(of_track, tile), name, tile))
    heapq.heapify(queue)
    chosen: dict[str, list[Excerpt]] = {name: [] for name in errors}
    while queue:
        _, _, name, tile = heapq.heappop(queue)
        price = cost(name, tile)
        if price <= room:
            room -= price
            chosen[name].append(tile)
    return {name: _joined(sorted(of_track), MOST * lengths[name]) for name, of_track in chosen.items()}


def _sum(errors: NDArray[np.float64], tile: Excerpt) -> float:
    return round(float(errors[tile.first : tile.last].sum()), 9)


def _joined(ordered: Sequence[Excerpt], most: int) -> list[Excerpt]:
    found: list[Excerpt] = []
    for each in ordered:
        if found and found[-1].last == each.first and each.last - found[-1].first <= most:
            found[-1] = Excerpt(found[-1].first, each.last)
        else:
            found.append(each)
    return found
