"""The plans of an epoch of whole utterances: which of them make a batch, in which order.

Training. Sorted by length, the utterances are cut into buckets. Within its bucket an utterance meets other ones in
every epoch; batches of one bucket follow each other in blocks, and the blocks of all buckets are permuted. So the
batches that several processes take for one step are of one bucket, if the number of processes divides `block`, and
none waits for another one's long utterances. The sequence of batches is a pure function of (lengths, options, seed,
epoch): it depends neither on processes nor on workers. It is as long in every epoch: schedules and progress rely on it.

Evaluation. Every utterance once, sorted by length, batch by batch dealt to the processes in turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Batching(NamedTuple):
    """How utterances are put into batches.

    Attributes:
        batch_size: most utterances of a batch.
        capacity: most that a batch may hold once it is padded, the longest length times the utterances, in the unit of
            the lengths; None: `batch_size` alone counts.
        buckets: quantiles of the lengths at which buckets end; a bucket also ends where more utterances would fit into
            a batch.
        block: consecutive batches of one bucket: the number of processes that may share a bucket.
    """

    batch_size: int
    capacity: int | None = None
    buckets: int = 16
    block: int = 8

    def fitting(self, length: int) -> int:
        """Utterances of a batch whose longest is this long; an utterance beyond the capacity stands alone."""
        if self.capacity is None:
            return self.batch_size
        return max(1, min(self.batch_size, self.capacity // length))


class Bucket(NamedTuple):
    """Neighbours by length.

    Attributes:
        first: place of its longest utterance, counted from the longest of all.
        utterances: how many it has.
        size: utterances of one batch.
    """

    first: int
    utterances: int
    size: int


class EpochLayout:
    """What of a plan is the same in all epochs.

    Each bucket has a whole number of blocks. What is left for none, fewer utterances than a block of the shortest would
    take, is the last block, with another block if it would be tiny. In every epoch it is a run of neighbours that
    begins anywhere among those of suitable length, so that the batches that no step takes are not always of the same
    utterances. Taking it out moves shorter utterances up: the other batches stay within the capacity.

    Args:
        lengths: `(utterances,)`, positive.
        batching: how they are put into batches.

    Attributes:
        lengths: as given.
        buckets: all but the last block.
        last: utterances of the last block; `first` is the highest place at which the run may begin.
        lowest: the lowest place at which it may begin.
        batches: of an epoch.
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
        too_long = 0 if batching.capacity is None else np.count_nonzero(size * sorted_lengths > batching.capacity)
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
        """Where the last block begins, if it takes another one of the same size that would precede it."""
        if not self.buckets or self.buckets[-1].size != size:
            return first
        bucket, block = self.buckets.pop(), size * self.batching.block
        if bucket.utterances > block:
            self.buckets.append(bucket._replace(utterances=bucket.utterances - block))
        return first - block

    @property
    def last_sizes(self) -> list[int]:
        """Utterances of each batch of the last block; the last two share what there is, so that none is tiny."""
        size, left = self.last.size, self.last.utterances
        whole = max(-(-left // size) - 2, 0)
        left -= whole * size
        halves = [left] if left <= size else [left - left // 2, left // 2]
        return [size] * whole + [half for half in halves if half]


def training_batches(layout: EpochLayout, seed: int, epoch: int) -> list[Ints]:
    """The batches of an epoch in their order.

    Args:
        layout: of the training utterances.
        seed: of the whole run.
        epoch: from 0.

    Returns:
        For each batch the numbers of its utterances. The first batches, up to a multiple of `block`, stand in blocks of
        one bucket.
    """
    random = np.random.default_rng([seed, epoch])
    lengths, block, last = layout.lengths, layout.batching.block, layout.last
    # Among equally long ones chance decides, so that clips of one length are plainly permuted.
    order = np.lexsort((random.permutation(lengths.size), -lengths))
    begin = int(random.integers(layout.lowest, last.first, endpoint=True))
    end = begin + last.utterances
    others = np.concatenate([order[:begin], order[end:]])
    blocks: list[NDArray[np.int64]] = []
    for first, utterances, size in layout.buckets:
        blocks += list(random.permutation(others[first : first + utterances]).reshape(-1, block, size))
    batches = [batch for number in random.permutation(len(blocks)) for batch in blocks[number]]
    return batches + np.split(random.permutation(order[begin:end]), np.cumsum(layout.last_sizes))[:-1]


def evaluation_batches(lengths: Ints, batching: Batching, rank: int, ranks: int) -> list[Ints]:
    """The batches of one rank, the longest utterances first; every rank gets as many.

    Args:
        lengths: `(utterances,)`, positive.
        batching: how they are put into batches.
        rank: which process.
        ranks: of how many.

    Returns:
        For each batch the numbers of its utterances; none for a batch that only keeps the ranks in step.
    """
    order = np.argsort(-lengths, kind="stable")
    batches, first = [], 0
    while first < order.size:
        batches.append(order[first : first + batching.fitting(int(lengths[order[first]]))])
        first += batches[-1].size
    batches += [order[:0]] * (-len(batches) % ranks)
    return batches[rank::ranks]
