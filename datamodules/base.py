"""What the data modules share: preparing missing shards, naming sets, knowing where an epoch stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.utilities import rank_zero_info

from datamodules.errors import DataError
from datamodules.index import SplitIndex
from datamodules.recipe import ShardRecipe, prepare


class ShardedData(lightning.LightningDataModule):
    """Splits of prepared directories, by stage.

    Args:
        train: directories whose split `train` is learned from; several are mixed as one.
        validation: directories whose split `validation` is scored while training, by name; metrics are logged as
            `val/<name>/...`.
        test: likewise for `test`, split `test`. A directory without that split is refused.
        predict: likewise for `predict`, split `predict`.
        recipes: shards that are prepared before anything else if they are missing.
        batch_size: items of one batch of one process; a step consumes as many for every process.
        workers: loader processes per training process; 0 decodes in the training process itself.
        seed: of the order of training, and of nothing else.
    """

    def __init__(
        self,
        train: Sequence[str] = (),
        validation: dict[str, str] | None = None,
        test: dict[str, str] | None = None,
        predict: dict[str, str] | None = None,
        recipes: Sequence[ShardRecipe] = (),
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise DataError(f"data.batch_size: {batch_size} is not positive")
        if workers < 0:
            raise DataError(f"data.workers: {workers} is negative")
        # Rank 0 alone prepares: the directories are on a file system that all nodes see, or prepared beforehand.
        self.prepare_data_per_node = False
        self.train_directories, self.recipes = list(train), list(recipes)
        self.evaluated = {"validation": validation or {}, "test": test or {}, "predict": predict or {}}
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self._training_index: SplitIndex | None = None
        self._resumed: dict[str, Any] | None = None
        self._epoch, self._epoch_begun = 0, False

    def prepare_data(self) -> None:
        """Build the missing shards of the recipes; runs in one process only."""
        for recipe in self.recipes:
            prepare(recipe)

    @property
    def training_index(self) -> SplitIndex:
        """Index of the training split.

        Raises:
            DataError: `train` is empty, or the data under it has changed since the checkpoint that is resumed.
        """
        if self._training_index is None:
            if not self.train_directories:
                raise DataError("data.train: no directory to train from; give at least one prepared directory")
            self._training_index = SplitIndex(self.train_directories, "train")
            self._compare_with_checkpoint(self._training_index)
        return self._training_index

    def evaluation_indexes(self, stage: str) -> dict[str, SplitIndex]:
        """Index of every named set of a stage (`validation`, `test` or `predict`).

        Raises:
            DataError: the stage has no set, or a set's shards lack annotations and are not merely predicted.
        """
        if not self.evaluated[stage]:
            raise DataError(f"data.{stage}: no set is given; name one, as in data.{stage}: {{mine: data/mine}}")
        indexes = {name: SplitIndex([folder], stage) for name, folder in self.evaluated[stage].items()}
        for name, index in indexes.items():
            if stage != "predict" and not index.has_f0:
                raise DataError(f"data.{stage}.{name}: {index.directory} has recordings without annotation")
        return indexes

    @property
    def rank(self) -> int:
        """Number of this process."""
        return self.trainer.global_rank if self.trainer else 0

    @property
    def ranks(self) -> int:
        """Number of processes."""
        return self.trainer.world_size if self.trainer else 1

    def begin_epoch(self) -> tuple[int, int]:
        """Which epoch an iteration delivers, and how many of its items are trained on already.

        Epochs are counted here, because Lightning also counts one that `max_steps` cut short. The place within an
        epoch is Lightning's own count of batches, which cannot disagree with the weights.
        """
        batches = self._batches_done()
        if batches == 0 and self._epoch_begun:
            self._epoch += 1
        self._epoch_begun = True
        self._refuse_other_step(batches)
        return self._epoch, batches * self.step_size

    def _batches_done(self) -> int:
        return self.trainer.fit_loop.epoch_loop.batch_progress.current.ready if self.trainer else 0

    @property
    def step_size(self) -> int:
        """Items that one step of all processes consumes."""
        return self.ranks * self.batch_size

    def report_training(self, total: int) -> None:
        """Say how many items an epoch has and how many of them no whole step takes.

        Raises:
            DataError: there are fewer than one step takes.
        """
        if total < self.step_size:
            raise DataError(
                f"{self.training_index.directory}: {total} training examples are fewer than one step takes "
                f"({self.ranks} processes x batch_size {self.batch_size}); lower data.batch_size or add data"
            )
        rank_zero_info(
            f"{total} training examples, {total // self.step_size} steps an epoch, {total % self.step_size} left out"
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, and in which order of which data: enough to continue exactly."""
        if self._training_index is None:
            return {}
        return {
            "epoch": self._epoch,
            "items": self._batches_done() * self.step_size,
            "step_size": self.step_size,
            "seed": self.seed,
            "index": self._training_index.identity,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember what the checkpoint was made with; compared once the index is read."""
        self._resumed = state_dict or None
        if self._resumed:
            self._epoch, self._epoch_begun = self._resumed["epoch"], self._resumed["items"] > 0
        if self._training_index is not None:
            self._compare_with_checkpoint(self._training_index)

    def _compare_with_checkpoint(self, index: SplitIndex) -> None:
        if self._resumed is None:
            return
        if self._resumed["seed"] != self.seed:
            raise DataError(
                f"data.seed: {self.seed}, but the checkpoint was trained with {self._resumed['seed']}; an epoch "
                "cannot be continued in another order"
            )
        if self._resumed["index"] != index.identity:
            raise DataError(
                f"{index.directory}: not the training data of the checkpoint; to continue on other data load the "
                "weights without the training state"
            )

    def _refuse_other_step(self, batches: int) -> None:
        if batches and self._resumed and self._resumed["items"] and self._resumed["step_size"] != self.step_size:
            raise DataError(
                f"data.batch_size: a step takes {self.step_size} examples, the checkpoint's took "
                f"{self._resumed['step_size']}; in the middle of an epoch processes x batch_size must stay the same"
            )
