"""Runs of a sweep that failed are given back to its agents, some times."""

import json
import os
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from typing_extensions import override

from callbacks.guards.finite import Diverged
from callbacks.guards.loggers import logging_to
from callbacks.run.folder import run_folder
from callbacks.run.signals import StoppedBySignal
from lightning_modules.outputs import NotANumber


class RepeatedRun(Callback):
    """Gives a run of an agent of Weights & Biases back when it fails, so that the next agent goes on with it.

    By itself a sweep repeats no run that failed, whatever the reason. One that is marked as preempted and ends with an
    error is queued again. What fails before the training begins, as for want of its data, is not repeated.

    Args:
        failures: after as many no more; 0: never.
    """

    def __init__(self, failures: int = 1) -> None:
        self.failures = failures
        self._before: int | None = None  # failures of this run; None: the training has not begun

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = _failures(run_folder(trainer) / "curves.jsonl") if trainer.is_global_zero else None

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = None

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        # What has diverged would diverge again, from the same checkpoint and by the same data.
        failed = not isinstance(exception, (StoppedBySignal, KeyboardInterrupt, Diverged, NotANumber))
        if failed and self._before is not None and self._before < self.failures and "WANDB_SWEEP_ID" in os.environ:
            for logger in trainer.loggers:
                with logging_to(trainer, logger) as listens:
                    if listens and isinstance(logger, WandbLogger):
                        logger.experiment.mark_preempting()


def _failures(curves: Path) -> int:
    """How often the run was ended by an error so far, as `RunCurves` has it."""
    if not curves.exists():
        return 0
    lines = curves.read_text(encoding="utf-8").split("\n")[:-1]
    ends = [line for line in map(json.loads, lines) if line.get("event") == "exception"]
    return sum(line["type"] not in (StoppedBySignal.__name__, KeyboardInterrupt.__name__) for line in ends)
