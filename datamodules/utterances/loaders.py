"""The loaders of whole utterances: batches in the plan's order, read ahead by any number of processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from typing import Generic, NamedTuple

import numpy as np
from torch.utils.data import DataLoader

from datamodules.augment import item_seeds
from datamodules.batches import UtteranceSet
from datamodules.loading import Answers, Message, ResumableLoader, arrived, outlive_first_signal, pack, unpack
from datamodules.utterances.plan import Batches, Batching, EpochLayout, Ints, evaluation_batches, training_batches
from datamodules.utterances.reader import Batch, UtteranceReader

# Small batches travel together, so that sending them between processes costs little beside decoding them.
MESSAGE = 32


class Request(NamedTuple):
    """The request for one batch.

    Attributes:
        records: `(batch,)` of the index; empty for a batch that only keeps the ranks in step.
        seeds: `(batch,)` for augmentation; None in evaluation.
    """

    records: Ints
    seeds: Ints | None = None


class Order(NamedTuple):
    """The request for one message.

    Attributes:
        requests: its batches.
        records: of these, and of the message that the same process makes next; `(records,)` of the index.
    """

    requests: Sequence[Request]
    records: Ints


# Functions, not methods: a request that held its loader would be a cycle, and the loader's processes would outlive it.
def _training_request(batches: Batches, seed: int, epoch: int, number: int) -> Request:
    return Request(batches[number], item_seeds(seed, epoch, batches[number], np.zeros_like(batches[number])))


def _evaluation_request(batches: Batches, number: int) -> Request:
    return Request(batches[number])


def _read(reader: UtteranceReader[Batch], order: Order) -> list[Batch]:
    reader.index.refuse_changed()
    reader.prefetch(order.records)
    return [reader.read(*each) if each.records.size else reader.filling() for each in order.requests]


def _message(reader: UtteranceReader[Batch], order: Order) -> Message:
    return pack(_read(reader, order))


class _Asked:
    """The requests of an iteration in messages, made when they are sent: an epoch may have a million."""

    def __init__(self, per_message: int, processes: int) -> None:
        self.request: Callable[[int], Request] | None = None
        self.count, self.per_message, self.processes = 0, per_message, processes

    def __iter__(self) -> Iterator[Order]:
        waiting: deque[Sequence[Request]] = deque()
        for requests in chain(self._messages(), repeat((), self.processes)):
            waiting.append(requests)
            if len(waiting) > self.processes:
                now = waiting.popleft()
                yield Order(now, np.concatenate([each.records for each in (*now, *requests)]))

    def _messages(self) -> Iterator[Sequence[Request]]:
        assert self.request is not None, "asked before it is known what for"
        for at in range(0, self.count, self.per_message):
            yield [self.request(each) for each in range(at, min(at + self.per_message, self.count))]

    def __len__(self) -> int:
        return -(-self.count // self.per_message)


class _Delivery(Generic[Batch]):
    """Batches in the order of their requests, read ahead by workers or, without any, by a thread of this process."""

    def __init__(self, reader: UtteranceReader[Batch], batch_size: int, workers: int, persistent: bool) -> None:
        self.reader, self._asked = reader, _Asked(-(-MESSAGE // batch_size), max(workers, 1))
        self._loader = (
            DataLoader(
                Answers(partial(_message, reader)),
                batch_size=None,
                sampler=self._asked,
                num_workers=workers,
                persistent_workers=persistent,
                worker_init_fn=outlive_first_signal,
            )
            if workers
            else None
        )

    def deliver(self, count: int, request: Callable[[int], Request]) -> Iterator[Batch]:
        """The batches asked for.

        Args:
            count: how many.
            request: makes each one's request from its number.
        """
        self._asked.count, self._asked.request = count, request
        if self._loader is None:
            yield from self._read_ahead()
        else:
            for message in arrived(self._loader):
                yield from unpack(message)

    def _read_ahead(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(1, thread_name_prefix="next-batches") as thread:
            coming: Future[list[Batch]] | None = None
            for order in self._asked:
                ready, coming = coming, thread.submit(_read, self.reader, order)
                if ready is not None:
                    yield from ready.result()
            if coming is not None:
                yield from coming.result()


class UtteranceLoader(ResumableLoader, Generic[Batch]):
    """Training batches of one rank; their sequence over all ranks depends on neither ranks nor workers.

    A step takes the next `ranks` batches of the sequence, rank r the r-th of them.

    Args:
        reader: makes the batches.
        layout: of its utterances.
        seed: of the run.
        rank: of this process.
        ranks: number of processes.
        workers: processes that decode; 0 decodes here, in a thread.
        begin: called when iteration begins; gives the epoch, and how many of its batches all ranks together have
            consumed already.
    """

    def __init__(
        self,
        reader: UtteranceReader[Batch],
        layout: EpochLayout,
        seed: int,
        rank: int,
        ranks: int,
        workers: int,
        begin: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self.layout, self.seed, self.rank, self.ranks, self.begin = layout, seed, rank, ranks, begin
        self._delivery = _Delivery(reader, layout.batching.batch_size, workers, persistent=workers > 0)

    def __len__(self) -> int:
        return self.layout.batches // self.ranks

    def __iter__(self) -> Iterator[Batch]:
        # A generator, so that the position is asked for at the first batch: Lightning wants the iterator before it
        # has restored its progress.
        epoch, start = self.begin()
        left = training_batches(self.layout, self.seed, epoch)[start:]
        mine = left[self.rank : len(left) // self.ranks * self.ranks : self.ranks]
        yield from self._delivery.deliver(len(mine), partial(_training_request, mine, self.seed, epoch))


class UtteranceEvaluationLoader(Generic[Batch]):
    """Every utterance once, over all ranks, in batches of similar lengths; every rank gets the same number of batches.

    Args:
        reader: makes the batches.
        evaluation: goes with every batch.
        batching: how utterances are put into batches.
        rank: of this process.
        ranks: number of processes.
        workers: processes that decode; 0 decodes here, in a thread.
    """

    def __init__(
        self,
        reader: UtteranceReader[Batch],
        evaluation: UtteranceSet,
        batching: Batching,
        rank: int,
        ranks: int,
        workers: int,
    ) -> None:
        self.evaluation = evaluation
        self.batches = evaluation_batches(reader.lengths, batching, rank, ranks)
        self._delivery = _Delivery(reader, batching.batch_size, workers, persistent=False)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._delivery.deliver(len(self), partial(_evaluation_request, self.batches)):
            yield batch._replace(evaluation=self.evaluation)
