"""The two checkpoints of a run: the best by a metric, and the last to resume from; neither is ever half written."""

import os
import re
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from callbacks.guards.finite import Diverged
from callbacks.guards.monitors import refuse_other_sets, refuse_unlogged
from callbacks.guards.standing import write_standing
from callbacks.run.signals import StoppedBySignal, undisturbed
from callbacks.saved.reading import check_checkpoint, check_lightning, read_checkpoint
from datamodules.errors import DataError
from datamodules.files import remove_leftovers
from lightning_modules.outputs import NotANumber

# Of a checkpoint: text, and fields that hold metrics, which may have a slash in their names.
_NAME = re.compile(r"([^/\\{}\0]|\{[^{}\0]+\})+")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the checkpoint and renames; reads it by `callbacks.saved`, which runs nothing and checks it.

    Lightning writes to the system's temporary folder and moves from there, which is a copy, not a rename, where that
    folder is another file system, and it first holds the whole file in memory.
    """

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        if "://" in str(path) or storage_options is not None:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)  # half a checkpoint of a run that was killed
        write_standing(path, partial(torch.save, checkpoint))

    @override
    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        # `weights_only` may stand in a configuration of somebody else.
        if "://" in str(path):
            found = super().load_checkpoint(path, weights_only=True)
            check_checkpoint(found, path)
        else:
            found = read_checkpoint(Path(path))
        check_lightning(found, path)
        return found


def save_atomically(trainer: Trainer) -> None:
    """Make the trainer's strategy save by rename, unless the user chose another way of saving."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the weights with the best monitored metric at the end of a validation.

    Args:
        monitor: key of the logged metric, for example `val/<data set>/raw_pitch_accuracy`.
        mode: `max` where more is better, `min` where less is.
        save_top_k: how many to keep; more than one needs a field in the file name, for example `best-{step}`.
        filename: name without `.ckpt`.

    Raises:
        ValueError: several checkpoints would have one name, or one would stand outside the folder of the run.
        MisconfigurationException: the metric is not logged; the message names those that are. It comes before the
            training, unless there is no sanity check and the metric alone is wrong: then at the first validation.
    """

    def __init__(self, monitor: str, mode: str = "max", save_top_k: int = 1, filename: str = "best") -> None:
        if save_top_k not in (0, 1) and "{" not in filename:
            raise ValueError(
                f"save_top_k={save_top_k} checkpoints would all be called {filename}.ckpt: "
                f"give filename a field, for example {filename}-{{step}}"
            )
        if not _NAME.fullmatch(filename):
            raise ValueError(
                f"filename: {filename!r} is no name of a file in the run's folder; say for example best-{{step}}"
            )
        super().__init__(
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            filename=filename,
            save_on_train_epoch_end=False,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        save_atomically(trainer)
        super().setup(trainer, pl_module, stage)

    @override
    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        refuse_other_sets(trainer)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        refuse_other_sets(trainer)
        super().on_train_start(trainer, pl_module)
        # On resuming, the best checkpoint itself says how good it is. The checkpoint that is resumed may be older than
        # the best one, or the run may have been moved: by its state alone a worse validation would overwrite the best.
        best = Path(str(self.dirpath), f"{self.filename}{self.FILE_EXTENSION}")
        if trainer.ckpt_path is None or self.save_top_k != 1 or not best.is_file():
            return
        try:
            saved = read_checkpoint(best, mapped=True).get("callbacks", {}).get(self.state_key)
        except DataError as error:
            raise DataError(f"{error}; or remove it, and the next best one takes its place") from error
        score = saved.get("best_model_score") if isinstance(saved, dict) else None
        if isinstance(score, Tensor):
            score = score.clone()
            self.best_model_path = self.kth_best_model_path = str(best)
            self.best_model_score = self.kth_value = score
            self.best_k_models = {str(best): score}

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            refuse_unlogged(trainer, pl_module)
        fitting = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        if fitting and self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(trainer.callback_metrics)) or "none"
            raise MisconfigurationException(
                f"The best checkpoint monitors {self.monitor!r}, which this validation did not log; logged are: {known}"
            )
        if fitting:
            self._forget_deleted(trainer)
        super().on_validation_end(trainer, pl_module)

    def _forget_deleted(self, trainer: Trainer) -> None:
        """What somebody has deleted is no best any more: the next one takes its place, however good it is."""
        here = [path for path in self.best_k_models if "://" in path or os.path.exists(path)]
        kept = set(trainer.strategy.broadcast(here))
        self.best_k_models = {path: score for path, score in self.best_k_models.items() if path in kept}


class ResumeCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt`, to resume from: saved regularly, at the end of fit, and when fit is stopped half-way.

    Where a fit is stopped between two steps (by a signal, an error of the data, an error in validation), `last.ckpt` is
    of that step. Where an error ends it within a step, a batch that was begun has changed nothing but buffers, such as
    the running means of batch normalisation: they are put back, and the step before is saved. Where it falls into the
    optimiser's update, some parameters may be changed and others not; nothing is saved then, and the checkpoint that is
    there stays. So a run that goes on from `last.ckpt` is always the run that was not stopped. Where
    several processes share the weights (FSDP), which takes all of them to save, only a signal saves. Of a training that
    has diverged nothing is saved.

    Args:
        every_n_train_steps: optimiser steps between two saves.
        minutes: time between two saves; when given it takes the place of the steps. With neither, every epoch saves.
        run: name of the run, as a folder's. The run goes to `<save_dir>/<project>/<run>` (without a logger, to
            `<default_root_dir>/runs/<run>`), a run of Weights & Biases has it for its id, and where `last.ckpt` is
            there already, fit goes on from it: the same command may be given again after every interruption. It is of
            the command and not of the experiment: `melisma fit` reads it, and config.yaml does not repeat it.
    """

    def __init__(
        self, every_n_train_steps: int | None = 1000, minutes: float | None = None, run: str | None = None
    ) -> None:
        super().__init__(
            filename=self.CHECKPOINT_NAME_LAST,
            every_n_train_steps=every_n_train_steps if minutes is None else None,
            train_time_interval=None if minutes is None else timedelta(minutes=minutes),
            save_on_train_epoch_end=True,
            save_on_exception=True,
            enable_version_counter=False,
        )
        self.run = run
        self._training = False
        self._updating = False  # from the optimiser's update to the end of its batch
        self._buffers = _Buffers()

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        save_atomically(trainer)
        self._training = self._updating = False
        super().setup(trainer, pl_module, stage)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._training = True
        self._last_global_step_saved = trainer.global_step
        self._buffers.find(pl_module)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if self._training:
            self._buffers.find(pl_module)  # it may have brought others, such as thresholds

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Batches whose gradients wait for more are trained again after a resume.
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress
        if progress.current.processed % trainer.accumulate_grad_batches == 0:
            self._buffers.hold()

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self._updating = True

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._updating:
            self._updating = False
            self._buffers.drop()
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Also where this step is saved already: a validation since then has tuned thresholds.
        self._last_global_step_saved = 0
        if not self._should_skip_saving_checkpoint(trainer):
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))
        self._training = False

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        # A failure before the first step saves nothing: a half-restored state would replace a good checkpoint.
        if not self._training or isinstance(exception, (Diverged, NotANumber)):
            return
        agreed = isinstance(exception, StoppedBySignal)
        if agreed:  # at the end of a batch, whose update is whole
            self._updating = False
            self._buffers.drop()
        if self._updating:
            rank_zero_info(f"Interrupted in the update of step {trainer.global_step}; the last checkpoint stays")
        elif not self._should_skip_saving_checkpoint(trainer):
            self._buffers.restore()
            try:
                with undisturbed():
                    self._save_at_the_end(trainer, agreed)
            except DataError as error:
                if agreed:  # to say that it may go on would be wrong
                    raise
                if str(error) != str(exception):  # what ended the training is told anyway
                    print(f"melisma: step {trainer.global_step} is not saved: {error}", file=sys.stderr)
        if isinstance(exception, StoppedBySignal):
            step, path = trainer.global_step, self.best_model_path
            rank_zero_info(f"Stopped by {exception.name} after step {step}; go on with --ckpt_path {path}")

    def _save_at_the_end(self, trainer: Trainer, agreed: bool) -> None:
        """Save when an exception ends the fit, which all processes have agreed on or not."""
        candidates = self._monitor_candidates(trainer)
        if isinstance(trainer.strategy, DDPStrategy) and not agreed:
            # The other processes may not have failed: rank 0 has everything and must not wait for them.
            self.best_model_path = self.format_checkpoint_name(candidates)
            self._last_global_step_saved = trainer.global_step
            checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
            trainer.strategy.save_checkpoint(checkpoint, self.best_model_path)
        elif trainer.world_size == 1 or agreed:
            # Sharded weights take all processes; of another failure nobody knows who is left.
            self._save_topk_checkpoint(trainer, candidates)


class _Buffers:
    """Copies of a module's buffers: what a batch changes before the optimiser's update."""

    def __init__(self) -> None:
        self._own: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._held = False

    def find(self, module: LightningModule) -> None:
        """Look for them; walking through a large network takes as long as a small step."""
        self._own = list(module.buffers())
        self._copies = [torch.empty_like(buffer) for buffer in self._own]
        self._held = False

    def hold(self) -> None:
        """Copy them."""
        if self._own:
            torch._foreach_copy_(self._copies, self._own)
        self._held = True

    def restore(self) -> None:
        """Put the copies back, if some are held."""
        if self._held and self._own:
            torch._foreach_copy_(self._own, self._copies)
        self._held = False

    def drop(self) -> None:
        """Forget what is held."""
        self._held = False
