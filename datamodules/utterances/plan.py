"""The batches of whole utterances and their order.

Training. The utterances are sorted by length and cut into buckets. In every epoch, the batches of a bucket are drawn
anew. Batches of one bucket follow each other in blocks, and the blocks of all buckets are permuted. So if the number of
processes divides `block`, all processes work on one bucket at each step, and none waits for the long utterances of
another. The sequence of batches is a pure function of (lengths, options, seed, epoch): it depends on neither processes
nor workers. All epochs have the same number of batches, as schedules and progress bars need.

Evaluation. Every utterance comes once. Sorted by length, the batches are dealt to the processes in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

Ints = NDArray[np.int64]


class Batching(NamedTuple):
    """How utterances are put into batches.

    Attributes:
        batch_size: largest number of utterances in a batch.
        capacity: largest size of a padded batch, its longest length times its utterances, in the unit of the lengths;
            None: no limit.
        buckets: number of quantiles of the lengths at which buckets end; a bucket also ends where more utterances would
            fit into a batch.
        block: consecutive batches of one bucket: so many processes may share a bucket.
    """

    batch_size: int
    capacity: int | None = None
    buckets: int = 16
    block: int = 8

    def fitting(self, length: int) -> int:
        """Utterances in a batch whose longest has this length; an utterance beyond the capacity stands alone."""
        if self.capacity is None:
            return self.batch_size
        return max(1, min(self.batch_size, self.capacity // length))


class Bucket(NamedTuple):
    """Utterances of neighbouring lengths.

    Attributes:
        first: rank by length of its longest utterance; 0 is the longest of all.
        utterances: how many it has.
        size: utterances of one batch.
    """

    first: int
    utterances: int
    size: int


class EpochLayout:
    """The buckets, which are the same in all epochs.

    Every bucket is a whole number of blocks. The remainder, fewer utterances than one more block needs, is the last
    block; if it would be tiny, it takes the preceding block as well. In every epoch the last block is a run of
    neighbouring lengths that begins at a random rank, so that the batches that no step takes are not always of the same
    utterances. Without that run, shorter utterances move up in the other buckets: these stay within the capacity.

    Args:
        lengths: `(utterances,)`, positive.
        batching: how they are put into batches.

    Attributes:
        lengths: as given.
        buckets: all but the last block.
        last: the last block; `first` is the highest rank at which its run may begin.
        lowest: the lowest rank at which its run may begin.
        batches: number of batches in an epoch.
    """

    def __init__(self, lengths: Ints, batching: Batching) -> None:
        self.lengths, self.batching = lengths, batching
        sorted_lengths = -np.sort(-lengths)
        self.buckets: list[Bucket] = []
        first = 0
        while bucket := self._bucket(sorted_lengths, first):
            self.buckets.append(bucket)
            first += bucket.utterances
        size = batching.fitting(int(sorted_lengths[first])) if first < lengths.size else 1
        if 0 < lengths.size - first < size / 2:
            first = self._give_back(first, size)
        self.last = Bucket(first, lengths.size - first, size)
        too_long = 0 if batching.capacity is None else np.count_nonzero(sorted_lengths > batching.capacity // size)
        self.lowest = min(int(too_long), first)
        self.batches = sum(each.utterances // each.size for each in self.buckets) + len(self.last_sizes)

    def _bucket(self, sorted_lengths: Ints, first: int) -> Bucket | None:
        total, batching = sorted_lengths.size, self.batching
        if first == total:
            return None
        longest = int(sorted_lengths[first])
        size = batching.fitting(longest)
        block = size * batching.block
        quantile = (first * batching.buckets // total + 1) * total / batching.buckets
        if first + block > total:
            return None
        end = first + block
        while end + block <= total and batching.fitting(int(sorted_lengths[end])) == size:
            if end >= quantile and sorted_lengths[end] < longest:
                break
            end += block
        return Bucket(first, end - first, size)

    def _give_back(self, first: int, size: int) -> int:
        """Where the last block begins if it takes the preceding block, provided that its batches have the same size."""
        if not self.buckets or self.buckets[-1].size != size:
            return first
        bucket, block = self.buckets.pop(), size * self.batching.block
        if bucket.utterances > block:
            self.buckets.append(bucket._replace(utterances=bucket.utterances - block))
        return first - block

    @property
    def last_sizes(self) -> list[int]:
        """Utterances of each batch of the last block; the last two batches are of equal size, so that none is tiny."""
        size, left = self.last.size, self.last.utterances
        whole = max(-(-left // size) - 2, 0)
        left -= whole * size
        halves = [left] if left <= size else [left - left // 2, left // 2]
        return [size] * whole + [half for half in halves if half]


class Batches(Sequence[Ints]):
    """Batches of an order of utterances, each made when it is asked for.

    Args:
        order: `(utterances,)`.
        bounds: `(batches, 2)` where each batch begins and ends there.
    """

    def __init__(self, order: NDArray[Any], bounds: Ints) -> None:
        self._order, self._bounds = order, bounds

    @override
    def __len__(self) -> int:
        return len(self._bounds)

    @overload
    def __getitem__(self, place: int) -> Ints: ...
    @overload
    def __getitem__(self, place: slice) -> Batches: ...
    @override
    def __getitem__(self, place: int | slice) -> Ints | Batches:
        if isinstance(place, slice):
            return Batches(self._order, self._bounds[place])
        begin, end = self._bounds[place].tolist()
        return self._order[begin:end].astype(np.int64)


def training_batches(layout: EpochLayout, seed: int, epoch: int) -> Batches:
    """The batches of an epoch in their order.

    Args:
        layout: of the training utterances.
        seed: of the whole run.
        epoch: from 0.

    Returns:
        The utterances of each batch. All batches but those of the last block come in blocks of one bucket.
    """
    random = np.random.default_rng([seed, epoch])
    lengths, block, last = layout.lengths, layout.batching.block, layout.last
    # Equal lengths are ordered at random, so that clips of one length are simply permuted. 32 bits give the same order.
    number = np.int32 if lengths.size < 2**31 else np.int64
    order = np.lexsort((random.permutation(np.arange(lengths.size, dtype=number)), -lengths)).astype(number)
    begin = int(random.integers(layout.lowest, last.first, endpoint=True))
    end = begin + last.utterances
    permuted = np.concatenate([order[:begin], order[end:], order[begin:end]])
    starts, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, utterances, size in layout.buckets:
        random.shuffle(permuted[first : first + utterances])
        starts.append(np.arange(first, first + utterances, block * size))
        sizes.append(np.full(utterances // (block * size), size))
    of_block = random.permutation(sum(map(len, starts)))
    start, size = (np.concatenate(each)[of_block] for each in (starts, sizes))
    begins = (start[:, None] + size[:, None] * np.arange(block)).ravel()
    random.shuffle(permuted[last.first :])
    lasts = last.first + np.cumsum([0, *layout.last_sizes])
    bounds = np.stack([begins, begins + np.repeat(size, block)], axis=1)
    return Batches(permuted, np.concatenate([bounds, np.stack([lasts[:-1], lasts[1:]], axis=1)]))


def evaluation_batches(lengths: Ints, batching: Batching, rank: int, ranks: int) -> Batches:
    """The batches of one rank, the longest utterances first; every rank gets the same number of batches.

    Args:
        lengths: `(utterances,)`, positive.
        batching: how they are put into batches.
        rank: of this process.
        ranks: number of processes.

    Returns:
        The utterances of each batch; none for a batch that only keeps the ranks in step.
    """
    order = np.argsort(-lengths, kind="stable")
    ends = [0]
    while ends[-1] < order.size:
        ends.append(min(ends[-1] + batching.fitting(int(lengths[order[ends[-1]]])), order.size))
    ends += [order.size] * (-(len(ends) - 1) % ranks)
    return Batches(order, np.stack([ends[:-1], ends[1:]], axis=1))[rank::ranks]
