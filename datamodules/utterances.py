"""Whole utterances: read at random, padded into batches, delivered in the plan's order by any number of processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.augment import Augmentations, item_seeds
from datamodules.batches import UtteranceSet
from datamodules.errors import DataError
from datamodules.index import SplitIndex
from datamodules.messages import Message, pack, unpack
from datamodules.sampling_utterances import Batching, EpochLayout, Ints, evaluation_batches, training_batches


class UtteranceBatch(Protocol):
    """What batches of utterances have in common."""

    @property
    def valid(self) -> Tensor:
        """`(batch,)` bool, False for an item that only keeps the ranks in step."""

    @property
    def item(self) -> Tensor:
        """`(batch,)` int64, place in the index, -1 for such an item."""

    def _replace(self, *, valid: Tensor = ..., item: Tensor = ..., evaluation: UtteranceSet | None = ...) -> Self: ...


Batch = TypeVar("Batch", bound=UtteranceBatch)

# Small batches travel together, so that sending them between processes costs little beside decoding them.
MESSAGE = 32


class Signal(ABC):
    """What is stored of each utterance of a split, without the context around it.

    Args:
        index: of the split.

    Attributes:
        lengths: `(utterances,)`, in samples or frames.
        per_second: samples or frames per second.
        shape: of one sample or frame.

    Raises:
        DataError: the records are parts of recordings.
    """

    lengths: Ints
    per_second: float
    shape: tuple[int, ...]

    def __init__(self, index: SplitIndex) -> None:
        if index.grid.segment:
            seconds = index.grid.segment * index.grid.hop / index.grid.rate
            raise DataError(
                f"{index.directory}: its recordings are cut into records of {seconds:g} s; for whole utterances "
                "prepare them with segment: null"
            )
        self.index = index

    @abstractmethod
    def read(self, record: int) -> NDArray[Any]:
        """An utterance, `(length, *shape)`."""


class AudioSignal(Signal):
    """Audio: int16 samples, full scale at 32768."""

    shape = ()

    def __init__(self, index: SplitIndex) -> None:
        super().__init__(index)
        self.lengths, self.per_second = index.samples - 2 * index.grid.context, float(index.grid.rate)

    def read(self, record: int) -> NDArray[np.int16]:
        """The samples of an utterance, `(samples,)`."""
        context = self.index.grid.context
        return self.index.read_audio(record)[context : context + int(self.lengths[record])]


class FeatureSignal(Signal):
    """Features: float32 frames of `shape` values."""

    def __init__(self, index: SplitIndex) -> None:
        super().__init__(index)
        self.lengths, self.per_second = index.frames, index.grid.rate / index.grid.hop
        self.shape = index.width("feat")

    def read(self, record: int) -> NDArray[np.float32]:
        """The features of an utterance, `(frames, dimensions)`."""
        around = self.index.grid.lookahead
        return self.index.read_features(record)[around : around + int(self.lengths[record])]


def pad(arrays: Sequence[NDArray[Any]], length: int = 0) -> Tensor:
    """Arrays one above the other, zeros behind those that are shorter than the longest and than `length`."""
    longest = max(length, *map(len, arrays))
    whole = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(whole, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(whole)


def augmented(
    samples: NDArray[np.int16], recording: NDArray[np.int16], seed: int, augmentations: Augmentations
) -> NDArray[np.int16]:
    """Part of a recording, changed as its seed has it, `(samples,)`."""
    if not augmentations.chain:
        return samples
    power = np.mean(np.square(recording, dtype=np.float64), keepdims=True)
    changed: NDArray[np.int16] = augmentations.waveforms(samples[None].astype(np.float32), np.array([seed]), power)[0]
    return changed


class UtteranceReader(ABC, Generic[Batch]):
    """Makes batches of a split's utterances.

    Args:
        signal: what is stored of each.

    Attributes:
        lengths: `(utterances,)` as they are delivered, in the unit of the signal.
        has_truth: whether every utterance is annotated.
    """

    has_truth: bool

    def __init__(self, signal: Signal) -> None:
        self.signal, self.index, self.lengths = signal, signal.index, signal.lengths

    @abstractmethod
    def read(self, records: Ints, seeds: Ints | None = None) -> Batch:
        """A batch of some utterances.

        Args:
            records: `(batch,)` of the index.
            seeds: `(batch,)` what chance there is in training hangs on; None in evaluation, where there is none.
        """

    def filling(self) -> Batch:
        """The shortest utterance once more, but not valid: something that every network can take."""
        batch = self.read(np.array([np.argmin(self.lengths)]))
        return batch._replace(valid=torch.zeros_like(batch.valid), item=torch.full_like(batch.item, -1))


class Request(NamedTuple):
    """A batch to be read.

    Attributes:
        records: `(batch,)` of the index; none for filling.
        epoch: of training; None in evaluation.
    """

    records: Ints
    epoch: int | None = None


class _Messages(Dataset[Message], Generic[Batch]):
    """Map-style: some requests give their batches, in whatever process they are asked for."""

    def __init__(self, reader: UtteranceReader[Batch], seed: int = 0) -> None:
        self.reader, self.seed = reader, seed

    def __getitem__(self, requests: Sequence[Request]) -> Message:
        return pack(self.read(requests))

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
            for message in self._loader:
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
