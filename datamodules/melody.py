"""Excerpts of audio with the f0 of their label frames, for melody extraction and pitch tracking."""

from __future__ import annotations

from collections.abc import Sequence

from datamodules.base import ShardedData
from datamodules.batches import EvaluationSet
from datamodules.index import SplitIndex
from datamodules.loaders import EvaluationLoader, TrainingLoader
from datamodules.reader import PooledReader, WindowReader
from datamodules.recipe import ShardRecipe
from datamodules.sampling import Windows


class MelodyData(ShardedData):
    """Streams `PitchBatch`es: shuffled windows for training, whole tracks in time order for everything else.

    Args:
        window: samples of an excerpt; linked from the network.
        frames: label frames of an excerpt; linked from the network.
        train: see ShardedData.
        validation: see ShardedData.
        test: see ShardedData.
        predict: see ShardedData.
        recipes: see ShardedData.
        batch_size: windows of one training batch of one process.
        evaluation_frames: label frames of one evaluation batch.
        workers: see ShardedData.
        seed: see ShardedData.
        stride: label frames between neighbouring training excerpts; by default as many as an excerpt has.
        voiced_only: train only on excerpts with a voiced frame.
        streams: streams that are interleaved; with `group` it fixes the order of training.
        group: records of a stream that are shuffled together; `streams * group` are held in memory.
    """

    def __init__(
        self,
        window: int = 1024,
        frames: int = 1,
        train: Sequence[str] = (),
        validation: dict[str, str] | None = None,
        test: dict[str, str] | None = None,
        predict: dict[str, str] | None = None,
        recipes: Sequence[ShardRecipe] = (),
        batch_size: int = 32,
        evaluation_frames: int = 256,
        workers: int = 0,
        seed: int = 0,
        stride: int | None = None,
        voiced_only: bool = False,
        streams: int = 64,
        group: int = 8,
    ) -> None:
        super().__init__(train, validation, test, predict, recipes, batch_size, workers, seed)
        self.window, self.evaluation_frames = window, evaluation_frames
        self.windows = Windows(frames, stride or frames, voiced_only)
        self.streams, self.group = streams, group

    def train_dataloader(self) -> TrainingLoader:
        """Shuffled windows."""
        reader = WindowReader(self.training_index, self.window, self.windows)
        pooled = PooledReader(reader, self.seed, self.streams, self.group)
        self.report_training(pooled.total)
        return TrainingLoader(pooled, self.batch_size, self.rank, self.ranks, self.workers, self.begin_epoch)

    def val_dataloader(self) -> list[EvaluationLoader]:
        """Whole tracks of every validation set."""
        return self._whole_tracks("validation")

    def test_dataloader(self) -> list[EvaluationLoader]:
        """Whole tracks of every test set."""
        return self._whole_tracks("test")

    def predict_dataloader(self) -> list[EvaluationLoader]:
        """Whole tracks of every set to predict."""
        return self._whole_tracks("predict")

    def _whole_tracks(self, stage: str) -> list[EvaluationLoader]:
        return [self._evaluation_loader(name, index) for name, index in self.evaluation_indexes(stage).items()]

    def _evaluation_loader(self, name: str, index: SplitIndex) -> EvaluationLoader:
        whole = Windows(self.windows.frames, self.windows.frames)
        return EvaluationLoader(
            WindowReader(index, self.window, whole),
            EvaluationSet(name, index.tracks, index.grid.rate, index.grid.hop, index.has_f0),
            self.evaluation_frames,
            self.rank,
            self.ranks,
            self.workers,
        )
