"""What every LightningModule here is: a network with an injected optimiser and schedule."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn


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
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer, self.scheduler = optimizer, scheduler

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
        """The injected optimiser over all parameters, with its schedule."""
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


def full_scale(audio: Tensor) -> Tensor:
    """int16 samples as float32, full scale at 1; done on the device, so that half the bytes travel."""
    return audio.float() / 32768
