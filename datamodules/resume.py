"""Continuing in the middle of an epoch: what Lightning's own progress must say when it is restored.

Lightning counts batches, and trains as many as its loader has less those that are trained. A checkpoint's batches mean
something else as soon as a step takes more or fewer items. So a place is kept in items of the epoch's sequence, and
Lightning is told the number of batches that makes its epoch end with the data. Three of its habits are mended on the
way: a validation that was cut off is repeated, not finished; one that was due at the checkpoint is not forgotten; and
an epoch that `max_steps` cut short goes on instead of counting as a whole one.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn


class Place(NamedTuple):
    """How far the training data are consumed.

    Attributes:
        epoch: from 0.
        items: of its sequence.
    """

    epoch: int
    items: int


class Resumable(Protocol):
    """A data module that knows its place in the epoch."""

    def continue_from(self, trainer: Trainer, fit_loop: dict[str, Any]) -> None:
        """Take the checkpoint's place, and change the state of the fit loop to agree with it."""


class ContinueEpoch(Callback):
    """Shows a data module, which has no such hook itself, the checkpoint before Lightning restores its progress.

    Args:
        data: takes the place of the checkpoint.
    """

    def __init__(self, data: Resumable) -> None:
        self.data = data

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Before the loops are restored, and before a schedule may ask how long an epoch is."""
        if trainer.state.fn == TrainerFn.FITTING:
            self.data.continue_from(trainer, checkpoint["loops"]["fit_loop"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the progress bar how long the epoch is: Lightning does so only where an epoch begins."""
        if trainer.fit_loop.restarted_mid_epoch and trainer.progress_bar_callback is not None:
            trainer.progress_bar_callback.on_train_epoch_start(trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """Right the step that logs are written at: by the moment of saving, Lightning restores it one off."""
        steps = trainer.global_step if pl_module.automatic_optimization else trained_batches(trainer)
        trainer.fit_loop.epoch_loop._batches_that_stepped = steps


def attach(data: Resumable, trainer: Trainer) -> None:
    """Let a data module see the checkpoint that the trainer is going to restore."""
    callbacks: list[Callback] = getattr(trainer, "callbacks")  # noqa: B009 -- a connector sets it, mypy cannot know
    callbacks[:] = [*(other for other in callbacks if not isinstance(other, ContinueEpoch)), ContinueEpoch(data)]


def length(steps: int, limit: float) -> int:
    """Batches of an epoch by Lightning's count: an integer limit is a number of batches, another is a share of them."""
    return min(steps, limit) if isinstance(limit, int) else int(steps * limit)


def begun_batches(trainer: Trainer) -> int:
    """Batches of the epoch that Lightning has asked for."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def trained_batches(trainer: Trainer) -> int:
    """Batches of the whole run, on this process."""
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    return int(progress.total.processed)


def stepped_batches(trainer: Trainer, since: int) -> int:
    """Batches of the whole run up to the last optimiser step.

    Those behind it have left nothing but gradients, which no checkpoint holds: they have to be trained again.

    Args:
        trainer: within `fit`.
        since: `trained_batches` when no gradients were waiting, in the same epoch.
    """
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    trained = trained_batches(trainer)
    if progress.is_last_batch and progress.current.ready == progress.current.processed:
        return trained
    return max(trained - int(progress.current.processed) % trainer.accumulate_grad_batches, since)


def ended(fit_loop: dict[str, Any]) -> bool:
    """Whether a checkpoint's fit loop has trained the last batch of an epoch, and none since.

    Args:
        fit_loop: its state in the checkpoint.
    """
    progress = fit_loop["epoch_loop.batch_progress"]
    return bool(progress["is_last_batch"] and progress["current"]["ready"] == progress["current"]["processed"])


def stand_at(fit_loop: dict[str, Any], batches: int, batch: int, over: bool) -> None:
    """Make a checkpoint's fit loop continue at a place.

    Args:
        fit_loop: its state in the checkpoint; changed.
        batches: trained batches of the whole run.
        batch: trained batches of the epoch: by how many the loader's length exceeds what is left.
        over: nothing is left of the epoch. If Lightning has not ended it yet, it does so first.
    """
    progress, epochs = fit_loop["epoch_loop.batch_progress"], fit_loop["epoch_progress"]
    validation = fit_loop["epoch_loop.val_loop.batch_progress"]
    finished = epochs["current"]["processed"] >= epochs["current"]["started"]
    ending = over and not finished and progress["current"]["processed"] > 0
    batch = batch if ending or not over else 0
    # A validation may be due that has not been: before it or within it the checkpoint was written, or at a batch that
    # turns out to have been the last.
    here = batches == progress["total"]["processed"]
    before = here and progress["total"]["completed"] < batches
    within = here and _cut_off(validation)
    owed = int(batch > 0 and (before or within or (ending and not ended(fit_loop))))
    for part in ("total", "current"):
        trained = batches if part == "total" else batch
        progress[part].update(ready=trained, started=trained, processed=trained, completed=trained)
        # A validation that is owed looks interrupted in its first batch: it is run from there, if one is due here.
        validation[part].update(ready=owed, started=owed, processed=0, completed=0)
        _set_epochs(epochs[part], finished and over)
    progress["is_last_batch"] = ending


def _cut_off(validation: dict[str, Any]) -> bool:
    """Whether a validation began and did not come to its last batch."""
    counts = validation["current"]
    return counts["started"] > 0 and not (validation["is_last_batch"] and counts["completed"] == counts["started"])


def _set_epochs(counts: dict[str, int], finished: bool) -> None:
    """Say whether the last of the epochs that have begun is finished."""
    begun = max(counts["started"], counts["processed"])
    done = begun if finished else max(begun - 1, 0)
    counts.update(ready=begun, started=begun, processed=done, completed=done)
