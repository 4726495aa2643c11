"""The two loaders of whole utterances: batches in the plan's order, read ahead by any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple

import numpy as np
from torch.utils.data import DataLoader, Dataset

from datamodules.augment import item_seeds
from datamodules.batches import UtteranceSet
from datamodules.errors import DataError
from datamodules.messages import Message, arrived, or_error, pack, unpack
from datamodules.utterances.plan import Batching, EpochLayout, Ints, evaluation_batches, training_batches
from datamodules.utterances.reader import Batch, UtteranceReader

# Small batches travel together, so that sending them between processes costs little beside decoding them.
MESSAGE = 32


class Request(NamedTuple):
    """A batch to be read.

    Attributes:
        records: `(batch,)` of the index; none for filling.
        epoch: of training; None in evaluation.
    """

    records: Ints
    epoch: int | None = None


class _Messages(Dataset[Message | DataError], Generic[Batch]):
    """Map-style: some requests give their batches, in whatever process they are asked for."""

    def __init__(self, reader: UtteranceReader[Batch], seed: int = 0) -> None:
        self.reader, self.seed = reader, seed

    def __getitem__(self, requests: Sequence[Request]) -> Message | DataError:
        return or_error(lambda: pack(self.read(requests)))

    def read(self, requests: Sequence[Request]) -> list[Batch]:
        """The batches asked for."""
        return [self._read(*request) for request in requests]

    def _read(self, records: Ints, epoch: int | None) -> Batch:
        if not records.size:
            return self.reader.filling()
        if epoch is None:
            return self.reader.read(records)
        return self.reader.read(records, item_seeds(self.seed, epoch, records, np.zeros_like(records)))


class _Delivery(Generic[Batch]):
    """Batches in the order of their requests, read ahead by workers or, without any, by a thread of this process."""

    def __init__(self, messages: _Messages[Batch], batch_size: int, workers: int, persistent: bool) -> None:
        self.messages, self.per_message = messages, -(-MESSAGE // batch_size)
        self._asked: list[Sequence[Request]] = []
        self._loader = (
            DataLoader(
                messages,
                batch_size=None,
                sampler=self._asked,
                num_workers=workers,
                persistent_workers=persistent,
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
                ready, coming = coming, thread.submit(self.messages.read, requests)
                if ready is not None:
                    yield from ready.result()
            if coming is not None:
                yield from coming.result()


class UtteranceLoader(Generic[Batch]):
    """Training batches of one rank; their sequence over all ranks depends on neither ranks nor workers.

    A step takes the next `ranks` batches of the sequence, rank r the r-th of them.

    Args:
        reader: makes the batches.
        layout: of its utterances.
        seed: of the run.
        rank: which process.
        ranks: of how many.
        workers: processes that decode; 0 decodes here, in a thread.
        begin: asked whenever iteration begins: which epoch, and how many of its batches all ranks together have
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
        self._delivery = _Delivery(_Messages(reader, seed), layout.batching.batch_size, workers, persistent=workers > 0)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: `begin` knows the position. That there is this method tells Lightning that the loader can resume."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: see `state_dict`."""

    def __len__(self) -> int:
        return self.layout.batches // self.ranks

    def __iter__(self) -> Iterator[Batch]:
        # A generator, so that the position is asked for at the first batch: Lightning wants the iterator before it
        # has restored its progress.
        epoch, start = self.begin()
        left = training_batches(self.layout, self.seed, epoch)[start:]
        mine = left[self.rank : len(left) // self.ranks * self.ranks : self.ranks]
        yield from self._delivery.deliver([Request(records, epoch) for records in mine])


class UtteranceEvaluationLoader(Generic[Batch]):
    """Every utterance once, over all ranks, in batches of similar lengths; every rank gets as many.

    Args:
        reader: makes the batches.
        evaluation: goes with every batch.
        batching: how utterances are put into batches.
        rank: which process.
        ranks: of how many.
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
        self._delivery = _Delivery(_Messages(reader), batching.batch_size, workers, persistent=False)

    def __len__(self) -> int:
        return len(self.requests)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._delivery.deliver(self.requests):
            yield batch._replace(evaluation=self.evaluation)
