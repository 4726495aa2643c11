"""AveragedWeights against the average written out; what checkpoints hold, and that a resumed run goes on exactly."""

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from callbacks import AveragedWeights

STEPS, DECAY = 24, 0.6


class Line(LightningModule):
    """Learns a line with steps so large that the weights jump about; has extra state, as tuned thresholds are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.tuned = nn.Linear(3, 1), {}
        self.register_buffer("table", torch.arange(4))

    def get_extra_state(self):
        return dict(self.tuned)

    def set_extra_state(self, state):
        self.tuned = dict(state)

    def training_step(self, batch, index):
        return (self.layer(batch) - batch.sum(1, keepdim=True)).square().mean()

    def validation_step(self, batch, index):
        self.tuned["toy"] = 0.25
        self.seen = self.layer.weight.detach().clone()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.3)


class Weights(Callback):
    def __init__(self):
        self.after = []

    def on_train_batch_end(self, trainer, module, *rest):
        self.after.append(module.layer.weight.detach().clone())


def fitted(folder, steps, *more, checkpoint=None):
    # Every batch is the same: a plain loader begins anew when a run is resumed.
    data = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).repeat(STEPS, 1)
    module, weights = Line(), Weights()
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_steps=steps,
        enable_checkpointing=False, default_root_dir=folder, callbacks=[weights, AveragedWeights(DECAY), *more],
        num_sanity_val_steps=0, val_check_interval=6, check_val_every_n_epoch=None,
    )  # fmt: skip
    trainer.fit(module, DataLoader(data, 2), DataLoader(data[:2], 2), ckpt_path=checkpoint)
    return module, weights.after


def averages(weights):
    average, means = weights[0], []
    for steps, current in enumerate(weights):
        if steps:
            decay = min(DECAY, (1 + steps) / (10 + steps))
            average = decay * average + (1 - decay) * current
        means.append(average)
    return means


def test_validation_and_the_result_are_the_average_and_training_is_as_without(tmp_path):
    module, weights = fitted(tmp_path, STEPS)
    mean = averages(weights)[-1]
    torch.testing.assert_close(module.seen, mean)
    torch.testing.assert_close(module.layer.weight.detach(), mean)
    assert (mean - weights[-1]).abs().max() > 1e-3
    assert torch.equal(module.table, torch.arange(4))


def test_a_checkpoint_holds_the_average_and_goes_on_from_the_last_step(tmp_path):
    _, weights = fitted(tmp_path, 12, Saves(tmp_path / "at.ckpt", 12))
    state = torch.load(tmp_path / "at.ckpt", weights_only=False)
    torch.testing.assert_close(state["state_dict"]["layer.weight"], averages(weights)[-1])
    torch.testing.assert_close(state["current_model_state"]["layer.weight"], weights[-1])
    assert state["state_dict"]["_extra_state"] == {"toy": 0.25}
    resumed, _ = fitted(tmp_path, STEPS, checkpoint=tmp_path / "at.ckpt")
    whole, _ = fitted(tmp_path, STEPS)
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


class Saves(Callback):
    """Saves at a step: behind its validation, at the end of the training, or within the validation."""

    def __init__(self, path, step, hook="on_validation_end"):
        self.path, self.step = path, step
        setattr(self, hook, self.save)

    def save(self, trainer, *_):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("hook", ["on_validation_batch_end", "on_train_end"])
def test_what_is_saved_while_the_module_has_the_average_goes_on_from_the_last_step(hook, tmp_path):
    """As a stop within a validation does, and the end of a training that is given more steps later."""
    _, weights = fitted(tmp_path, 12, Saves(tmp_path / "at.ckpt", 12, hook))
    state = torch.load(tmp_path / "at.ckpt", weights_only=False)
    torch.testing.assert_close(state["state_dict"]["layer.weight"], averages(weights)[-1])
    assert torch.equal(state["current_model_state"]["layer.weight"], weights[-1])
    assert state["state_dict"]["_extra_state"] == state["current_model_state"]["_extra_state"] == {"toy": 0.25}
    resumed, _ = fitted(tmp_path, STEPS, checkpoint=tmp_path / "at.ckpt")
    whole, _ = fitted(tmp_path, STEPS)
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


def test_a_validation_behind_the_training_is_of_the_average_as_well(tmp_path):
    averaged = AveragedWeights(DECAY)
    data = torch.randn(24, 3)
    module, weights = Line(), Weights()
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_steps=12,
        enable_checkpointing=False, default_root_dir=tmp_path, callbacks=[weights, averaged],
    )  # fmt: skip
    trainer.fit(module, DataLoader(data, 2))
    for _ in range(2):
        trainer.validate(module, DataLoader(data, 2), verbose=False)
        torch.testing.assert_close(module.seen, averages(weights.after)[-1])


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(ValueError, match="decay"):
        AveragedWeights(decay)


def test_the_average_is_where_the_weights_will_be_and_its_steps_are_counted_on_the_host(tmp_path, monkeypatch):
    """The module moves to its device only behind this hook."""
    averaged, line = AveragedWeights(), Line()
    strategy = type("Strategy", (), {"root_device": torch.device("meta")})
    averaged.setup(type("Trainer", (), {"strategy": strategy}), line, "fit")
    assert {each.device.type for each in averaged._average_model.module.parameters()} == {"meta"}
    assert averaged._average_model.n_averaged.device.type == "cpu" and line.layer.weight.device.type == "cpu"
