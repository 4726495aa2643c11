"""The weights of the last steps, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from typing_extensions import override


class AveragedWeights(WeightAveraging):
    """Validates and keeps an exponential moving average of the weights instead of the weights of the last step.

    The average begins short and grows: after n steps it reaches back over n / 9 steps, until that of `decay` is longer,
    so that validations early in a run do not show the weights that it began with. Checkpoints hold the average, and
    beside it the weights to resume from exactly, also when they are written while the module has the average: within a
    validation or when the training has ended.

    Args:
        decay: of the average in the long run: it reaches back over 1 / (1 - decay) steps.

    Raises:
        ValueError: `decay` does not lie between 0 and 1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"decay: {decay} does not lie between 0 and 1")
        self.decay = decay
        # Buffers are those of the last step: most are tables, and none of them is trained.
        super().__init__(use_buffers=False, multi_avg_fn=self._average)
        self._exchanged = False  # whether the module has the average, and the copy the weights of the last step
        self._ended = False

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            self._exchanged = self._ended = False
        # The module is not yet on its device, from which the weights would be copied at every step.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:  # no step waits for a GPU to say how many there were
            self._average_model.n_averaged = torch.zeros_like(self._average_model.n_averaged, device="cpu")

    def _average(self, averages: Sequence[Tensor], currents: Sequence[Tensor], _: Tensor | int) -> None:
        assert self._average_model is not None
        steps = int(self._average_model.n_averaged)
        decay = min(self.decay, (1 + steps) / (10 + steps))
        for average, current in zip(averages, currents, strict=True):
            average.copy_(decay * average + (1 - decay) * current)

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._exchange(pl_module, True)

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._exchange(pl_module, self._ended)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended = True
        self._exchange(pl_module, True)

    def _exchange(self, pl_module: LightningModule, averaged: bool) -> None:
        if self._average_model is not None and averaged != self._exchanged:
            self._swap_models(pl_module)
            self._exchanged = averaged

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is None:
            return
        of_module, of_copy = checkpoint["current_model_state"], checkpoint["state_dict"]
        # What is no weight, such as tuned voicing thresholds, the copy of the module does not know.
        known = {name for name, _ in pl_module.named_parameters()} | {name for name, _ in pl_module.named_buffers()}
        of_copy |= {name: value for name, value in of_module.items() if name not in known}
        average, last = (of_module, of_copy) if self._exchanged else (of_copy, of_module)
        checkpoint |= {"state_dict": average, "current_model_state": last}
