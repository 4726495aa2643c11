"""The loaders of whole utterances: batches in the plan's order, read ahead by any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, NamedTuple

import numpy as np
from torch.utils.data import DataLoader

from datamodules.augment import item_seeds
from datamodules.batches import UtteranceSet
from datamodules.loading import Answers, Message, ResumableLoader, arrived, outlive_first_signal, pack, unpack
from datamodules.utterances.plan import Batching, EpochLayout, Ints, evaluation_batches, training_batches
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


def _read(reader: UtteranceReader[Batch], requests: Sequence[Request]) -> list[Batch]:
    return [reader.read(*each) if each.records.size else reader.filling() for each in requests]


def _message(reader: UtteranceReader[Batch], requests: Sequence[Request]) -> Message:
    return pack(_read(reader, requests))


class _Delivery(Generic[Batch]):
    """Batches in the order of their requests, read ahead by workers or, without any, by a thread of this process."""

    def __init__(self, reader: UtteranceReader[Batch], batch_size: int, workers: int, persistent: bool) -> None:
        self.reader, self.per_message = reader, -(-MESSAGE // batch_size)
        self._asked: list[Sequence[Request]] = []
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

    def deliver(self, requests: Sequence[Request]) -> Iterator[Batch]:
        """The batches asked for."""
        self._asked[:] = [requests[at : at + self.per_message] for at in range(0, len(requests), self.per_message)]
        if self._loader is None:
            yield from self._read_ahead()
        else:
            for message in arrived(self._loader):
                yield from unpack(message)

    def _read_ahead(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(1, thread_name_prefix="next-batches") as thread:
            coming: Future[list[Batch]] | None = None
            for requests in self._asked:
                ready, coming = coming, thread.submit(_read, self.reader, requests)
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
        seeds = [item_seeds(self.seed, epoch, records, np.zeros_like(records)) for records in mine]
        yield from self._delivery.deliver(list(map(Request, mine, seeds)))


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
        self.requests = [Request(records) for records in evaluation_batches(reader.lengths, batching, rank, ranks)]
        self._delivery = _Delivery(reader, batching.batch_size, workers, persistent=False)

    def __len__(self) -> int:
        return len(self.requests)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._delivery.deliver(self.requests):
            yield batch._replace(evaluation=self.evaluation)
