"""Whole utterances of a split, padded into batches: the base of the readers of clips and of phonemes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from datamodules.augment import Augmentations
from datamodules.batches import UtteranceSet
from datamodules.errors import DataError
from datamodules.shards.index import SplitIndex
from datamodules.utterances.plan import Ints


class UtteranceBatch(Protocol):
    """The fields that all batches of utterances have."""

    @property
    def valid(self) -> Tensor:
        """`(batch,)` bool, False for an item that only keeps the ranks in step."""

    @property
    def item(self) -> Tensor:
        """`(batch,)` int64, place in the index, -1 for such an item."""

    def _replace(self, *, valid: Tensor = ..., item: Tensor = ..., evaluation: UtteranceSet | None = ...) -> Self: ...


Batch = TypeVar("Batch", bound=UtteranceBatch)


class UtteranceSignal(ABC):
    """Audio or features of the utterances of a split, without the stored context around them.

    Args:
        index: of the split.

    Attributes:
        members: of a record that may hold it.
        lengths: `(utterances,)`, in samples or frames.
        per_second: samples or frames per second.
        shape: of one sample or frame.

    Raises:
        DataError: the records are parts of recordings.
    """

    members: ClassVar[tuple[str, ...]]
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


class UtteranceAudio(UtteranceSignal):
    """Audio: int16 samples, full scale at 32768."""

    members = "flac", "i16"
    shape = ()

    def __init__(self, index: SplitIndex) -> None:
        super().__init__(index)
        self.lengths = index.samples.astype(np.int64) - 2 * index.grid.context
        self.per_second = float(index.grid.rate)

    @override
    def read(self, record: int) -> NDArray[np.int16]:
        context = self.index.grid.context
        return self.index.read_audio(record)[context : context + int(self.lengths[record])]


class UtteranceFeatures(UtteranceSignal):
    """Features: float32 frames of `shape` values."""

    members = ("feat",)

    def __init__(self, index: SplitIndex) -> None:
        super().__init__(index)
        self.lengths, self.per_second = index.frames.astype(np.int64), index.grid.rate / index.grid.hop
        self.shape = index.width("feat")

    @override
    def read(self, record: int) -> NDArray[np.float32]:
        around = self.index.grid.lookahead
        return self.index.read_features(record)[around : around + int(self.lengths[record])]


def pad(arrays: Sequence[NDArray[Any]], length: int = 0) -> Tensor:
    """Stack arrays `(length, ...)` of several lengths, padded with zeros to the longest of them and to `length`."""
    longest = max(length, *map(len, arrays))
    whole = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(whole, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(whole)


def augmented(
    samples: NDArray[np.int16], recording: NDArray[np.int16], seed: int, augmentations: Augmentations, rate: int
) -> NDArray[np.int16]:
    """Augment `samples`, a part of `recording`, by its seed, at `rate` samples per second; `(samples,)`."""
    if not augmentations.chain:
        return samples
    power = np.mean(np.square(recording, dtype=np.float64), keepdims=True)
    audio = samples[None].astype(np.float32)
    changed: NDArray[np.int16] = augmentations.waveforms(audio, np.array([seed]), power, rate=rate)[0]
    return changed


class UtteranceReader(ABC, Generic[Batch]):
    """Makes batches of a split's utterances.

    Args:
        signal: audio or features.

    Attributes:
        lengths: `(utterances,)` as they are delivered, in the unit of the signal.
        has_truth: whether every utterance is annotated.
    """

    has_truth: bool

    def __init__(self, signal: UtteranceSignal) -> None:
        self.signal, self.index, self.lengths = signal, signal.index, signal.lengths

    @abstractmethod
    def read(self, records: Ints, seeds: Ints | None = None) -> Batch:
        """A batch of some utterances.

        Args:
            records: `(batch,)` of the index.
            seeds: `(batch,)` for augmentation; None in evaluation.
        """

    def prefetch(self, records: Ints) -> None:
        """Begin to fetch utterances that are read soon, where that takes time; returns at once."""
        self.index.prefetch(records.tolist(), (*self.signal.members, "txt"))

    def filling(self) -> Batch:
        """The shortest utterance once more, marked as not valid: a batch that every network can take."""
        batch = self.read(np.array([np.argmin(self.lengths)]))
        return batch._replace(valid=torch.zeros_like(batch.valid), item=torch.full_like(batch.item, -1))
