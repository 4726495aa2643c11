"""Stopping in good order when the cluster sends SIGTERM, because the time of a job is up."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from typing_extensions import override


class StopOnSignal(Callback):
    """On SIGTERM, ends the training after a step that all processes agree on, so that `last.ckpt` is saved.

    The handler, which takes the place of Lightning's during the training, only notes the signal. Lightning's own sends
    a message to the other processes from within the handler; where that falls between two other messages, as it does
    when every process is signalled at once, all wait for ever. A training that was stopped so raises SIGTERMException.

    Args:
        every_n_train_steps: batches between two agreements of several processes; a process alone stops at once.
    """

    def __init__(self, every_n_train_steps: int = 10) -> None:
        self.every_n_train_steps = every_n_train_steps
        self._signalled = False
        self._replaced: Any = None

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._signalled = False
        if threading.current_thread() is threading.main_thread():
            self._replaced = signal.signal(signal.SIGTERM, self._note)

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        alone = trainer.world_size == 1
        if alone or (trainer.fit_loop.epoch_loop.total_batch_idx + 1) % self.every_n_train_steps == 0:
            if trainer.strategy.reduce_boolean_decision(self._signalled, all=False):
                raise SIGTERMException

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signalled = True

    def _restore(self) -> None:
        if self._replaced is not None:
            signal.signal(signal.SIGTERM, self._replaced)
            self._replaced = None
