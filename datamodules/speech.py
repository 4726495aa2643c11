"""The base of the data modules of whole utterances: batches of similar durations, and a list of labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import zip_longest
from math import inf
from typing import ClassVar, Generic

import numpy as np
from lightning.pytorch.utilities import rank_zero_info
from typing_extensions import override

from datamodules.augment import Augmentations, WaveformAugmentation
from datamodules.base import ShardedData
from datamodules.batches import UtteranceSet
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex, describe
from datamodules.shards.names import PickedNames
from datamodules.storage.options import RemoteShards
from datamodules.utterances.loaders import UtteranceEvaluationLoader, UtteranceLoader
from datamodules.utterances.plan import Batching, EpochLayout
from datamodules.utterances.reader import Batch, UtteranceReader

# Which sets a stage of the trainer reads, besides the training data that `fit` does.
_EVALUATED = {"fit": "validation", "validate": "validation", "test": "test", "predict": "predict"}


class UtteranceData(ShardedData[UtteranceEvaluationLoader[Batch]], Generic[Batch]):
    """Streams whole utterances, in batches of similar durations.

    An item of the sequence of training is a batch: a step takes one for every process. A subclass says which list of
    labels the shards must have been prepared with, and how batches are read.

    Args:
        labels: the list that the shards must have been prepared with, under the key `inventory`.
        batch_size: largest number of utterances in a batch of one process.
        batch_seconds: largest duration of such a batch, the longest utterance times their number; null: no limit. In
            evaluation a longer utterance stands alone.
        buckets: number of quantiles of the durations that are kept apart in training.
        block: consecutive training batches of one bucket: up to so many processes work on similar durations at each
            step. A bucket is at least one block: a small block pads a small set less.
        augment: changes the audio of training utterances, in this order.
        rate: samples per second that the shards must have; null: any. Linked from the model's front end.

    Attributes:
        inventory: key of the list of labels, in `data` and in dataset.json.
    """

    inventory: ClassVar[str]

    def __init__(
        self,
        labels: Sequence[str],
        train: Sequence[str] = (),
        validation: dict[str, str] | None = None,
        test: dict[str, str] | None = None,
        predict: dict[str, str] | None = None,
        recipes: Sequence[ShardRecipe] = (),
        batch_size: int = 32,
        batch_seconds: float | None = None,
        buckets: int = 16,
        block: int = 8,
        workers: int = 0,
        seed: int = 0,
        augment: Sequence[WaveformAugmentation] = (),
        rate: int | None = None,
        remote: RemoteShards | None = None,
    ) -> None:
        super().__init__(
            train=train,
            validation=validation,
            test=test,
            predict=predict,
            recipes=recipes,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            remote=remote,
        )
        for key, value in {"batch_seconds": batch_seconds, "buckets": buckets, "block": block}.items():
            if value is not None and not value > 0:
                raise DataError(f"data.{key}: {value} is not positive")
        self.augmentations = Augmentations(augment)
        if self.augmentations.shift or self.augmentations.mixes:
            raise DataError(
                "data.augment: PitchShift and Mix are for excerpts, not for whole utterances; leave them out"
            )
        self.labels, self.batch_seconds, self.buckets, self.block = tuple(labels), batch_seconds, buckets, block
        self.rate = rate

    @override
    def setup(self, stage: str) -> None:
        super().setup(stage)
        directories = [*self.evaluated[_EVALUATED[stage]].values(), *(self.train_directories if stage == "fit" else ())]
        for directory in directories:
            storage = self.storage(directory)
            described = describe(storage)
            if self.rate not in (None, described["rate"]):
                raise DataError(
                    f"{storage.label}: its audio has {described['rate']} samples per second, but model.front_end takes "
                    f"{self.rate}; prepare it with --rate {self.rate}, or change model.front_end"
                )
            stored: list[str] | None = described.get(self.inventory)  # type: ignore[assignment]
            if stage != "predict" or stored is not None:
                self._compare(directory, stored)

    def _compare(self, directory: str, stored: Sequence[str] | None) -> None:
        path = self.storage(directory).where("dataset.json")
        if stored is None:
            raise DataError(
                f"{path}: prepared without {self.inventory}; give the recipe those of data.{self.inventory}"
            )
        for number, (here, there) in enumerate(zip_longest(self.labels, stored)):
            if here != there:
                names = [f"no more {self.inventory}" if name is None else repr(name) for name in (here, there)]
                raise DataError(
                    f"data.{self.inventory}[{number}]: {names[0]}, but {path} was prepared with {names[1]} there; "
                    "state the same list in both"
                )

    @abstractmethod
    def reader(self, index: SplitIndex) -> UtteranceReader[Batch]:
        """Makes batches of a split's utterances."""

    def batching(self, reader: UtteranceReader[Batch]) -> Batching:
        """How utterances are put into batches, in the unit of the reader's lengths."""
        seconds = self.batch_seconds
        capacity = None if seconds is None else round(seconds * reader.signal.per_second)
        return Batching(self.batch_size, capacity, self.buckets, self.block)

    @property
    @override
    def plan(self) -> dict[str, int | float | str | bool]:
        seconds = inf if self.batch_seconds is None else self.batch_seconds
        return {
            "batch_size": self.batch_size,
            "batch_seconds": seconds,
            "buckets": self.buckets,
            "block": self.block,
        }

    @property
    @override
    def step_size(self) -> int:
        return self.ranks

    @property
    @override
    def items_per_epoch(self) -> int:
        return self.layout.batches

    @cached_property
    def training_reader(self) -> UtteranceReader[Batch]:
        """Makes batches of the training split."""
        self.check_truth("data.train", self.training_index)
        return self.reader(self.training_index)

    @cached_property
    def layout(self) -> EpochLayout:
        """The buckets of the training utterances, which are the same in every epoch.

        Raises:
            DataError: an utterance alone is longer than a batch may be.
        """
        reader = self.training_reader
        batching, longest = self.batching(reader), int(np.argmax(reader.lengths))
        if batching.capacity is not None and reader.lengths[longest] > batching.capacity:
            raise DataError(
                f"{reader.index.directory}: utterance {utterance_id(reader.index, longest)!r} of "
                f"{reader.lengths[longest] / reader.signal.per_second:.2f} s is longer than data.batch_seconds: "
                f"{self.batch_seconds:g}; raise that or leave the utterance out"
            )
        return EpochLayout(reader.lengths, batching)

    @override
    def report_training(self) -> None:
        utterances, batches = len(self.training_index), self.items_per_epoch
        if batches < self.step_size:
            raise DataError(
                f"{self.training_index.directory}: {utterances} utterances make {batches} batches, fewer than "
                f"{self.ranks} processes; lower data.batch_size: {self.batch_size} or add data"
            )
        rank_zero_info(
            f"{utterances} training utterances in {batches} batches, {batches // self.step_size} steps an epoch, "
            f"{batches % self.step_size} batches left out"
        )

    @override
    def train_dataloader(self) -> UtteranceLoader[Batch]:
        self.report_training()
        return UtteranceLoader(
            self.training_reader, self.layout, self.seed, self.rank, self.ranks, self.workers, self.begin_epoch
        )

    @override
    def evaluation_loader(self, name: str, index: SplitIndex) -> UtteranceEvaluationLoader[Batch]:
        reader = self.reader(index)
        ids = PickedNames(index.tracks, index.track)
        named = UtteranceSet(name, ids, self.labels, index.grid.rate, index.grid.hop, reader.has_truth)
        return UtteranceEvaluationLoader(reader, named, self.batching(reader), self.rank, self.ranks, self.workers)


def utterance_id(index: SplitIndex, record: int) -> str:
    """Id of the recording that a record holds."""
    return str(index.tracks[index.track[record]])
