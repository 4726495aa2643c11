"""`PhonemeData`: utterances, as audio or as features, with the phones that are spoken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.augment import Augmentations, WaveformAugmentation
from datamodules.batches import PhonemeBatch, frames_needed
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.speech import UtteranceData, utterance_id
from datamodules.storage.options import RemoteShards
from datamodules.utterances.plan import Ints
from datamodules.utterances.reader import (
    UtteranceAudio,
    UtteranceFeatures,
    UtteranceReader,
    UtteranceSignal,
    augmented,
    pad,
)


class PhonemeReader(UtteranceReader[PhonemeBatch]):
    """Makes batches of utterances and their phones.

    Args:
        signal: what is stored of each utterance.
        phones: in the order of targets; phone k is target k + 1.
        augmentations: of training utterances.

    Raises:
        DataError: audio is to be changed, but there are only features.
    """

    def __init__(
        self, signal: UtteranceSignal, phones: Sequence[str], augmentations: Augmentations | None = None
    ) -> None:
        super().__init__(signal)
        self.augmentations = augmentations or Augmentations()
        if self.augmentations.chain and signal.shape:
            raise DataError(
                f"data.augment: {self.index.directory} holds features, and these are for audio; leave it out"
            )
        self.target = {phone: number for number, phone in enumerate(phones, start=1)}
        self.has_truth = self.index.holds("txt")

    @override
    def read(self, records: Ints, seeds: Ints | None = None) -> PhonemeBatch:
        targets = [self.targets(int(record)) for record in records]
        return PhonemeBatch(
            pad(self._signals(records, seeds)),
            torch.from_numpy(self.lengths[records]),
            pad(targets),
            torch.tensor([target.size for target in targets]),
            torch.ones(len(records), dtype=torch.bool),
            torch.from_numpy(np.array(records)),
            None if seeds is None else torch.from_numpy(seeds),
        )

    def _signals(self, records: Ints, seeds: Ints | None) -> list[NDArray[Any]]:
        signals = [self.signal.read(int(record)) for record in records]
        if seeds is None:
            return signals
        changes, rate = self.augmentations, self.index.grid.rate
        return [augmented(each, each, int(seed), changes, rate) for each, seed in zip(signals, seeds, strict=True)]

    def targets(self, record: int) -> NDArray[np.int64]:
        """Targets of an utterance, `(symbols,)`; none if the set has no transcripts.

        Raises:
            DataError: the transcript holds something that is not one of the phones; names the utterance.
        """
        symbols = self.index.read_transcript(record).split() if self.has_truth else []
        unknown = [symbol for symbol in symbols if symbol not in self.target]
        if unknown:
            raise DataError(
                f"{self.index.directory}: the transcript of utterance {utterance_id(self.index, record)!r} holds "
                f"{unknown[0]!r}, which is not one of data.phones"
            )
        return np.array([self.target[symbol] for symbol in symbols], np.int64)


class PhonemeData(UtteranceData[PhonemeBatch]):
    """Streams `PhonemeBatch`es of similar durations, of the audio or features that the shards hold.

    The other parameters are those of `UtteranceData`. Only audio can be augmented.

    Args:
        phones: in the order of the network's outputs after the blank, which is not listed; the same list that the
            shards were prepared with.
        output_frames: number of the network's output frames by the number of samples or feature frames, to refuse
            utterances with fewer than CTC needs for their phones; linked from the model. null: not checked.
    """

    inventory = "phones"

    def __init__(
        self,
        phones: list[str],
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
        output_frames: Callable[[Ints], Ints] | None = None,
        remote: RemoteShards | None = None,
    ) -> None:
        super().__init__(
            labels=phones,
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
        self.augmentations.refuse_shifts()
        self.output_frames = output_frames
        self._first: UtteranceSignal | None = None

    @override
    def check_truth(self, key: str, index: SplitIndex) -> None:
        for record in np.flatnonzero(index.symbols <= 0)[:1]:
            what = "an empty transcript" if index.symbols[record] == 0 else "no transcript"
            raise DataError(f"{key}: {index.directory}: utterance {utterance_id(index, int(record))!r} has {what}")

    @cached_property
    @override
    def training_reader(self) -> UtteranceReader[PhonemeBatch]:
        reader = super().training_reader
        assert isinstance(reader, PhonemeReader)
        if self.output_frames is not None:
            _refuse_longer_targets(reader, self.output_frames(reader.lengths))
        return reader

    @override
    def reader(self, index: SplitIndex) -> PhonemeReader:
        if not (index.has_audio or index.holds("feat")):
            raise DataError(f"{index.directory}: some of its utterances have no audio, some no features; use one kind")
        signal = UtteranceAudio(index) if index.has_audio else UtteranceFeatures(index)
        first = self._first = self._first or signal
        if signal.shape != first.shape:
            kinds = [f"features of {each.shape[0]} dimensions" if each.shape else "audio" for each in (signal, first)]
            raise DataError(
                f"{index.directory}: its utterances are {kinds[0]}, those of {first.index.directory} are {kinds[1]}; "
                "prepare both alike"
            )
        return PhonemeReader(signal, self.labels, self.augmentations)


def _refuse_longer_targets(reader: PhonemeReader, frames: Ints) -> None:
    # Twice as many frames as phones are always enough; transcripts are read only where there are fewer.
    longer = [
        (int(record), needed)
        for record in np.flatnonzero(frames < 2 * reader.index.symbols)
        if frames[record] < (needed := frames_needed(reader.targets(int(record))))
    ]
    if longer:
        record, needed = longer[0]
        raise DataError(
            f"{reader.index.directory}: {len(longer)} training utterances are too short for their transcripts, the "
            f"first of them {utterance_id(reader.index, record)!r}: the network has {frames[record]} frames for it, "
            f"but its {int(reader.index.symbols[record])} phones need {needed}; leave such utterances out, or give "
            "model.network a smaller stride"
        )
