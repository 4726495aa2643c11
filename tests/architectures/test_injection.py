"""The parts of a network are named by class in a configuration, as the command line does it."""

import pytest
import torch
from jsonargparse import ArgumentParser

from architectures import (
    CREPE,
    AutocorrelationSequence,
    FrameNetwork,
    Perceptron,
    PlainBlock,
    ReconstructingCREPE,
    SingleResolution,
    VoicingPerceptron,
)
from architectures.layers import Concatenation, Residual


def network_of(class_path, **init_args):
    parser = ArgumentParser()
    parser.add_subclass_arguments(FrameNetwork, "network")
    options = parser.parse_object({"network": {"class_path": class_path, "init_args": init_args}})
    again = parser.parse_string(parser.dump(options))
    return parser.instantiate(again).network


def test_parts_of_crepe_are_named_by_class():
    network = network_of(
        "architectures.CREPE",
        width=30,
        capacity=1,
        first={"class_path": "architectures.MultiResolution", "init_args": {"branches": 5}},
        block={"class_path": "architectures.ResidualBlock"},
    )
    assert isinstance(network, CREPE)
    assert isinstance(network.blocks[0][0], Concatenation) and len(network.blocks[0][0]) == 5
    assert all(isinstance(block[0], Residual) for block in network.blocks[1:])


def test_the_papers_parts_are_named_or_left_out():
    named = network_of(
        "architectures.ReconstructingCREPE",
        width=30,
        capacity=1,
        first={"class_path": "architectures.SingleResolution"},
        block={"class_path": "architectures.PlainBlock"},
    )
    left_out = network_of("architectures.ReconstructingCREPE", width=30, capacity=1)
    in_python = ReconstructingCREPE(30, capacity=1, first=SingleResolution(), block=PlainBlock())
    assert str(named) == str(left_out) == str(in_python)


@pytest.mark.parametrize(("name", "default"), [("Perceptron", "ReLU"), ("VoicingPerceptron", "Tanh")])
def test_features_and_activation_of_a_perceptron_are_named_by_class(name, default):
    plain = network_of(f"architectures.{name}", width=30, window=100)
    assert default in str(plain)
    network = network_of(
        f"architectures.{name}",
        width=30,
        window=100,
        activation="torch.nn.GELU",
        features={"class_path": "architectures.AutocorrelationSequence"},
    )
    assert isinstance(network, Perceptron | VoicingPerceptron)
    assert "GELU" in str(network) and isinstance(network.features, AutocorrelationSequence)
    assert network(torch.randn(2, 100))[0] is not None
