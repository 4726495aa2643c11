"""A training that diverges ends, and leaves the checkpoints that were good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from callbacks.run.curves import learning_rates
from callbacks.run.folder import run_folder
from datamodules.errors import DataError

_NAN, _INFINITE = 2, 1  # what a loss is that is not finite; of several processes the greater counts
_WORDS = {_NAN: "nan", _INFINITE: "infinite"}
_STATISTICS = ("running_mean", "running_var")  # of normalisation; other buffers may be infinite and right


class Diverged(DataError):
    """A loss, or the weights, of a training are not finite."""


class _BatchOfStep(NamedTuple):
    """A batch: the optimiser step that it is of, counted from 1, and the learning rates of that step."""

    number: int
    rates: Mapping[str, Any]


class _LossesAsked(NamedTuple):
    """Batches whose losses are on their way to the host."""

    steps: Sequence[_BatchOfStep]
    kinds: Tensor
    work: Any  # that of the processes, or None
    event: Any  # of the GPU, or None


class FiniteTraining(Callback):
    """Ends a fit whose loss is not finite, and keeps weights that are not finite out of every checkpoint.

    The message names the step at which it began, its learning rate, and the last good checkpoint, which stays as it is;
    the exit code is 1. A process that is alone on a CPU looks at every loss. Several processes tell each other in the
    background, and a GPU is not waited for: the losses of `every_n_train_batches` batches are looked at when as many
    more have been started, on all processes at the same batch. Before a validation, and before anything is saved, all
    of them are looked at. The weights are looked at then too, and never else.

    In 16-mixed precision a step with infinite gradients is left out and the scale lowered, which is no divergence; the
    loss is the unscaled one.

    Args:
        every_n_train_batches: from one look to the next.

    Raises:
        ValueError: `every_n_train_batches` is below 1.
        Diverged: in fit.
    """

    def __init__(self, every_n_train_batches: int = 10) -> None:
        if every_n_train_batches < 1:
            raise ValueError(f"every_n_train_batches: {every_n_train_batches}; it must be 1 or more")
        self.every_n_train_batches = every_n_train_batches
        self._forget()

    def _forget(self) -> None:
        self._at_once = False  # whether each loss is looked at
        self._losses = torch.zeros(0)
        self._steps: list[_BatchOfStep] = []  # of `_losses`
        self._question: _LossesAsked | None = None
        self._number, self._rates = 0, dict[str, Any]()

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._forget()
        device = trainer.strategy.root_device
        self._at_once = device.type == "cpu" and trainer.world_size == 1
        self._losses = torch.zeros(self.every_n_train_batches, device=device)
        self._rates = learning_rates(trainer)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._number = trainer.global_step + 1

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self._rates = learning_rates(trainer)  # now, because a schedule steps before the batch ends

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if not isinstance(loss, Tensor):
            return
        step = _BatchOfStep(self._number, self._rates)
        if self._at_once:
            self._look_at(trainer, loss, step)
            return
        self._losses[len(self._steps)].copy_(loss.detach())
        self._steps.append(step)
        if len(self._steps) == len(self._losses):
            self._answer(trainer)
            self._ask(trainer)

    def _look_at(self, trainer: Trainer, loss: Tensor, step: _BatchOfStep) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise _diverged(trainer, _NAN if math.isnan(value) else _INFINITE, step)

    def _ask(self, trainer: Trainer) -> None:
        """Send what the losses are to all processes and to the host; nothing waits."""
        losses, on_gpu = self._losses[: len(self._steps)], self._losses.device.type == "cuda"
        kinds = (losses.isnan() * _NAN + losses.isinf() * _INFINITE).to(torch.int32)
        work = event = None
        if trainer.world_size > 1:
            work = torch.distributed.all_reduce(kinds, torch.distributed.ReduceOp.MAX, async_op=True)
        if on_gpu:
            if work is not None:  # the stream waits, not the host
                work.wait()
            host, work = torch.empty_like(kinds, device="cpu", pin_memory=True), None
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            host.copy_(kinds, non_blocking=True)
            event.record()
            kinds = host
        self._question, self._steps = _LossesAsked(self._steps, kinds, work, event), []

    def _answer(self, trainer: Trainer) -> None:
        """To the last question, if there is one."""
        question, self._question = self._question, None
        if question is None:
            return
        if question.work is not None:
            question.work.wait()
        if question.event is not None:
            question.event.synchronize()
        for step, kind in zip(question.steps, question.kinds.tolist(), strict=True):
            if kind:
                raise _diverged(trainer, kind, step)

    def _look(self, trainer: Trainer) -> None:
        """At all losses so far, and at the weights; on all processes at once."""
        self._answer(trainer)
        if self._steps:
            self._ask(trainer)
            self._answer(trainer)
        module = trainer.lightning_module
        bad = trainer.strategy.reduce((~finite_weights(module)).float(), reduce_op="sum")
        if float(bad):
            step = _BatchOfStep(trainer.global_step, self._rates)
            raise _told(trainer, f"the weights after step {step.number} are not finite", step)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._look(trainer)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer)

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            return
        if trainer.state.status != TrainerStatus.INTERRUPTED:
            self._look(trainer)
        elif not bool(finite_weights(pl_module)):  # nobody knows which processes are left to ask
            step = _BatchOfStep(trainer.global_step, self._rates)
            raise _told(trainer, f"the weights after step {step.number} are not finite", step)


def finite_weights(module: LightningModule) -> Tensor:
    """Whether all parameters of this process, and statistics of normalisation, are finite: a scalar on their device."""
    named = [each for name, each in module.named_buffers() if name.endswith(_STATISTICS)]
    tensors = [each.detach() for each in (*module.parameters(), *named) if each.is_floating_point()]
    if not tensors:
        return torch.ones((), dtype=torch.bool, device=module.device)
    return torch.stack([each.isfinite().all() for each in tensors]).all()


def _diverged(trainer: Trainer, kind: int, step: _BatchOfStep) -> Diverged:
    return _told(trainer, f"the loss of step {step.number} is {_WORDS[kind]}", step)


def _told(trainer: Trainer, what: str, step: _BatchOfStep) -> Diverged:
    rates = ", ".join(f"{float(rate):.3g}" for rate in step.rates.values()) or "unknown"
    return Diverged(
        f"the training has diverged: {what}; learning rate {rates}. {_good_checkpoint(run_folder(trainer))} Lower "
        "model.optimizer.lr, or clip gradients with --trainer.gradient_clip_val=1"
    )


def _good_checkpoint(folder: Path) -> str:
    """The one to go on from, and its step; every checkpoint that is written was looked at before."""
    for name in ("last.ckpt", "best.ckpt"):
        path = folder / "checkpoints" / name
        if path.is_file():
            step = torch.load(path, map_location="meta", weights_only=True, mmap=True)["global_step"]
            return f"The last good checkpoint is {path}, of step {step}."
    return "No checkpoint was saved before."
