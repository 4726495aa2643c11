"""What every LightningModule here is: a network with an injected optimiser and schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from lightning_modules.losses.penalties import L2Penalty


class LossPart(NamedTuple):
    """A summand of a loss: a scalar, and its weight in the sum."""

    value: Tensor
    weight: float = 1.0


class CheckpointMismatch(Exception):
    """A checkpoint does not fit the configured model; the message names the parameter and both shapes."""


class AudioModule(lightning.LightningModule):
    """A network, its optimiser and its learning-rate schedule.

    There are no saved hyperparameters: the resolved config.yaml beside the checkpoint is the record, and what it and
    the command line say is what runs.

    Args:
        network: from audio or features to logits.
        optimizer: given the parameters, makes the optimiser.
        scheduler: given the optimiser, makes the schedule, stepped with every optimiser step (a plateau schedule:
            whenever its metric is known); None keeps the learning rate constant.
        penalty: added to the loss in training; None adds nothing.

    Raises:
        ValueError: the penalty is for parameters that the network does not have.
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

    def training_loss(self, parts: Mapping[str, LossPart], batch_size: int) -> Tensor:
        """The weighted sum of all parts and the penalty, logged as `train/loss`.

        If there is more than one part, each is logged as `train/<name>` before its weight, the penalty as `train/l2`.
        """
        if self.penalty is not None:
            parts = {**parts, "l2": LossPart(self.penalty(self.network), self.penalty.weight)}
        loss = torch.stack([part.weight * part.value for part in parts.values()]).sum()
        self.log("train/loss", loss, batch_size=batch_size)
        if len(parts) > 1:
            named = {f"train/{name}": part.value for name, part in parts.items()}
            self.log_dict(named, batch_size=batch_size)
        return loss

    def on_fit_start(self) -> None:
        """Note the seed of the run, which `seed_everything` gave to torch."""
        self._seed = torch.initial_seed()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 -- every family has its own
        """Give dropout and the like a stream of its own for each step and process.

        So a resumed run draws what the uninterrupted one would have drawn, and no two processes drop the same units.
        """
        batches = self.trainer.fit_loop.epoch_loop.total_batch_idx
        sequence = np.random.SeedSequence([self._seed, batches, self.global_rank])
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The injected optimiser over all parameters, with its schedule.

        Raises:
            MisconfigurationException: there are no parameters.
        """
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise MisconfigurationException(
                f"model.network: {type(self.network).__name__} has no parameters to fit; score it as it is with "
                "`melisma validate`"
            )
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        scheduler = self.scheduler(optimizer)
        if isinstance(scheduler, ReduceLROnPlateau):
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": scheduler.monitor}}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Compare the checkpoint with the model before torch does, to say in one line what differs.

        Raises:
            CheckpointMismatch: a parameter has another shape, is missing, or is not known.
        """
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
