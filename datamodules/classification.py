"""`ClipData`: clips of one class each (languages, keywords, emotions)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.augment import Augmentations, Draws, WaveformAugmentation
from datamodules.batches import ClipBatch
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.speech import UtteranceData, utterance_id
from datamodules.storage.options import RemoteShards
from datamodules.utterances.plan import Ints
from datamodules.utterances.reader import UtteranceAudio, UtteranceReader, augmented, pad

# Stream of an item's random numbers that no augmentation uses: those count from 0.
_CROP = 1 << 32


class ClipReader(UtteranceReader[ClipBatch]):
    """Makes batches of clips.

    Args:
        index: of the split.
        classes: in the order that labels count.
        samples: length of every clip: shorter ones are padded with zeros at the end, longer ones cropped, at random in
            training, to the middle in evaluation; None: clips keep their length.
        augmentations: of training clips.

    Raises:
        DataError: clips have no audio or are parts of recordings.
    """

    def __init__(
        self,
        index: SplitIndex,
        classes: Sequence[str],
        samples: int | None = None,
        augmentations: Augmentations | None = None,
    ) -> None:
        if not index.has_audio:
            raise DataError(f"{index.directory}: it has records without audio; clips are classified by their audio")
        super().__init__(UtteranceAudio(index))
        place = {name: number for number, name in enumerate(classes)}
        # The last entry is for clips without class, whose label in the index is -1.
        self._places = np.array([*(place[name] for name in index.labels), -1], np.int64)
        self.has_truth = bool((index.label >= 0).all())
        self.samples, self.augmentations = samples, augmentations or Augmentations()
        if samples is not None:
            self.lengths = np.full(len(index), samples, np.int64)

    @property
    def label(self) -> NDArray[np.int64]:
        """`(clips,)` place of each one's class, -1 without class."""
        places: NDArray[np.int64] = self._places[self.index.label]
        return places

    @override
    def read(self, records: Ints, seeds: Ints | None = None) -> ClipBatch:
        clips = self._middles(records) if seeds is None else self._anywhere(records, seeds)
        return ClipBatch(
            pad(clips, self.samples or 0),
            torch.tensor([clip.size for clip in clips]),
            torch.from_numpy(self._places[self.index.label[records]]),
            torch.ones(len(clips), dtype=torch.bool),
            torch.from_numpy(np.array(records)),
            None if seeds is None else torch.from_numpy(seeds),
        )

    def _middles(self, records: Ints) -> list[NDArray[np.int16]]:
        begins = self._spare(records) // 2
        return [
            self.signal.read(int(record))[begin:][: self.samples] for record, begin in zip(records, begins, strict=True)
        ]

    def _anywhere(self, records: Ints, seeds: Ints) -> list[NDArray[np.int16]]:
        begins = (Draws(seeds, _CROP).uniform() * (self._spare(records) + 1)).astype(int)
        clips = []
        for record, seed, begin in zip(records, seeds, begins, strict=True):
            whole = self.signal.read(int(record))
            clip, rate = whole[begin:][: self.samples], self.index.grid.rate
            clips.append(augmented(clip, whole, int(seed), self.augmentations, rate))
        return clips

    def _spare(self, records: Ints) -> Ints:
        """Samples by which clips exceed the length, `(records,)`."""
        return np.maximum(self.signal.lengths[records] - self.lengths[records], 0)


class ClipData(UtteranceData[ClipBatch]):
    """Streams `ClipBatch`es: clips of similar durations, or all of one length.

    The other parameters are those of `UtteranceData`. Clips of one length are one bucket.

    Args:
        classes: in the order of the network's outputs; the same list that the shards were prepared with.
        seconds: length of every clip: shorter ones are padded with zeros at the end, longer ones cropped, at random in
            training, to the middle in evaluation; null: clips keep their length.
    """

    inventory = "classes"

    def __init__(
        self,
        classes: list[str],
        seconds: float | None = None,
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
            labels=classes,
            train=train,
            validation=validation,
            test=test,
            predict=predict,
            recipes=recipes,
            batch_size=batch_size,
            batch_seconds=batch_seconds,
            buckets=buckets,
            block=block,
            workers=workers,
            seed=seed,
            augment=augment,
            rate=rate,
            remote=remote,
        )
        if seconds is not None and not seconds > 0:
            raise DataError(f"data.seconds: {seconds} is not positive")
        self.seconds = seconds

    @property
    @override
    def plan(self) -> dict[str, int | float | str | bool]:
        return {"seconds": self.seconds or 0.0, **super().plan}

    @override
    def check_truth(self, key: str, index: SplitIndex) -> None:
        unlabelled = np.flatnonzero(index.label < 0)
        if unlabelled.size:
            raise DataError(f"{key}: {index.directory}: clip {utterance_id(index, int(unlabelled[0]))!r} has no class")

    @override
    def reader(self, index: SplitIndex) -> ClipReader:
        samples = None if self.seconds is None else round(self.seconds * index.grid.rate)
        reader = ClipReader(index, self.labels, samples, self.augmentations)
        longer = int(np.count_nonzero(reader.signal.lengths > reader.lengths))
        if longer and index.split != "train":
            rank_zero_warn(
                f"{index.directory}: {longer} of {len(index)} clips of split {index.split} are longer than "
                f"data.seconds: {self.seconds:g}; only the middle of these is classified"
            )
        return reader
