"""Windows of audio or spectrogram with the f0 of their label frames, for melody extraction and pitch tracking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from typing_extensions import override

from datamodules.augment import Augmentation, Augmentations
from datamodules.base import ShardedData, TrainingSource
from datamodules.batches import EvaluationSet
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.augmented import AugmentedReader
from datamodules.windows.compatibility import NetworkInput, SpectrogramShape
from datamodules.windows.loaders import EvaluationLoader, TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from datamodules.windows.source import Processes, Reader, WindowSource


class MelodyData(ShardedData[EvaluationLoader]):
    """Streams `PitchBatch`es: shuffled windows for training, whole tracks in time order for everything else.

    Training holds `streams * group` decoded records in memory, each of `segment + 2 * context` seconds of the recipe:

    - audio: `streams * group * seconds * rate * 2` bytes; by default, of records of 10 s at 16 kHz, 0.2 GB;
    - spectrogram: `streams * group * seconds * rate / hop * channels * bins * 2` bytes; likewise, every 10 ms, 0.6 GB
      of 540 bins, 2.5 GB of 6 channels of 360 bins;

    and up to a quarter more, since what follows is decoded ahead. The processes that decode, n = ranks * max(workers,
    1), share these if n divides `streams`; else all together hold n / gcd(n, streams) times as much. A smaller `group`,
    fewer `streams` or a shorter `segment` take less.

    Args:
        window: samples of audio or frames of a spectrogram in one window; linked from the network.
        frames: label frames of a window; linked from the network.
        batch_size: windows of one training batch of one process.
        evaluation_frames: label frames of one evaluation batch.
        stride: label frames between neighbouring training windows; null: as many as a window has.
        voiced_only: train only on windows with a voiced frame.
        streams: streams of records that are interleaved; with `group` it fixes the order of training.
        group: records of a stream that are shuffled together; `streams * group` are held in memory.
        reader: serves the training windows instead of `train`, as PipelineReader does; null: the index of `train`
            serves them, exactly. Everything else is always read by its index.
        augment: applied to training windows in this order; every window and epoch has its own draw, which depends on
            `seed` and on the place of the track among those of `train`.
        spectrogram: the network reads stored spectrograms of this shape instead of audio; linked from the network. The
            recipe's `spectrogram` has stored them; none is computed from audio here.
        hop: samples between label frames that the network needs; null: any. Linked from the network.
        rate: samples per second that the network needs; null: any. Linked from the network.

    Raises:
        DataError: there are both a reader and directories to train from; or augmentations beside a reader, which has
            no index, or beside a spectrogram, since they change audio.
    """

    def __init__(
        self,
        window: int = 1024,
        frames: int = 1,
        train: Sequence[str] = (),
        validation: dict[str, str] | None = None,
        test: dict[str, str] | None = None,
        predict: dict[str, str] | None = None,
        excerpts: dict[str, str] | None = None,
        recipes: Sequence[ShardRecipe] = (),
        batch_size: int = 32,
        evaluation_frames: int = 256,
        workers: int = 0,
        seed: int = 0,
        stride: int | None = None,
        voiced_only: bool = False,
        streams: int = 64,
        group: int = 8,
        reader: Reader | None = None,
        augment: list[Augmentation] | None = None,
        spectrogram: SpectrogramShape | None = None,
        hop: int | None = None,
        rate: int | None = None,
    ) -> None:
        super().__init__(
            train=train,
            validation=validation,
            test=test,
            predict=predict,
            excerpts=excerpts,
            recipes=recipes,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
        )
        self.window, self.evaluation_frames = window, evaluation_frames
        self.windows = Windows(frames, stride or frames, voiced_only)
        self.streams, self.group, self.reader = streams, group, reader
        if reader is not None and train:
            raise DataError("data.train: has no effect beside data.reader; leave one of them out")
        self.augmentations = Augmentations(augment or ())
        self.augmentations.refuse_shifts()
        if reader is not None and augment:
            raise DataError("data.augment: works on the index of data.train, not beside data.reader; leave one out")
        self.network = NetworkInput(hop, rate, spectrogram)
        if spectrogram is not None and augment:
            raise DataError("data.augment: changes audio, but the network reads a spectrogram; leave it out")

    @property
    @override
    def plan(self) -> dict[str, int | float | str | bool]:
        order = {"streams": self.streams, "group": self.group} if self.reader is None else self.reader.plan
        return {**self.windows._asdict(), **order}

    @property
    @override
    def training_source(self) -> TrainingSource:
        return self.training_index if self.reader is None else self.reader

    @property
    def shards(self) -> dict[str, Any] | None:
        """Into what a recording is turned for the network, for whoever transcribes with it; None with a reader.

        `rate` (Hz), `hop` (samples) and `spectrogram` (class and parameters; None: it reads audio) of `train`.
        """
        if self.reader is not None:
            return None
        index = self.training_index
        (*_, spectrogram) = index.spectrograms.values()
        read = self.network.spectrogram is not None
        return {"rate": index.grid.rate, "hop": index.grid.hop, "spectrogram": spectrogram if read else None}

    @override
    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        if state and self.reader is None:
            state["shards"] = self.shards
        return state

    @property
    @override
    def items_per_epoch(self) -> int:
        return self.training_reader.total

    @cached_property
    def training_reader(self) -> WindowSource:
        """Serves the windows of the training split."""
        if self.reader is not None:
            processes = Processes(self.rank, self.ranks, self.workers)
            return self.reader.open(self.window, self.windows, self.seed, processes, self.network)
        self.check_truth("data.train", self.training_index)
        self.network.check(self.training_index)
        order = self.seed, self.streams, self.group
        if self.augmentations.chain:
            return AugmentedReader(self.training_index, self.window, self.windows, self.augmentations, *order)
        return PooledReader(WindowReader(self.training_index, self.window, self.windows, self.network.signal), *order)

    @override
    def train_dataloader(self) -> TrainingLoader:
        self.report_training()
        return TrainingLoader(
            self.training_reader, self.batch_size, self.rank, self.ranks, self.workers, self.begin_epoch
        )

    @override
    def evaluation_loader(self, name: str, index: SplitIndex) -> EvaluationLoader:
        self.network.check(index)
        whole = Windows(self.windows.frames, self.windows.frames)
        return EvaluationLoader(
            WindowReader(index, self.window, whole, self.network.signal),
            EvaluationSet(name, index.tracks, index.grid.rate, index.grid.hop, index.has_f0),
            self.evaluation_frames,
            self.rank,
            self.ranks,
            self.workers,
        )
