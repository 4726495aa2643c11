"""The base of the data modules: missing shards are prepared, sets are named, and an epoch continues where it stood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import lightning
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from typing_extensions import override

from datamodules.errors import DataError, check_range
from datamodules.loading import pinned, ready_for_workers
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.resume import (
    Place,
    attach,
    begun_batches,
    ended,
    length,
    stand_at,
    stepped_batches,
    trained_batches,
)
from datamodules.shards.access import describe, is_prepared
from datamodules.shards.index import SplitIndex
from datamodules.storage.base import Storage
from datamodules.storage.options import RemoteShards
from datamodules.storage.places import open_storage

Loader = TypeVar("Loader")


class ShardedData(lightning.LightningDataModule, ABC, Generic[Loader]):
    """Prepared directories, by stage.

    An epoch is one sequence of items, and every step takes the next `step_size` of them. So a fit continues from a
    checkpoint with exactly the items that are left, on any number of processes, with any batch size and any number of
    workers. Batches whose gradients were waiting for an optimiser step are trained again; buffers, such as the
    statistics of batch normalisation, have then seen them twice. If the step size has changed and gradients are
    accumulated, the first step may take fewer batches, like the last step of an epoch. A subclass defines an item
    (`items_per_epoch`, `step_size`), what the sequence depends on (`plan`), and the loaders.

    Args:
        train: directories whose split `train` is trained on; several are mixed as one.
        validation: directories by name, whose split `validation` is scored while training; metrics are logged as
            `val/<name>/...`.
        test: directories by name, whose split `test` is scored by `melisma test`.
        predict: directories by name, whose split `predict` is decoded by `melisma predict`.
        excerpts: directories by name, whose split `validation` is looked at between validations by
            `callbacks.ExcerptValidation`; small ones, as they are looked at often.
        recipes: shards that are prepared first if they are missing.
        batch_size: items of one batch of one process; a step consumes so many on every process.
        workers: loader processes per training process; 0 decodes in the training process itself.
        seed: of the order of training and of augmentation, and of nothing else.
        remote: how directories that are URLs or commands are fetched; null: the defaults.
    """

    def __init__(
        self,
        train: Sequence[str] = (),
        validation: dict[str, str] | None = None,
        test: dict[str, str] | None = None,
        predict: dict[str, str] | None = None,
        excerpts: dict[str, str] | None = None,
        recipes: Sequence[ShardRecipe] = (),
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        remote: RemoteShards | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise DataError(f"data.batch_size: {batch_size} is not positive")
        check_range("data.workers", workers, 0, 1000)
        check_range("data.seed", seed, 0, 2**63 - 1)
        ready_for_workers(workers)
        # Rank 0 alone prepares: the directories are on a file system that all nodes see, or prepared beforehand.
        self.prepare_data_per_node = False
        self.train_directories, self.recipes = list(train), list(recipes)
        self.evaluated = {"validation": validation or {}, "test": test or {}, "predict": predict or {}}
        self.evaluated["excerpts"] = excerpts or {}
        for name in self.evaluated["validation"].keys() & self.evaluated["excerpts"].keys():
            raise DataError(f"data.excerpts: {name} is the name of a set of data.validation; give it another one")
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.remote = remote
        self._storages: dict[str, Storage] = {}
        self._training_index: SplitIndex | None = None
        self._resumed: dict[str, Any] = {}
        # Where the present iteration began, where the next will, and the run's batches when the present one began.
        self._place = self._next = Place(0, 0)
        self._batches: int | None = None

    @override
    def prepare_data(self) -> None:
        """Build the missing shards of the recipes; runs in one process only.

        Raises:
            DataError: recordings had to be left out. Started once more, the run goes on without them.
        """
        for recipe in self.recipes:
            result = prepare(recipe)
            lacking = f"{recipe.directory}: {len(result.left_out)} recordings could not be used"
            if result.left_out and result.built:
                raise DataError(
                    f"{lacking}: {'; '.join(result.left_out.values())}. Repair them and run `melisma prepare`, or "
                    "start again to go on without them"
                )
            if result.left_out:
                rank_zero_warn(f"{lacking} (`melisma inspect {recipe.directory}` names them); going on without them")

    @override
    def setup(self, stage: str) -> None:
        if stage == "fit" and self.trainer is not None:
            attach(self, self.trainer)

    @override
    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        # Only from pinned memory is a copy to the GPU made while the host goes on.
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return pinned(batch) if on_gpu else batch

    @property
    def training_index(self) -> SplitIndex:
        """Index of the training split.

        Raises:
            DataError: `train` is empty.
        """
        if self._training_index is None:
            if not self.train_directories:
                raise DataError("data.train: no directory to train from; give at least one prepared directory")
            self._training_index = SplitIndex(list(map(self.storage, self.train_directories)), "train")
        return self._training_index

    def storage(self, directory: str) -> Storage:
        """Where a directory of the configuration lies: a folder, behind a URL, or behind a command."""
        if directory not in self._storages:
            self._storages[directory] = open_storage(directory, self.remote)
        return self._storages[directory]

    def evaluation_indexes(self, stage: str) -> dict[str, SplitIndex]:
        """Index of every named set of a stage (`validation`, `test`, `predict` or `excerpts`).

        Raises:
            DataError: the stage has no set, or a set's shards lack annotations and are not merely predicted.
        """
        if not self.evaluated[stage]:
            raise DataError(f"data.{stage}: no set is given; name one, as in data.{stage}: {{mine: data/mine}}")
        split = "validation" if stage == "excerpts" else stage
        indexes = {name: SplitIndex([self.storage(folder)], split) for name, folder in self.evaluated[stage].items()}
        for name, index in indexes.items():
            if stage != "predict":
                self.check_truth(f"data.{stage}.{name}", index)
        return indexes

    @abstractmethod
    def evaluation_loader(self, name: str, index: SplitIndex) -> Loader:
        """The loader of one named set, which gives this process its share."""

    @override
    def val_dataloader(self) -> list[Loader]:
        return self._evaluation_loaders("validation")

    @override
    def test_dataloader(self) -> list[Loader]:
        return self._evaluation_loaders("test")

    @override
    def predict_dataloader(self) -> list[Loader]:
        return self._evaluation_loaders("predict")

    def excerpt_loaders(self) -> list[Loader]:
        """The loaders of `excerpts`.

        Raises:
            DataError: there are none.
        """
        return self._evaluation_loaders("excerpts")

    def _evaluation_loaders(self, stage: str) -> list[Loader]:
        return [self.evaluation_loader(name, index) for name, index in self.evaluation_indexes(stage).items()]

    def check_truth(self, key: str, index: SplitIndex) -> None:
        """Refuse recordings without annotation, which cannot be trained or scored on.

        Args:
            key: of the configuration, for the message.
            index: of their split.

        Raises:
            DataError: some have no annotation.
        """
        if not index.has_f0:
            raise DataError(f"{key}: {index.directory} has recordings without annotation")

    @property
    def data_sets(self) -> dict[str, str]:
        """Data set id of every directory that is named and prepared; equal ids mean equal data.

        Of those behind a URL or a command, only the ones that are in use.
        """
        named = {*self.train_directories, *(each for sets in self.evaluated.values() for each in sets.values())}
        storages = map(self.storage, sorted(named))
        return {storage.label: str(describe(storage)["id"]) for storage in storages if is_prepared(storage)}

    @property
    def rank(self) -> int:
        """Number of this process."""
        return self.trainer.global_rank if self.trainer else 0

    @property
    def ranks(self) -> int:
        """Number of processes."""
        return self.trainer.world_size if self.trainer else 1

    @property
    def step_size(self) -> int:
        """Items that one step of all processes consumes."""
        return self.ranks * self.batch_size

    @property
    @abstractmethod
    def items_per_epoch(self) -> int:
        """Items of an epoch, including those that are fewer than a step."""

    @property
    @abstractmethod
    def plan(self) -> dict[str, int | float | str | bool]:
        """The values that the sequence depends on besides seed and index, by their keys in `data`."""

    def report_training(self) -> None:
        """Log how many items an epoch has, and how many of them are left out because they are fewer than a step.

        Raises:
            DataError: there are fewer than one step takes.
        """
        total = self.items_per_epoch
        if total < self.step_size:
            raise DataError(
                f"{self.training_index.directory}: {total} training examples are fewer than one step takes "
                f"({self.ranks} processes x batch_size {self.batch_size}); lower data.batch_size or add data"
            )
        rank_zero_info(
            f"{total} training examples, {total // self.step_size} steps an epoch, {total % self.step_size} left out"
        )

    def begin_epoch(self) -> tuple[int, int]:
        """The epoch that an iteration delivers, and how many of its items are trained on already.

        Epochs are counted here because Lightning can be told to end one early.
        """
        if self.trainer is not None and begun_batches(self.trainer) > 0 == self._next.items:
            # Lightning has yet to end the epoch that the checkpoint completed.
            return self._place.epoch, self.items_per_epoch
        self._place, self._next = self._next, Place(self._next.epoch + 1, 0)
        self._batches = trained_batches(self.trainer) if self.trainer is not None else None
        return self._place

    @override
    def state_dict(self) -> dict[str, Any]:
        """The position in the data, and what their order depends on: enough to continue exactly.

        Returns:
            `epoch`; `items` of it and `batches` of the whole run that the last optimiser step has consumed;
            `step_size`; what the sequence depends on: `seed`, `index`, `plan`. Empty before training.
        """
        if self.trainer is None or (self._batches is None and not self._resumed):
            return {}
        begun = self._batches
        batches = trained_batches(self.trainer) if begun is None else stepped_batches(self.trainer, begun)
        steps = 0 if begun is None else batches - begun
        return {
            "epoch": self._place.epoch,
            "items": self._place.items + steps * self.step_size,
            "batches": batches,
            "step_size": self.step_size,
            "seed": self.seed,
            "index": self.training_index.identity,
            "plan": self.plan,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict  # needed only if this is a fit that continues from the checkpoint

    def continue_from(self, trainer: Trainer, fit_loop: dict[str, Any]) -> None:
        """Take the checkpoint's position, and change the state of the fit loop to agree with it.

        Args:
            trainer: is about to restore that state.
            fit_loop: its state in the checkpoint; changed in place.

        Raises:
            DataError: the checkpoint was trained on another sequence of items.
        """
        progress, state = fit_loop["epoch_loop.batch_progress"], self._resumed
        if not progress["total"]["processed"]:
            return
        self._refuse_other_sequence()
        # Checkpoints without `batches` come from versions in which all steps of an epoch had one size.
        items = state["items"] if "batches" in state else progress["current"]["processed"] * state["step_size"]
        batches = state.get("batches", progress["total"]["processed"])
        total = self.items_per_epoch
        over = items > 0 and (ended(fit_loop) or total - items < state["step_size"])
        if items > 0 and not over:
            self._refuse_limited_epoch(trainer.limit_train_batches)
        left = 0 if over else (total - items) // self.step_size
        self._place, self._batches = Place(state["epoch"], items if left else total), None
        self._next = self._place if left else Place(state["epoch"] + 1, 0)
        steps = total // self.step_size
        batch = steps - left if left else length(steps, trainer.limit_train_batches)
        stand_at(fit_loop, batches, batch, over=left == 0)
        rank_zero_info(
            f"Continuing epoch {state['epoch']} behind {items} of {total} training examples: "
            f"{left} steps of {self.step_size} are left"
        )

    def _refuse_other_sequence(self) -> None:
        if not self._resumed:
            raise DataError(
                f"data.class_path: the checkpoint was not trained on {type(self).__name__}; to continue on other data "
                "load the weights without the training state"
            )
        before = {"seed": self._resumed["seed"], **self._resumed.get("plan", {})}
        for key, value in {"seed": self.seed, **self.plan}.items():
            if before.get(key, value) != value:
                raise DataError(
                    f"data.{key}: {value}, but the checkpoint was trained with {before[key]}; an epoch cannot be "
                    "continued in another order"
                )
        if self._resumed["index"] != self.training_index.identity:
            raise DataError(
                f"{self.training_index.directory}: not the training data of the checkpoint; to continue on other data "
                "load the weights without the training state"
            )

    def _refuse_limited_epoch(self, limit: float) -> None:
        if limit != 1.0 and self._resumed["step_size"] != self.step_size:
            raise DataError(
                f"data.batch_size: a step takes {self.step_size} examples, the checkpoint's took "
                f"{self._resumed['step_size']}; trainer.limit_train_batches: {limit} counts an epoch in steps, so that "
                "in the middle of one processes x batch_size must stay the same"
            )
