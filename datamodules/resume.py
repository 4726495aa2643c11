"""Continuing within an epoch: the progress that Lightning restores is corrected to fit the data.

Lightning counts batches: it trains the length of its loader minus the batches that are trained. Those of a checkpoint
no longer count once a step takes more or fewer items. So the position is kept in items of the epoch's sequence, and
Lightning is given the number of batches with which its epoch ends where the data end. Four habits of Lightning are
corrected as well: a validation that was interrupted is repeated instead of finished; a validation that was due at the
checkpoint is not skipped, also where nothing is left to train; an epoch that `max_steps` cut short goes on instead of
counting as complete.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override


class Place(NamedTuple):
    """Position in the training data.

    Attributes:
        epoch: from 0.
        items: of its sequence that are consumed.
    """

    epoch: int
    items: int


class Resumable(Protocol):
    """A data module that knows its position in the epoch."""

    def continue_from(self, trainer: Trainer, fit_loop: dict[str, Any]) -> None:
        """Take the checkpoint's position, and change the state of the fit loop to agree with it."""


class ContinueEpoch(Callback):
    """Shows a data module the checkpoint before Lightning restores its progress; data modules have no such hook.

    Args:
        data: takes the position of the checkpoint.
    """

    def __init__(self, data: Resumable) -> None:
        self.data = data

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        # Before the loops are restored, and before a schedule may ask for the length of an epoch.
        if trainer.state.fn == TrainerFn.FITTING:
            state = checkpoint["loops"]["fit_loop"]
            self.data.continue_from(trainer, state)
            if _cut_off(state["epoch_loop.val_loop.batch_progress"]) and type(trainer.fit_loop) is _FitLoop:
                trainer.fit_loop.__class__ = _UntilValidated

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if isinstance(trainer.fit_loop, _UntilValidated):
            trainer.fit_loop.__class__ = _FitLoop  # type: ignore[assignment]

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning gives the progress bar the length of an epoch only where one begins.
        if trainer.fit_loop.restarted_mid_epoch and trainer.progress_bar_callback is not None:
            trainer.progress_bar_callback.on_train_epoch_start(trainer, pl_module)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        # The step of the logs: Lightning restores it one off.
        steps = trainer.global_step if pl_module.automatic_optimization else trained_batches(trainer)
        trainer.fit_loop.epoch_loop._batches_that_stepped = steps


class _UntilValidated(_FitLoop):
    """Does not end at `max_steps` before the validation that is owed there, which a kill or a signal cut off."""

    @property
    @override
    def done(self) -> bool:
        fetcher = self._data_fetcher
        return not (fetcher is not None and self.epoch_loop._should_check_val_fx(fetcher)) and super().done


def attach(data: Resumable, trainer: Trainer) -> None:
    """Let a data module see the checkpoint that the trainer is going to restore."""
    callbacks: list[Callback] = getattr(trainer, "callbacks")  # noqa: B009 -- a connector sets it, mypy cannot know
    callbacks[:] = [*(other for other in callbacks if not isinstance(other, ContinueEpoch)), ContinueEpoch(data)]


def length(steps: int, limit: float) -> int:
    """Batches of an epoch as Lightning counts them; an integer limit is a number of batches, a float a share."""
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

    The batches after it have left only gradients, which no checkpoint holds: they have to be trained again.

    Args:
        trainer: within `fit`.
        since: `trained_batches` at a moment of the same epoch when no gradients were waiting.
    """
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    trained = trained_batches(trainer)
    if progress.is_last_batch and progress.current.ready == progress.current.processed:
        return trained
    return max(trained - int(progress.current.processed) % trainer.accumulate_grad_batches, since)


def ended(fit_loop: dict[str, Any]) -> bool:
    """Whether a checkpoint's fit loop has just trained the last batch of an epoch.

    Args:
        fit_loop: its state in the checkpoint.
    """
    progress = fit_loop["epoch_loop.batch_progress"]
    return bool(progress["is_last_batch"] and progress["current"]["ready"] == progress["current"]["processed"])


def stand_at(fit_loop: dict[str, Any], batches: int, batch: int, over: bool) -> None:
    """Make a checkpoint's fit loop continue at a position.

    Args:
        fit_loop: its state in the checkpoint; changed in place.
        batches: trained batches of the whole run.
        batch: trained batches of the epoch, that is the length of the loader minus the batches that are left.
        over: nothing is left of the epoch; if Lightning has not ended it yet, it does so first.
    """
    progress, epochs = fit_loop["epoch_loop.batch_progress"], fit_loop["epoch_progress"]
    validation = fit_loop["epoch_loop.val_loop.batch_progress"]
    finished = epochs["current"]["processed"] >= epochs["current"]["started"]
    ending = over and not finished and progress["current"]["processed"] > 0
    batch = batch if ending or not over else 0
    # A validation may be owed: the checkpoint was written before it or within it, or at a batch that turns out to have
    # been the last of the epoch.
    here = batches == progress["total"]["processed"]
    before = here and progress["total"]["completed"] < batches
    within = here and _cut_off(validation)
    owed = int(batch > 0 and (before or within or (ending and not ended(fit_loop))))
    for part in ("total", "current"):
        trained = batches if part == "total" else batch
        progress[part].update(ready=trained, started=trained, processed=trained, completed=trained)
        # An owed validation is made to look interrupted in its first batch, so that Lightning runs it from there.
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
