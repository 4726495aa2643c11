"""A learning rate by epochs, in fits with few and with many steps an epoch."""

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_modules import AudioModule, EpochDecay


class Fitted(AudioModule):
    """Learns nothing in particular, and notes the learning rate of every step."""

    def __init__(self, scheduler):
        super().__init__(nn.Linear(1, 1), lambda parameters: torch.optim.SGD(parameters, lr=1.0), scheduler)
        self.rates = []

    def training_step(self, batch, batch_index):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return self.network(batch[0]).square().mean()


def rates_of(scheduler, steps, epochs=3):
    module = Fitted(scheduler)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", **quiet)
    trainer.fit(module, DataLoader(TensorDataset(torch.ones(steps, 1))))
    return module.rates


@pytest.mark.parametrize("steps", [1, 4])
def test_the_learning_rate_falls_after_every_epoch_however_many_steps_it_has(steps):
    rates = rates_of(lambda optimizer: EpochDecay(optimizer, gamma=0.5), steps)
    assert rates == pytest.approx([1.0] * steps + [0.5] * steps + [0.25] * steps)


def test_other_schedules_go_on_with_every_step():
    rates = rates_of(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5), 2, epochs=2)
    assert rates == pytest.approx([1.0, 1.0, 0.5, 0.5])
