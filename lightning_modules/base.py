"""The base of all LightningModules here: a network with an injected optimiser and learning-rate schedule."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from lightning_modules.epoch_decay import EpochDecay
from lightning_modules.losses.penalties import L2Penalty


class LossPart(NamedTuple):
    """A term of a loss: a scalar and its weight."""

    value: Tensor
    weight: float = 1.0


class CheckpointMismatch(Exception):
    """A parameter has another shape than in the checkpoint, or is missing from one of the two."""


class AudioModule(lightning.LightningModule):
    """A network, its optimiser and its learning-rate schedule.

    Hyperparameters are not saved in checkpoints: the resolved config.yaml beside them is the record.

    Args:
        network: from audio or features to logits.
        optimizer: makes the optimiser from the parameters.
        scheduler: makes the learning-rate schedule from the optimiser; stepped with every optimiser step, a plateau
            schedule whenever its metric is known, EpochDecay after every epoch. None: a constant learning rate.
        penalty: added to the training loss; None: no penalty.

    Raises:
        ValueError: the network does not have the parameters that the penalty names.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        penalty: L2Penalty | None = None,
    ) -> None:
        super().__init__()
        if penalty is not None:
            penalty.select(network)  # refuses patterns without a parameter
        self.network = network
        self.optimizer, self.scheduler, self.penalty = optimizer, scheduler, penalty

    def __deepcopy__(self, memo: dict[int, Any]) -> AudioModule:
        # What makes optimiser and schedule is shared: from the command line it holds the parser and, through it, the
        # trainer, whose WandbLogger begins another run when it is copied (as it is to average weights).
        memo |= {id(maker): maker for maker in (self.optimizer, self.scheduler)}
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__setstate__(copy.deepcopy(self.__getstate__(), memo))  # type: ignore[no-untyped-call]
        return copied

    def training_loss(self, parts: Mapping[str, LossPart], batch_size: int) -> Tensor:
        """The weighted sum of all parts and the penalty, logged as `train/loss`.

        With more than one part, each is logged unweighted as `train/<name>`, and the penalty as `train/l2`.
        """
        if self.penalty is not None:
            parts = {**parts, "l2": LossPart(self.penalty(self.network), self.penalty.weight)}
        loss = torch.stack([part.weight * part.value for part in parts.values()]).sum()
        self.log("train/loss", loss, batch_size=batch_size)
        if len(parts) > 1:
            named = {f"train/{name}": part.value for name, part in parts.items()}
            self.log_dict(named, batch_size=batch_size)
        return loss

    @override
    def on_fit_start(self) -> None:
        self._seed = torch.initial_seed()  # set by seed_everything

    @override
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Torch's generator is seeded anew for each step and process: dropout is the same after a resume, and differs
        # between processes.
        batches = self.trainer.fit_loop.epoch_loop.total_batch_idx
        sequence = np.random.SeedSequence([self._seed, batches, self.global_rank])
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise MisconfigurationException(
                f"model.network: {type(self.network).__name__} has no parameters to fit; score it as it is with "
                "`melisma validate`"
            )
        try:
            optimizer = self.optimizer(self.parameters())
        except (ValueError, TypeError) as error:  # a value that torch refuses, such as a negative rate
            raise MisconfigurationException(f"model.optimizer: {error}") from error
        if self.scheduler is None:
            return optimizer
        try:
            scheduler = self.scheduler(optimizer)
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            what = error.args[0] if isinstance(error, KeyError) else error  # whose text would be quoted
            raise MisconfigurationException(f"model.scheduler: {str(what).partition(chr(10))[0]}") from error
        if isinstance(scheduler, ReduceLROnPlateau):
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": scheduler.monitor}}
        interval = "epoch" if isinstance(scheduler, EpochDecay) else "step"
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}

    @override
    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Of sharded weights each process has a part of the gradient; its whole norm is known to their wrapper alone.
        clip = getattr(self.trainer.strategy.model, "clip_grad_norm_", None)
        if clip is None or gradient_clip_val is None or gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        else:
            clip(gradient_clip_val)

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "state_dict" not in checkpoint:  # a strategy that shards weights has loaded them
            return
        # Before torch compares them, to name the first difference in one line.
        ours, theirs = self.state_dict(), checkpoint["state_dict"]
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            here, there = (
                tuple(state[name].shape) if isinstance(state.get(name), Tensor) else name in state
                for state in (ours, theirs)
            )
            if here != there:
                raise CheckpointMismatch(
                    f"checkpoint: {name} is {_shape(there)} in it but {_shape(here)} in the configured model; use the "
                    "config.yaml of the run that wrote it, or change --model accordingly"
                )


def _shape(entry: tuple[int, ...] | bool) -> str:
    return str(entry) if isinstance(entry, tuple) else ("there" if entry else "missing")
