"""Passes over the data, of validation, test and predict: what is seen of them, and where files about them go."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from callbacks.run.folder import run_folder
from datamodules.files import file_name

Item = TypeVar("Item", bound=Mapping[str, Any])


def stage_of(trainer: Trainer) -> str:
    """The stage as it begins the keys of metrics: `val`, `test` or `predict`."""
    if trainer.testing:
        return "test"
    return "predict" if trainer.predicting else "val"


def folder_of(trainer: Trainer, dataset: str) -> Path:
    """Where files about one set go: `RUN/<validation|validate|test|predict>/<dataset>`, `validation` during fit.

    A set whose name is not a plain one is called as `datamodules.files.file_name` says.
    """
    function = trainer.state.fn
    assert function is not None
    stage = "validation" if function == TrainerFn.FITTING else function.value
    return run_folder(trainer) / stage / file_name(dataset)


def media_key(trainer: Trainer, *names: str) -> str:
    """Key `<stage>/<name>/...` of pictures and tables in Weights & Biases, which makes paths of files from it."""
    return "/".join([stage_of(trainer), *map(file_name, names)])


class PassCallback(Callback, Generic[Item]):
    """Sees every item that is finished in validation, test and predict, except in sanity checks and trial runs.

    Subclasses override `begin`, `collect` and `finish`.

    Attributes:
        items: key of the list of items in what a step returns.
        field: key that every item must have.
        purpose: what the callback is for, and that a model without the field lacks it, as messages say it.
    """

    items: ClassVar[str]
    field: ClassVar[str]
    purpose: ClassVar[str]

    def begin(self, trainer: Trainer) -> None:
        """Start a pass over the data."""

    def collect(self, trainer: Trainer, item: Item) -> None:
        """Take one finished item; several processes see different ones."""

    def finish(self, trainer: Trainer) -> None:
        """End the pass; metrics are known now. Called on every process, with or without items."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_validation_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_test_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_predict_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def _begin(self, trainer: Trainer) -> None:
        if not _on_trial(trainer):
            run_folder(trainer)  # asked by all processes now, because later only those with a track ask
            self.begin(trainer)

    def _collect(self, trainer: Trainer, outputs: object) -> None:
        if not _on_trial(trainer):
            assert isinstance(outputs, Mapping), f'a step must return {{"{self.items}": [...]}}'
            for item in outputs.get(self.items, [{}]):
                if self.field not in item:
                    raise MisconfigurationException(
                        f"trainer.callbacks: {type(self).__name__} is for {self.purpose}; leave it out"
                    )
                self.collect(trainer, item)

    def _finish(self, trainer: Trainer) -> None:
        if not _on_trial(trainer):
            self.finish(trainer)


def _on_trial(trainer: Trainer) -> bool:
    # Lightning itself keeps no checkpoints and no logs in a trial run.
    return trainer.sanity_checking or bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
