"""From a CTC network's log-probabilities to symbols: beam search among prefixes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from lightning_modules.decoding.ctc.base import BLANK, CTCDecoder, Hypothesis, frames_inside
from lightning_modules.decoding.ctc.beam import check_beam, check_symbols_per_frame

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]
_Indices: TypeAlias = NDArray[np.int32]
_Bools: TypeAlias = NDArray[np.bool_]


class PrefixBeam(CTCDecoder):
    """The most probable sequence of symbols, each the sum of its paths, as far as a beam finds it; on the CPU.

    A. Graves, "Supervised Sequence Labelling with Recurrent Neural Networks", Springer 2012; A. Y. Hannun et al.,
    "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873.
    All paths to a prefix, whether they end in a blank or not, share its one place in the beam, whose most probable
    prefixes are kept from a frame to the next. The score of a hypothesis is the logarithm of its probability: of all
    its paths if the beam has room for every prefix, else of those that never left the beam. `frames` are those of the
    most probable of these paths.

    Take this one unless there is a language model of phones, which `Beam` has, or a lexicon, for which there is
    `LexiconBeam`.

    Of equal prefixes those come first that are in the beam already, in its order, then the successors of better
    prefixes, then those by lower symbols. What is 1e300 times less probable than the best prefix may be taken as
    impossible. Where no path is possible, the hypothesis is empty and scores minus infinity. The utterances of a batch
    are shared out among as many threads as torch may use.

    Args:
        beam_size: prefixes that are kept from a frame to the next.
        nbest: hypotheses that are given, at most; they differ in their symbols.
        symbols_per_frame: how many of the most probable symbols, blank included, may follow in a frame, the lower of
            equal ones; null: all. The search passes over what cannot enter the beam, so that fewer are hardly faster.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(self, beam_size: int = 50, nbest: int = 1, symbols_per_frame: int | None = None) -> None:
        check_beam(beam_size, nbest)
        check_symbols_per_frame(symbols_per_frame)
        self.beam_size, self.nbest, self.symbols_per_frame = beam_size, nbest, symbols_per_frame

    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        """See CTCDecoder."""
        frames_inside(log_probs, lengths, phones)
        self.check(phones)
        # Of one layout, for the search is compiled anew for another.
        values = log_probs.detach().cpu().double().contiguous().numpy()
        own = [of_one[:frames] for of_one, frames in zip(values, lengths.tolist(), strict=True)]
        threads = min(torch.get_num_threads(), len(own))
        if threads < 2:
            return [self._decoded(each) for each in own]
        # The search lets go of the interpreter's lock. Numba's own threads may neither be forked nor, with some of
        # their layers, be entered from two threads at once.
        with ThreadPoolExecutor(threads) as pool:
            return [*pool.map(self._decoded, own)]

    def _decoded(self, log_probs: _Floats) -> list[Hypothesis]:
        symbols = log_probs.shape[1]
        among = min(self.symbols_per_frame or symbols, symbols)
        found = [
            Hypothesis(said.tolist(), score, begins.tolist())
            for said, score, begins in _search(log_probs, self.beam_size, self.nbest, among)
        ]
        return found or [Hypothesis([], -math.inf, [])]


# Columns of the tree of prefixes, a row for each. A prefix keeps its row when it leaves the beam: it may come back, and
# meet its successors that have stayed.
_PARENT, _SYMBOL, _CHILD, _SIBLING, _PLACE = range(5)
# Rows: what the empty prefix has as a parent, which never is in the beam, and the empty prefix.
_NOWHERE, _EMPTY = range(2)
_NONE = -1
# Columns of the masses of a prefix: of paths that end in a blank, and in its last symbol.
_IN_BLANK, _IN_SYMBOL = range(2)


class _Prefixes(NamedTuple):
    """Prefixes, each in its place.

    Attributes:
        node: `(size,)` rows of the tree.
        mass: `(size, 2)` probabilities of their paths, as multiples of the best prefix's.
        best: `(size, 2)` logarithms of the probability of the best of these paths.
        begins: `(size, 2)` rows that say when the symbols of these best paths begin.
    """

    node: _Ints
    mass: _Floats
    best: _Floats
    begins: _Ints


class _Past(NamedTuple):
    """What the prefixes are made of.

    Attributes:
        tree: `(rows, 5)`, see above.
        times: `(rows, 2)` the frame in which a symbol begins on a path, and the row of the symbol before.
        used: `(2,)` rows of either in use.
    """

    tree: _Indices
    times: _Indices
    used: _Ints


class _Frame(NamedTuple):
    """A frame, and what the beam makes of it.

    Attributes:
        logs: `(symbols,)` logarithms of the probabilities of the symbols that may follow, the others' minus infinity.
        probabilities: `(symbols,)` of these.
        order: `(symbols,)` the most probable ones in order, as far as they matter.
        begun: `(size,)` whether the best path of a prefix that stays begins its last symbol.
        merged: `(size, symbols)` which successors of a prefix are in the beam already.
    """

    logs: _Floats
    probabilities: _Floats
    order: _Ints
    begun: _Bools
    merged: _Bools


class _Heap(NamedTuple):
    """Candidates for the beam, the worst in front: probabilities, and numbers of which the lower ones are better."""

    mass: _Floats
    number: _Ints


@njit(nogil=True)
def _search(log_probs: _Floats, size: int, nbest: int, among: int) -> list[tuple[_Ints, float, _Ints]]:
    """Symbols, logarithms of the probability and first frames of the best prefixes."""
    frames, symbols = log_probs.shape
    beam, stays, later = _prefixes(size), _prefixes(size), _prefixes(size)
    past = _Past(np.empty((2 + frames * size, 5), np.int32), np.empty((frames * size, 2), np.int32), np.array([2, 0]))
    frame = _Frame(
        np.empty(symbols),
        np.empty(symbols),
        np.empty(symbols, np.int64),
        np.zeros(size, np.bool_),
        np.zeros((size, symbols), np.bool_),
    )
    heap = _Heap(np.empty(size), np.empty(size, np.int64))
    _begin(beam, past)
    held, scale = 1, 0.0
    for now in range(frames):
        _read(log_probs[now], among, frame)
        _stay(beam, held, past.tree, frame, stays)
        chosen = _choose(beam, stays, held, past.tree, frame, heap)
        _leave(beam, held, past.tree, frame)
        for place in range(chosen):
            if heap.number[place] < size:
                begun = _take(stays, heap.number[place], later, place, frame)
            else:
                begun = _lengthen(beam, heap.number[place] - size, heap.mass[place], past, frame, later, place)
            if begun:
                _note(later, place, past, now)
            past.tree[later.node[place], _PLACE] = place
        if chosen > 0:
            scale += np.log(heap.mass[0])
            for place in range(chosen):
                later.mass[place, _IN_BLANK] /= heap.mass[0]
                later.mass[place, _IN_SYMBOL] /= heap.mass[0]
        beam, later, held = later, beam, chosen
    # Numba 0.68 would compile a comprehension here to garbage.
    found = []
    for place in range(min(nbest, held)):
        found.append(_unrolled(beam, place, past, scale))
    return found


@njit(nogil=True)
def _prefixes(size: int) -> _Prefixes:
    return _Prefixes(np.empty(size, np.int64), np.empty((size, 2)), np.empty((size, 2)), np.empty((size, 2), np.int64))


@njit(nogil=True)
def _begin(beam: _Prefixes, past: _Past) -> None:
    """Let the beam hold the empty prefix, as if behind a blank."""
    for column in range(5):
        past.tree[_NOWHERE, column], past.tree[_EMPTY, column] = _NONE, _NONE
    past.tree[_EMPTY, _PARENT], past.tree[_EMPTY, _SYMBOL], past.tree[_EMPTY, _PLACE] = _NOWHERE, BLANK, 0
    beam.node[0] = _EMPTY
    beam.mass[0, _IN_BLANK], beam.mass[0, _IN_SYMBOL] = 1.0, 0.0
    beam.best[0, _IN_BLANK], beam.best[0, _IN_SYMBOL] = 0.0, -np.inf
    beam.begins[0, _IN_BLANK], beam.begins[0, _IN_SYMBOL] = _NONE, _NONE


@njit(nogil=True)
def _read(log_probs: _Floats, among: int, frame: _Frame) -> None:
    """Take the probabilities of the most probable symbols, and let no other be possible."""
    kept = len(log_probs)
    if among < kept:
        kept = _ranked(log_probs, among, -np.inf, frame.order)
        for symbol in range(len(log_probs)):
            frame.logs[symbol], frame.probabilities[symbol] = -np.inf, 0.0
    else:
        for symbol in range(kept):
            frame.order[symbol] = symbol
    for place in range(kept):
        symbol = frame.order[place]
        frame.logs[symbol], frame.probabilities[symbol] = log_probs[symbol], np.exp(log_probs[symbol])


@njit(nogil=True)
def _ranked(values: _Floats, count: int, least: float, order: _Ints) -> int:
    """Which are the greatest, in falling order, the lower of equal ones first; and how many, at most `count`."""
    ranked = 0
    for item in range(len(values)):
        value = values[item]
        if value < least or (ranked == count and value <= values[order[ranked - 1]]):
            continue
        place = min(ranked, count - 1)
        while place > 0 and values[order[place - 1]] < value:
            order[place] = order[place - 1]
            place -= 1
        order[place] = item
        ranked = min(ranked + 1, count)
    return ranked


@njit(nogil=True)
def _entering(beam: _Prefixes, place: int, repeats: bool) -> tuple[float, float, int]:
    """What goes on to a longer prefix: mass, logarithm of the best path, and the beginnings of its symbols.

    Only a blank parts equal neighbours.
    """
    if repeats or beam.best[place, _IN_BLANK] >= beam.best[place, _IN_SYMBOL]:
        best, begins = beam.best[place, _IN_BLANK], beam.begins[place, _IN_BLANK]
    else:
        best, begins = beam.best[place, _IN_SYMBOL], beam.begins[place, _IN_SYMBOL]
    mass = beam.mass[place, _IN_BLANK]
    return (mass if repeats else mass + beam.mass[place, _IN_SYMBOL]), best, begins


@njit(nogil=True)
def _stay(beam: _Prefixes, held: int, tree: _Indices, frame: _Frame, stays: _Prefixes) -> None:
    """What the prefixes of the beam are one frame later, with what comes from those that are shorter by a symbol."""
    for place in range(held):
        node = beam.node[place]
        last, shorter = tree[node, _SYMBOL], tree[tree[node, _PARENT], _PLACE]
        mass, best, begins = _entering(beam, place, False)
        stays.node[place] = node
        stays.mass[place, _IN_BLANK] = mass * frame.probabilities[BLANK]
        stays.best[place, _IN_BLANK], stays.begins[place, _IN_BLANK] = best + frame.logs[BLANK], begins
        mass, best, begins = beam.mass[place, _IN_SYMBOL], beam.best[place, _IN_SYMBOL], beam.begins[place, _IN_SYMBOL]
        frame.begun[place] = False
        if shorter != _NONE:
            frame.merged[shorter, last] = True
            more, other, before = _entering(beam, shorter, last == tree[beam.node[shorter], _SYMBOL])
            mass += more
            if other > best:
                best, begins, frame.begun[place] = other, before, True
        stays.mass[place, _IN_SYMBOL] = mass * frame.probabilities[last]
        stays.best[place, _IN_SYMBOL], stays.begins[place, _IN_SYMBOL] = best + frame.logs[last], begins


@njit(nogil=True)
def _choose(beam: _Prefixes, stays: _Prefixes, held: int, tree: _Indices, frame: _Frame, heap: _Heap) -> int:
    """Leave in the heap the best of all candidates, in falling order, and tell how many.

    Those that stay have the numbers of their places; behind these come all successors of each.
    """
    size, symbols = frame.merged.shape
    count = 0
    for place in range(held):
        count = _offer(heap, count, stays.mass[place, _IN_BLANK] + stays.mass[place, _IN_SYMBOL], place)
    # No prefix has more mass than the first, of which this is a part.
    least = heap.mass[0] / (beam.mass[0, _IN_BLANK] + beam.mass[0, _IN_SYMBOL]) if count == size else 0.0
    ranked = _ranked(frame.probabilities, symbols, least, frame.order)
    for place in range(held):
        last = tree[beam.node[place], _SYMBOL]
        apart = beam.mass[place, _IN_BLANK]
        total = apart + beam.mass[place, _IN_SYMBOL]
        for symbol in frame.order[:ranked]:
            if count == size and total * frame.probabilities[symbol] < heap.mass[0]:
                break
            if symbol != BLANK and not frame.merged[place, symbol]:
                mass = (apart if symbol == last else total) * frame.probabilities[symbol]
                count = _offer(heap, count, mass, size + place * symbols + symbol)
    _sort(heap, count)
    return count


@njit(nogil=True)
def _leave(beam: _Prefixes, held: int, tree: _Indices, frame: _Frame) -> None:
    """Let all places be free."""
    for place in range(held):
        tree[beam.node[place], _PLACE] = _NONE
        for symbol in range(len(frame.logs)):
            frame.merged[place, symbol] = False


@njit(nogil=True)
def _take(stays: _Prefixes, origin: int, later: _Prefixes, place: int, frame: _Frame) -> bool:
    """Keep a prefix; return whether its best path begins its last symbol."""
    later.node[place] = stays.node[origin]
    for ending in range(2):
        later.mass[place, ending] = stays.mass[origin, ending]
        later.best[place, ending] = stays.best[origin, ending]
        later.begins[place, ending] = stays.begins[origin, ending]
    return bool(frame.begun[origin])


@njit(nogil=True)
def _lengthen(
    beam: _Prefixes, number: int, mass: float, past: _Past, frame: _Frame, later: _Prefixes, place: int
) -> bool:
    """Take a successor in, which by its number is a prefix's by a symbol."""
    origin, symbol = divmod(number, len(frame.logs))
    node = beam.node[origin]
    _, best, begins = _entering(beam, origin, symbol == past.tree[node, _SYMBOL])
    later.node[place] = _child(past, node, symbol)
    later.mass[place, _IN_BLANK], later.mass[place, _IN_SYMBOL] = 0.0, mass
    later.best[place, _IN_BLANK], later.best[place, _IN_SYMBOL] = -np.inf, best + frame.logs[symbol]
    later.begins[place, _IN_BLANK], later.begins[place, _IN_SYMBOL] = _NONE, begins
    return True


@njit(nogil=True)
def _note(later: _Prefixes, place: int, past: _Past, now: int) -> None:
    """Remember that the last symbol of a prefix begins now."""
    row = past.used[1]
    past.times[row, 0], past.times[row, 1] = now, later.begins[place, _IN_SYMBOL]
    later.begins[place, _IN_SYMBOL] = row
    past.used[1] += 1


@njit(nogil=True)
def _worse(heap: _Heap, one: int, other: int) -> bool:
    mass, against = heap.mass[one], heap.mass[other]
    return bool(mass < against or (mass == against and heap.number[one] > heap.number[other]))


@njit(nogil=True)
def _swap(heap: _Heap, one: int, other: int) -> None:
    heap.mass[one], heap.mass[other] = heap.mass[other], heap.mass[one]
    heap.number[one], heap.number[other] = heap.number[other], heap.number[one]


@njit(nogil=True)
def _offer(heap: _Heap, count: int, mass: float, number: int) -> int:
    """Take a candidate in, if the heap is full for the worst one or not at all; return how many there are now."""
    if mass <= 0.0:
        return count
    if count < len(heap.mass):
        heap.mass[count], heap.number[count] = mass, number
        item = count
        while item > 0 and _worse(heap, item, (item - 1) // 2):
            _swap(heap, item, (item - 1) // 2)
            item = (item - 1) // 2
        return count + 1
    if mass > heap.mass[0] or (mass == heap.mass[0] and number < heap.number[0]):
        heap.mass[0], heap.number[0] = mass, number
        _sink(heap, count)
    return count


@njit(nogil=True)
def _sink(heap: _Heap, count: int) -> None:
    """Let the candidate in front find its place among the first ones."""
    item = 0
    while 2 * item + 1 < count:
        child = 2 * item + 1
        if child + 1 < count and _worse(heap, child + 1, child):
            child += 1
        if not _worse(heap, child, item):
            return
        _swap(heap, item, child)
        item = child


@njit(nogil=True)
def _sort(heap: _Heap, count: int) -> None:
    """Put the best candidate in front, the others behind it in order."""
    for end in range(count - 1, 0, -1):
        _swap(heap, 0, end)
        _sink(heap, end)


@njit(nogil=True)
def _child(past: _Past, node: int, symbol: int) -> int:
    """The row of a prefix with one more symbol."""
    tree, row = past.tree, past.used[0]
    child = tree[node, _CHILD]
    while child != _NONE:
        if tree[child, _SYMBOL] == symbol:
            return int(child)
        child = tree[child, _SIBLING]
    tree[row, _PARENT], tree[row, _SYMBOL], tree[row, _CHILD] = node, symbol, _NONE
    tree[row, _SIBLING], tree[node, _CHILD] = tree[node, _CHILD], row
    past.used[0] += 1
    return int(row)


@njit(nogil=True)
def _unrolled(beam: _Prefixes, place: int, past: _Past, scale: float) -> tuple[_Ints, float, _Ints]:
    """Symbols, score and first frames of a prefix."""
    length, node = 0, beam.node[place]
    while node != _EMPTY:
        length, node = length + 1, past.tree[node, _PARENT]
    symbols, frames = np.empty(length, np.int64), np.empty(length, np.int64)
    mass, _, begins = _entering(beam, place, False)
    node = beam.node[place]
    for item in range(length - 1, -1, -1):
        symbols[item], frames[item] = past.tree[node, _SYMBOL], past.times[begins, 0]
        node, begins = past.tree[node, _PARENT], past.times[begins, 1]
    return symbols, np.log(mass) + scale, frames
