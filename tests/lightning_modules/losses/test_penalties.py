import math

import pytest
import torch

from architectures import CREPE, Perceptron, WaveNet
from architectures.wavenet.output import Convolution
from lightning_modules import L2Penalty, LocalAverage, MelodyTracker, PitchGrid, SalienceBCE

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=4)


def tracker(network, **options):
    return MelodyTracker(network, GRID, SalienceBCE(unvoiced_weight=1.0), LocalAverage(), **options)


def test_the_penalty_is_half_the_sum_of_squares_of_what_the_patterns_name():
    network = CREPE(GRID.bins, 256, 1)
    with torch.no_grad():
        network.classifier.bias.fill_(2.0)
    expected = network.classifier.weight.square().sum() / 2 + GRID.bins * 4 / 2
    assert L2Penalty(0.1, ["classifier.*"])(network).item() == pytest.approx(expected.item(), rel=1e-6)
    assert L2Penalty(0.1, ["classifier.*", "blocks.0.1.*"])(network).item() > expected.item() + 1
    assert L2Penalty(0.1, ["classifier.*", "classifier.bias"])(network).item() == pytest.approx(
        expected.item(), rel=1e-6
    )


def test_the_published_groups_exist():
    crepe, wavenet = (
        CREPE(GRID.bins, 256, 1),
        WaveNet(GRID.bins, 80, 1, max_dilation=4, postprocessing=[Convolution(4, 5, 8)]),
    )
    assert set(L2Penalty(1.0, ["classifier.*"]).select(crepe)) == {"classifier.weight", "classifier.bias"}
    chosen = set(L2Penalty(1.0, ["stack.*", "readout.*"]).select(wavenet))
    others = {name for name, _ in wavenet.named_parameters()} - chosen
    assert chosen and others and all(name.startswith("postprocessing.") for name in others)


def test_a_pattern_without_a_parameter_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"penalty\.parameters: 'clasifier\.\*' matches no parameter of CREPE, .*class"
    ):
        tracker(CREPE(GRID.bins, 256, 1), penalty=L2Penalty(0.1, ["blocks.*", "clasifier.*"]))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [((-1.0, ["*"]), "weight"), ((math.nan, ["*"]), "weight"), ((1.0, []), "parameters"), ((1.0, "*"), "parameters")],
)
def test_impossible_arguments_are_refused_by_name(arguments, key):
    with pytest.raises(ValueError, match=rf"^penalty\.{key}: "):
        L2Penalty(*arguments)


def test_training_adds_the_weighted_penalty_and_logs_it_before_its_weight(melody_data, made_trainer):
    module = tracker(Perceptron(GRID.bins, 256, 4), penalty=L2Penalty(0.01, ["layers.2.*"]))
    expected = module.penalty(module.network).item()
    trainer = made_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(module, melody_data())
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["train/l2"] == pytest.approx(expected) and expected > 0
    assert logged["train/loss"] == pytest.approx(logged["train/pitch"] + 0.01 * expected)


def test_the_penalty_shrinks_what_it_names_and_nothing_else(melody_data, made_trainer):
    norms = []
    for options in ({}, {"penalty": L2Penalty(10.0, ["layers.2.weight"])}):
        torch.manual_seed(0)
        module = tracker(Perceptron(GRID.bins, 256, 4), **options)
        made_trainer(max_steps=30, limit_val_batches=0).fit(module, melody_data())
        norms.append({name: value.norm().item() for name, value in module.network.named_parameters()})
    assert norms[1]["layers.2.weight"] < 0.95 * norms[0]["layers.2.weight"]
    assert norms[1]["layers.0.weight"] == pytest.approx(norms[0]["layers.0.weight"], rel=0.05)
