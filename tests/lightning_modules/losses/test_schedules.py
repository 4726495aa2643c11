import math

import pytest
import torch

from architectures import Perceptron
from lightning_modules import ExponentialDecay, LocalAverage, MelodyTracker, PitchGrid, SalienceBCE
from lightning_modules.losses.schedules import WeightSchedule, weight_at

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=4)


def test_an_exponential_decay_falls_to_1_over_e_in_its_time_constant():
    decay = ExponentialDecay(0.5, 200.0)
    assert [decay.at(step) for step in (0, 200, 400)] == pytest.approx([0.5, 0.5 / math.e, 0.5 / math.e**2])
    assert decay.at(10**9) == 0


def test_a_weight_may_be_constant():
    assert weight_at(0.3, 17) == 0.3
    assert weight_at(ExponentialDecay(0.3, 10.0), 10) == pytest.approx(0.3 / math.e)


@pytest.mark.parametrize("arguments", [{"weight": -1.0}, {"weight": math.inf}, {"time_constant": 0.0}])
def test_impossible_arguments_are_refused_by_name(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}: "):
        ExponentialDecay(**arguments)


class Recorded(WeightSchedule):
    def __init__(self):
        self.steps = []

    def at(self, step):
        self.steps.append(step)
        return 1.0


def test_a_resumed_run_goes_on_with_the_weights_of_its_step(melody_data, made_trainer, tmp_path):
    steps = []
    for options, checkpoint in (({"max_steps": 3}, None), ({"max_steps": 5}, tmp_path / "saved.ckpt")):
        schedule = Recorded()
        tracker = MelodyTracker(Perceptron(GRID.bins, 256, 4), GRID, SalienceBCE(0.2, schedule), LocalAverage())
        trainer = made_trainer(**options, accumulate_grad_batches=2, limit_val_batches=0)
        trainer.fit(tracker, melody_data(), ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / "saved.ckpt")
        steps.append(schedule.steps)
    assert steps == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4]], "each is of two batches"


def test_validations_compare_whatever_the_schedule_has_come_to(melody_data, made_trainer):
    losses = []
    for schedule in (ExponentialDecay(1.0, 0.1), 1.0):
        torch.manual_seed(0)
        tracker = MelodyTracker(
            Perceptron(GRID.bins, 256, 4), GRID, SalienceBCE(0.2, schedule), LocalAverage(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0),
        )  # fmt: skip
        trainer = made_trainer(max_steps=3, val_check_interval=3, check_val_every_n_epoch=None)
        trainer.fit(tracker, melody_data())
        losses.append(float(trainer.callback_metrics["val/mine/loss"]))
    assert losses[0] == losses[1] > 0
