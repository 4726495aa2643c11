"""Windows of audio or spectrogram with the f0 of their label frames, for melody extraction and pitch tracking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from typing_extensions import override

from datamodules.augment import Augmentation, Augmentations
from datamodules.base import ShardedData
from datamodules.batches import EvaluationSet
from datamodules.errors import DataError
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.storage.options import RemoteShards
from datamodules.windows.augmented import AugmentedReader
from datamodules.windows.compatibility import NetworkInput, SpectrogramShape
from datamodules.windows.loaders import EvaluationLoader, TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader


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
        augment: applied to training windows in this order; every window and epoch has its own draw, which depends on
            `seed` and on the place of the track among those of `train`.
        spectrogram: the network reads stored spectrograms of this shape instead of audio; linked from the network. The
            recipe's `spectrogram` has stored them; none is computed from audio here.
        hop: samples between label frames that the network needs; null: any. Linked from the network.
        rate: samples per second that the network needs; null: any. Linked from the network.
        reader: null; configurations of earlier versions have it.

    Raises:
        DataError: there are augmentations beside a spectrogram, since they change audio; or there is a reader.
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
        augment: list[Augmentation] | None = None,
        spectrogram: SpectrogramShape | None = None,
        hop: int | None = None,
        rate: int | None = None,
        remote: RemoteShards | None = None,
        reader: dict[str, Any] | None = None,
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
            remote=remote,
        )
        self.window, self.evaluation_frames = window, evaluation_frames
        self.windows = Windows(frames, stride or frames, voiced_only)
        self.streams, self.group = streams, group
        if reader is not None:
            raise DataError(
                "data.reader: shards behind a URL or a command are read exactly now; leave it out and write the "
                "prepared directory, as in data.train: [https://host/mine] or data.train: ['pipe:ssh host cat "
                "/data/mine/{name}']"
            )
        self.augmentations = Augmentations(augment or ())
        self.augmentations.refuse_shifts()
        self.network = NetworkInput(hop, rate, spectrogram)
        if spectrogram is not None and augment:
            raise DataError("data.augment: changes audio, but the network reads a spectrogram; leave it out")

    @property
    @override
    def plan(self) -> dict[str, int | float | str | bool]:
        return {**self.windows._asdict(), "streams": self.streams, "group": self.group}

    @property
    def shards(self) -> dict[str, Any]:
        """Into what a recording is turned for the network, for whoever transcribes with it.

        `rate` (Hz), `hop` (samples) and `spectrogram` (class and parameters; None: it reads audio) of `train`.
        """
        index = self.training_index
        (*_, spectrogram) = index.spectrograms.values()
        read = self.network.spectrogram is not None
        return {"rate": index.grid.rate, "hop": index.grid.hop, "spectrogram": spectrogram if read else None}

    @override
    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        if state:
            state["shards"] = self.shards
        return state

    @property
    @override
    def items_per_epoch(self) -> int:
        return self.training_reader.total

    @cached_property
    def training_reader(self) -> PooledReader:
        """Serves the windows of the training split."""
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
