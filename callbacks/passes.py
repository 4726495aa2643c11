"""Passes over the data in validation, test and predict: what a callback sees of them, and where its files go."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

import torch.distributed
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from callbacks.guards.troubles import dispensable
from callbacks.run.folder import run_folder
from datamodules.files import file_name

Item = TypeVar("Item", bound=Mapping[str, Any])


def stage_of(trainer: Trainer) -> str:
    """The stage with which the keys of metrics begin: `val`, `test` or `predict`."""
    if trainer.testing:
        return "test"
    return "predict" if trainer.predicting else "val"


def folder_of(trainer: Trainer, dataset: str) -> Path:
    """The folder of a set's files: `RUN/<validation|validate|test|predict>/<dataset>`, `validation` during fit."""
    function = trainer.state.fn
    assert function is not None
    stage = "validation" if function == TrainerFn.FITTING else function.value
    return run_folder(trainer) / stage / file_name(dataset)


def in_trial(trainer: Trainer) -> bool:
    """Whether this is a sanity check or `fast_dev_run`, of which Lightning keeps no checkpoint and no log either."""
    return trainer.sanity_checking or bool(trainer.fast_dev_run)  # type: ignore[attr-defined]


def gathered(mine: Any) -> list[Any]:  # noqa: ANN401 - whatever can be pickled
    """What every process gave, in the order of their ranks; called on all processes at once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone


class PassCallback(Callback, Generic[Item]):
    """Sees every item that the steps complete, except in sanity checks and trial runs.

    Attributes:
        items: key of the list of items in what a step returns, see `lightning_modules.outputs`.
        field: key that every item must have.
        purpose: completes the message to users whose model's items lack the field: "... is for <purpose>".
    """

    items: ClassVar[str]
    field: ClassVar[str]
    purpose: ClassVar[str]

    def begin(self, trainer: Trainer) -> None:
        """Prepare for a pass, and forget what an interrupted one left."""

    @abstractmethod
    def collect(self, trainer: Trainer, item: Item) -> None:
        """Take an item; every process sees those of its own batches."""

    @abstractmethod
    def finish(self, trainer: Trainer) -> None:
        """Write what was collected; called on every process, with or without items. Metrics are known by now."""

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_validation_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        self._collect(trainer, outputs)

    @override
    def on_test_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        self._collect(trainer, outputs)

    @override
    def on_predict_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        self._collect(trainer, outputs)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finish(trainer)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finish(trainer)

    @override
    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finish(trainer)

    def _begin(self, trainer: Trainer) -> None:
        if not in_trial(trainer):
            run_folder(trainer)  # asked by all processes now, because later only those with an item ask
            self.begin(trainer)

    def _collect(self, trainer: Trainer, outputs: object) -> None:
        if not in_trial(trainer):
            assert isinstance(outputs, Mapping), f'a step must return {{"{self.items}": [...]}}'
            for item in outputs.get(self.items, [{}]):
                if self.field not in item:
                    raise MisconfigurationException(
                        f"trainer.callbacks: {type(self).__name__} is for {self.purpose}; leave it out"
                    )
                self.collect(trainer, cast(Item, item))

    def _finish(self, trainer: Trainer) -> None:
        if not in_trial(trainer):
            with dispensable(trainer, f"what {type(self).__name__} writes"):
                self.finish(trainer)


class Joinable(Protocol):
    """What is kept of a set on one process."""

    def join(self, other: Self) -> None:
        """Add what another process has of the same set."""


Kept = TypeVar("Kept", bound=Joinable)


class SetCallback(PassCallback[Item], Generic[Item, Kept]):
    """Keeps something of every set, joins it over the processes when the pass ends, and writes it on one.

    Attributes:
        kept: by set, filled by `collect`.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    @abstractmethod
    def write(self, trainer: Trainer, sets: Mapping[str, Kept]) -> None:
        """Write what all processes kept, by set in the order of their names; called on rank 0."""

    @override
    def begin(self, trainer: Trainer) -> None:
        self.kept.clear()

    def add(self, dataset: str, kept: Kept) -> None:
        """Join something to what is kept of a set."""
        _join(self.kept, dataset, kept)

    @override
    def finish(self, trainer: Trainer) -> None:
        sets: dict[str, Kept] = {}
        for of_process in gathered(self.kept):
            for dataset, kept in of_process.items():
                _join(sets, dataset, kept)
        if trainer.is_global_zero:
            self.write(trainer, dict(sorted(sets.items())))
        self.kept.clear()


def _join(sets: dict[str, Kept], dataset: str, kept: Kept) -> None:
    if dataset in sets:
        sets[dataset].join(kept)
    else:
        sets[dataset] = kept
