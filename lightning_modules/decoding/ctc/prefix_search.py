"""The search of PrefixBeam, compiled by numba.

All prefixes that were ever in the beam form a tree, one row each. A prefix that leaves the beam keeps its row: it may
come back, and must then be merged with the successors that stayed. Every array is allocated once and has room for all
frames. Probabilities are relative to the best prefix, so that long utterances do not underflow; the logarithm of the
scale is kept apart.
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lightning_modules.decoding.ctc.base import BLANK

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]
_Indices: TypeAlias = NDArray[np.int32]
_Bools: TypeAlias = NDArray[np.bool_]
_Heap: TypeAlias = list[tuple[float, int]]

# Columns of the tree; the last one is the prefix's place in the beam.
_PARENT, _SYMBOL, _CHILD, _SIBLING, _PLACE = range(5)
# Rows of the tree: the parent of the empty prefix, which is never in the beam, and the empty prefix.
_NOWHERE, _EMPTY = range(2)
_NONE = -1
# Columns of a beam: the paths to a prefix that end in a blank, and those that end in its last symbol.
_IN_BLANK, _IN_SYMBOL = range(2)


class _Prefixes(NamedTuple):
    """The prefixes of a beam.

    Attributes:
        node: `(size,)` rows of the tree.
        mass: `(size, 2)` probabilities of all paths.
        best: `(size, 2)` log-probabilities of the best path.
        onset: `(size, 2)` rows of `_History.onsets` for the last symbol on the best path.
    """

    node: _Ints
    mass: _Floats
    best: _Floats
    onset: _Ints


class _History(NamedTuple):
    """The prefixes of all beams so far.

    Attributes:
        tree: `(rows, 5)`, see the columns above.
        onsets: `(rows, 2)` first frame of a symbol on a path, and the row of the symbol before it.
        used: `(2,)` number of rows in use, of the tree and of the onsets.
    """

    tree: _Indices
    onsets: _Indices
    used: _Ints


class _Frame(NamedTuple):
    """The current frame.

    Attributes:
        logs: `(symbols,)` log-probabilities; minus infinity for symbols that are pruned.
        probabilities: `(symbols,)`.
        order: `(symbols,)` the most probable symbols, in falling order.
        starts: `(size,)` whether the best path to a prefix that stays starts its last symbol in this frame.
        merged: `(size, symbols)` whether the prefix extended by the symbol is in the beam already.
    """

    logs: _Floats
    probabilities: _Floats
    order: _Ints
    starts: _Bools
    merged: _Bools


@njit(nogil=True, cache=True)  # compiling takes seconds
def search(log_probs: _Floats, size: int, nbest: int, symbols_per_frame: int) -> list[tuple[_Ints, float, _Ints]]:
    """Symbols, log-probability and onsets (frames) of the best prefixes, the best first.

    Args:
        log_probs: `(frames, symbols)`, contiguous: another layout would be compiled anew.
        size: of the beam.
        nbest: how many prefixes to return, at most; none if no path is possible.
        symbols_per_frame: how many of the most probable symbols of a frame are not pruned, at most `symbols`.
    """
    frames, symbols = log_probs.shape
    beam, stayed, following = _new_prefixes(size), _new_prefixes(size), _new_prefixes(size)
    history = _History(
        np.empty((2 + frames * size, 5), np.int32), np.empty((frames * size, 2), np.int32), np.array([2, 0])
    )
    frame = _Frame(
        np.empty(symbols),
        np.empty(symbols),
        np.empty(symbols, np.int64),
        np.zeros(size, np.bool_),
        np.zeros((size, symbols), np.bool_),
    )
    masses, numbers = np.empty(size), np.empty(size, np.int64)  # of the candidates chosen for the next beam
    _start(beam, history)
    held, scale = 1, 0.0
    for now in range(frames):
        _load(log_probs[now], symbols_per_frame, frame)
        _stay(beam, held, history.tree, frame, stayed)
        chosen = _choose(beam, stayed, held, history.tree, frame, masses, numbers)
        _release(beam, held, history.tree, frame)
        for place in range(chosen):
            if numbers[place] < size:
                starts = _copy(stayed, numbers[place], following, place, frame)
            else:
                starts = _extend(beam, numbers[place] - size, masses[place], history, frame, following, place)
            if starts:
                _record_onset(following, place, history, now)
            history.tree[following.node[place], _PLACE] = place
        if chosen > 0:
            scale += np.log(masses[0])
            for place in range(chosen):
                following.mass[place, _IN_BLANK] /= masses[0]
                following.mass[place, _IN_SYMBOL] /= masses[0]
        beam, following, held = following, beam, chosen
    # Numba 0.68 would compile a comprehension here to garbage.
    found = []
    for place in range(min(nbest, held)):
        found.append(_trace_back(beam, place, history, scale))
    return found


@njit(nogil=True)
def _new_prefixes(size: int) -> _Prefixes:
    return _Prefixes(np.empty(size, np.int64), np.empty((size, 2)), np.empty((size, 2)), np.empty((size, 2), np.int64))


@njit(nogil=True)
def _start(beam: _Prefixes, history: _History) -> None:
    """Put the empty prefix into the beam, with one path, which ends in a blank."""
    for column in range(5):
        history.tree[_NOWHERE, column], history.tree[_EMPTY, column] = _NONE, _NONE
    history.tree[_EMPTY, _PARENT], history.tree[_EMPTY, _SYMBOL], history.tree[_EMPTY, _PLACE] = _NOWHERE, BLANK, 0
    beam.node[0] = _EMPTY
    beam.mass[0, _IN_BLANK], beam.mass[0, _IN_SYMBOL] = 1.0, 0.0
    beam.best[0, _IN_BLANK], beam.best[0, _IN_SYMBOL] = 0.0, -np.inf
    beam.onset[0, _IN_BLANK], beam.onset[0, _IN_SYMBOL] = _NONE, _NONE


@njit(nogil=True)
def _load(log_probs: _Floats, symbols_per_frame: int, frame: _Frame) -> None:
    """Read the probabilities of a frame and prune all but its most probable symbols."""
    kept = len(log_probs)
    if symbols_per_frame < kept:
        kept = _rank(log_probs, symbols_per_frame, -np.inf, frame.order)
        for symbol in range(len(log_probs)):
            frame.logs[symbol], frame.probabilities[symbol] = -np.inf, 0.0
    else:
        for symbol in range(kept):
            frame.order[symbol] = symbol
    for rank in range(kept):
        symbol = frame.order[rank]
        frame.logs[symbol], frame.probabilities[symbol] = log_probs[symbol], np.exp(log_probs[symbol])


@njit(nogil=True)
def _rank(values: _Floats, most: int, least: float, order: _Ints) -> int:
    """Write the indices of the `most` greatest values of at least `least` to `order`; return how many there are.

    The order is falling; of equal values the lower index comes first.
    """
    ranked = 0
    for item in range(len(values)):
        value = values[item]
        if value < least or (ranked == most and value <= values[order[ranked - 1]]):
            continue
        rank = min(ranked, most - 1)
        while rank > 0 and values[order[rank - 1]] < value:
            order[rank] = order[rank - 1]
            rank -= 1
        order[rank] = item
        ranked = min(ranked + 1, most)
    return ranked


@njit(nogil=True)
def _extensible(beam: _Prefixes, place: int, repeats: bool) -> tuple[float, float, int]:
    """Mass, log-probability of the best path, and its onset, of the paths that another symbol may follow.

    A symbol that repeats the last one needs a blank in between, so that only paths that end in a blank count.
    """
    if repeats or beam.best[place, _IN_BLANK] >= beam.best[place, _IN_SYMBOL]:
        best, onset = beam.best[place, _IN_BLANK], beam.onset[place, _IN_BLANK]
    else:
        best, onset = beam.best[place, _IN_SYMBOL], beam.onset[place, _IN_SYMBOL]
    mass = beam.mass[place, _IN_BLANK]
    return (mass if repeats else mass + beam.mass[place, _IN_SYMBOL]), best, onset


@njit(nogil=True)
def _stay(beam: _Prefixes, held: int, tree: _Indices, frame: _Frame, stayed: _Prefixes) -> None:
    """Follow the paths that lead to the prefixes of the beam once more.

    A blank, or the last symbol again, follows paths to the prefix itself; the last symbol for the first time follows
    paths to its parent, if the beam holds that too.
    """
    for place in range(held):
        node = beam.node[place]
        last, parent = tree[node, _SYMBOL], tree[tree[node, _PARENT], _PLACE]
        mass, best, onset = _extensible(beam, place, False)
        stayed.node[place] = node
        stayed.mass[place, _IN_BLANK] = mass * frame.probabilities[BLANK]
        stayed.best[place, _IN_BLANK], stayed.onset[place, _IN_BLANK] = best + frame.logs[BLANK], onset
        mass, best, onset = beam.mass[place, _IN_SYMBOL], beam.best[place, _IN_SYMBOL], beam.onset[place, _IN_SYMBOL]
        frame.starts[place] = False
        if parent != _NONE:
            frame.merged[parent, last] = True
            more, other, before = _extensible(beam, parent, last == tree[beam.node[parent], _SYMBOL])
            mass += more
            if other > best:
                best, onset, frame.starts[place] = other, before, True
        stayed.mass[place, _IN_SYMBOL] = mass * frame.probabilities[last]
        stayed.best[place, _IN_SYMBOL], stayed.onset[place, _IN_SYMBOL] = best + frame.logs[last], onset


@njit(nogil=True)
def _choose(
    beam: _Prefixes, stayed: _Prefixes, held: int, tree: _Indices, frame: _Frame, masses: _Floats, numbers: _Ints
) -> int:
    """Write the masses and numbers of the best candidates for the next beam, the best first; return how many there are.

    A prefix that stays is numbered by its place; a successor by `size + place * symbols + symbol`.
    """
    size, symbols = frame.merged.shape
    # The worst candidate is in front: the least probable, and of equally probable ones that with the highest number.
    heap = [(0.0, 0)]
    heap.clear()
    for place in range(held):
        _offer(heap, size, stayed.mass[place, _IN_BLANK] + stayed.mass[place, _IN_SYMBOL], place)
    # The first prefix has the greatest mass: a symbol less probable than this brings no prefix into a full beam.
    least = heap[0][0] / (beam.mass[0, _IN_BLANK] + beam.mass[0, _IN_SYMBOL]) if len(heap) == size else 0.0
    ranked = _rank(frame.probabilities, symbols, least, frame.order)
    for place in range(held):
        last = tree[beam.node[place], _SYMBOL]
        in_blank = beam.mass[place, _IN_BLANK]
        total = in_blank + beam.mass[place, _IN_SYMBOL]
        for symbol in frame.order[:ranked]:
            if len(heap) == size and total * frame.probabilities[symbol] < heap[0][0]:
                break
            if symbol != BLANK and not frame.merged[place, symbol]:
                mass = (in_blank if symbol == last else total) * frame.probabilities[symbol]
                _offer(heap, size, mass, size + place * symbols + symbol)
    chosen = len(heap)
    for place in range(chosen - 1, -1, -1):
        masses[place], number = heappop(heap)
        numbers[place] = -number
    return chosen


@njit(nogil=True)
def _offer(heap: _Heap, size: int, mass: float, number: int) -> None:
    """Add a possible candidate; to a full heap only in place of a worse one."""
    if mass <= 0.0:
        return
    if len(heap) < size:
        heappush(heap, (mass, -number))
    elif (mass, -number) > heap[0]:
        heapreplace(heap, (mass, -number))


@njit(nogil=True)
def _release(beam: _Prefixes, held: int, tree: _Indices, frame: _Frame) -> None:
    """Clear the places of the beam's prefixes in the tree, and what `_stay` noted as merged."""
    for place in range(held):
        tree[beam.node[place], _PLACE] = _NONE
        for symbol in range(len(frame.logs)):
            frame.merged[place, symbol] = False


@njit(nogil=True)
def _copy(stayed: _Prefixes, origin: int, following: _Prefixes, place: int, frame: _Frame) -> bool:
    """Move a prefix that stays to its place in the next beam; return whether its last symbol starts now."""
    following.node[place] = stayed.node[origin]
    for ending in range(2):
        following.mass[place, ending] = stayed.mass[origin, ending]
        following.best[place, ending] = stayed.best[origin, ending]
        following.onset[place, ending] = stayed.onset[origin, ending]
    return bool(frame.starts[origin])


@njit(nogil=True)
def _extend(
    beam: _Prefixes, number: int, mass: float, history: _History, frame: _Frame, following: _Prefixes, place: int
) -> bool:
    """Put a successor into the next beam; return True: its last symbol starts now."""
    origin, symbol = divmod(number, len(frame.logs))
    node = beam.node[origin]
    _, best, onset = _extensible(beam, origin, symbol == history.tree[node, _SYMBOL])
    following.node[place] = _child(history, node, symbol)
    following.mass[place, _IN_BLANK], following.mass[place, _IN_SYMBOL] = 0.0, mass
    following.best[place, _IN_BLANK], following.best[place, _IN_SYMBOL] = -np.inf, best + frame.logs[symbol]
    following.onset[place, _IN_BLANK], following.onset[place, _IN_SYMBOL] = _NONE, onset
    return True


@njit(nogil=True)
def _record_onset(following: _Prefixes, place: int, history: _History, now: int) -> None:
    """Note that the last symbol of a prefix starts in frame `now`."""
    row = history.used[1]
    history.onsets[row, 0], history.onsets[row, 1] = now, following.onset[place, _IN_SYMBOL]
    following.onset[place, _IN_SYMBOL] = row
    history.used[1] += 1


@njit(nogil=True)
def _child(history: _History, node: int, symbol: int) -> int:
    """The row of a prefix with one more symbol; a new one if the tree does not hold it."""
    tree, row = history.tree, history.used[0]
    child = tree[node, _CHILD]
    while child != _NONE:
        if tree[child, _SYMBOL] == symbol:
            return int(child)
        child = tree[child, _SIBLING]
    tree[row, _PARENT], tree[row, _SYMBOL], tree[row, _CHILD] = node, symbol, _NONE
    tree[row, _SIBLING], tree[node, _CHILD] = tree[node, _CHILD], row
    history.used[0] += 1
    return int(row)


@njit(nogil=True)
def _trace_back(beam: _Prefixes, place: int, history: _History, scale: float) -> tuple[_Ints, float, _Ints]:
    """Symbols, log-probability and onsets of a prefix."""
    length, node = 0, beam.node[place]
    while node != _EMPTY:
        length, node = length + 1, history.tree[node, _PARENT]
    symbols, frames = np.empty(length, np.int64), np.empty(length, np.int64)
    mass, _, onset = _extensible(beam, place, False)
    node = beam.node[place]
    for item in range(length - 1, -1, -1):
        symbols[item], frames[item] = history.tree[node, _SYMBOL], history.onsets[onset, 0]
        node, onset = history.tree[node, _PARENT], history.onsets[onset, 1]
    return symbols, np.log(mass) + scale, frames
