"""Stopping in good order: when a cluster takes the machines back, and at Ctrl+C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
import torch.distributed
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor
from typing_extensions import override

from callbacks.guards.loggers import logging_to

SUBMIT_AGAIN = 75  # exit code of a fit that SIGUSR1 stopped; EX_TEMPFAIL of sysexits.h
BETWEEN_AGREEMENTS = 5.0  # s, at most, unless one batch takes longer
_CODES = {signal.SIGUSR1: SUBMIT_AGAIN, signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGINT: 128 + signal.SIGINT}


class StoppedBySignal(SIGTERMException):
    """Ends a fit between two batches, on all processes at the same one.

    The first process ends with a code that says which signal it was, the others with 0: some launchers kill what is
    left of a job as soon as one process ends with another code, and the first one has files to close.

    Args:
        number: of the signal.
        first: whether this is the first process.

    Attributes:
        name: of the signal.
    """

    def __init__(self, number: int, first: bool) -> None:
        super().__init__(_CODES[signal.Signals(number)] if first else 0)
        self.name = signal.Signals(number).name


class _Question(NamedTuple):
    """What all processes are asking each other: the largest number of a signal, and seconds from tick to tick."""

    work: Any
    largest: Tensor


class StopOnSignal(Callback):
    """Ends a fit on a signal, after a batch that all processes agree on; then `last.ckpt` is saved.

    | signal | who sends it | exit code |
    |---|---|---|
    | SIGUSR1 | SLURM, some time before the limit, as `train.sbatch` asks it to | 75: submit the job again |
    | SIGTERM | `scancel`, a preemption, `scontrol requeue`, torchrun, `kill` | 143 |
    | SIGINT | Ctrl+C; a second one interrupts at once | 130 |

    While the checkpoint is saved, a second SIGTERM or SIGUSR1 is only answered; a second Ctrl+C ends the saving, and
    the checkpoint before stays.

    The handlers only note the signal. Processes ask each other in the background, so that no batch waits: the answers
    to one question are looked at when the next is asked, after `every_n_train_steps` batches of training or validation,
    or after fewer if those take longer than five seconds. Validations within a fit are stopped as well and repeated
    when the fit goes on; validations alone end at once, as they have nothing to save.

    Lightning's own handlers, whose places are taken, send messages to other processes from within a handler and save in
    the middle of a step: between two messages of the training all processes then wait for ever, and a job that was
    requeued does not find what was saved.

    Args:
        every_n_train_steps: batches between two questions, at most; a process alone stops at once.
    """

    def __init__(self, every_n_train_steps: int = 10) -> None:
        self.every_n_train_steps = every_n_train_steps
        self._signal = 0
        self._replaced: dict[signal.Signals, Any] = {}
        self._group: Any = None
        self._question: _Question | None = None
        self._ticks, self._next = 0, 1  # batches so far, and at which the next question is due
        self._last_tick, self._last_time = 0, time.monotonic()  # of the last question

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        environment = getattr(trainer.strategy, "cluster_environment", None)
        if isinstance(environment, SLURMEnvironment):
            environment.auto_requeue = False

    @override
    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    def _begin(self, trainer: Trainer) -> None:
        if self._replaced or threading.current_thread() is not threading.main_thread():
            return
        self._signal, self._question, self._ticks, self._next = 0, None, 0, 1
        self._last_tick, self._last_time = 0, time.monotonic()
        self._replaced = {number: signal.signal(number, self._note) for number in _CODES}
        if trainer.world_size > 1:
            # Of the CPU: on a GPU, looking at an answer would wait for all that it has still to compute.
            timeout = getattr(trainer.strategy, "_timeout", None)  # as long as all else waits for a lost process
            self._group = torch.distributed.new_group(backend="gloo", timeout=timeout)
            # Lightning's messages about the same, which make the host wait for the device in every batch.
            trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress
        # Not while gradients wait for more batches: no checkpoint holds them.
        if progress.is_last_batch or progress.current.processed % trainer.accumulate_grad_batches == 0:
            self._tick(trainer)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    on_test_start = on_predict_start = on_validation_start

    @override
    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if self._replaced:
            self._tick(trainer)

    def _tick(self, trainer: Trainer) -> None:
        if self._group is None:
            if self._signal:
                raise StoppedBySignal(self._signal, first=True)
            return
        self._ticks += 1
        if self._ticks < self._next:
            return
        number, seconds = self._answer()
        if number:
            raise StoppedBySignal(number, trainer.is_global_zero)
        now = time.monotonic()
        own = torch.tensor([float(self._signal), (now - self._last_time) / (self._ticks - self._last_tick)])
        work = torch.distributed.all_reduce(own, torch.distributed.ReduceOp.MAX, group=self._group, async_op=True)
        self._question = _Question(work, own)
        self._last_tick, self._last_time = self._ticks, now
        # The slowest process decides, for all must ask at the same batches.
        apart = int(BETWEEN_AGREEMENTS / seconds) if seconds else 1
        self._next = self._ticks + max(1, min(self.every_n_train_steps, apart))

    def _answer(self) -> tuple[int, float]:
        """To the last question, if there is one."""
        if self._question is None:
            return 0, 0.0
        self._question.work.wait()
        number, seconds = self._question.largest.tolist()
        self._question = None
        return int(number), seconds

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._answer()  # every process has asked as often
        self._restore()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()
        if isinstance(exception, StoppedBySignal) and "WANDB_SWEEP_ID" in os.environ and trainer.is_global_zero:
            # So that the next agent of the sweep gets this run, under its id.
            for logger in trainer.loggers:
                with logging_to(trainer, logger) as listens:
                    if listens and isinstance(logger, WandbLogger):
                        logger.experiment.mark_preempting()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number

    def _restore(self) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        self._replaced, self._group, self._question = {}, None, None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no SIGTERM and no SIGUSR1 end what is done within, which a fit does last; Ctrl+C still does.

    Who sends one of them a second time wants the end that is being prepared, and there is nothing to add to it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def say(number: int, frame: FrameType | None) -> None:
        print(f"melisma: {signal.Signals(number).name}: saving what was trained, then it ends", file=sys.stderr)

    before = {number: signal.signal(number, say) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing() -> None:
    pass
