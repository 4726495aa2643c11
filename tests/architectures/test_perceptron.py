"""Perceptrons against their formulas."""

import pytest
import torch
from torch import nn

from architectures import (
    AutocorrelationSequence,
    FrameNetwork,
    MagnitudeSpectrum,
    Perceptron,
    Samples,
    StandardisedWindow,
    VoicingPerceptron,
)
from architectures.layers import standardise_windows


def dense(branch, inputs, activation):
    hidden = activation(inputs @ branch[0].weight.T + branch[0].bias)
    return hidden @ branch[2].weight.T + branch[2].bias


def test_a_perceptron_is_two_dense_layers_and_a_relu():
    torch.manual_seed(0)
    network, audio = Perceptron(12, 100, 20, frames=3), torch.randn(4, 100)
    expected = dense(network.layers, audio, torch.relu).view(4, 3, 12)
    torch.testing.assert_close(network(audio), expected)


def test_another_activation_is_injected():
    torch.manual_seed(0)
    network, audio = Perceptron(12, 100, 20, activation=nn.Tanh), torch.randn(4, 100)
    torch.testing.assert_close(network(audio)[:, 0], dense(network.layers, audio, torch.tanh))


def test_pitch_and_voicing_have_a_hidden_layer_each():
    torch.manual_seed(0)
    network, audio = VoicingPerceptron(12, 100, 20, frames=2, features=StandardisedWindow()), torch.randn(4, 100)
    output, inputs = network(audio), standardise_windows(audio)
    torch.testing.assert_close(output.pitch, dense(network.pitch, inputs, torch.tanh).view(4, 2, 12))
    torch.testing.assert_close(output.voicing, dense(network.voicing, inputs, torch.tanh))
    assert output.reconstruction is None


def test_loudness_matters_unless_the_window_is_standardised():
    torch.manual_seed(0)
    audio = torch.randn(1, 100)
    raw, standardised = Perceptron(12, 100, 20), Perceptron(12, 100, 20, features=StandardisedWindow())
    torch.testing.assert_close(standardised(audio * 5), standardised(audio), rtol=1e-2, atol=1e-2)
    assert not torch.allclose(raw(audio * 5), raw(audio), atol=0.1)


@pytest.mark.parametrize("features", [Samples(), StandardisedWindow(), MagnitudeSpectrum(), AutocorrelationSequence()])
@pytest.mark.parametrize("window", [1, 100, 101])
def test_features_have_the_size_that_they_state(features, window):
    assert features(torch.randn(3, window)).shape == (3, features.size(window))


@pytest.mark.parametrize("size", ["width", "window", "hidden", "frames"])
@pytest.mark.parametrize("network", [Perceptron, VoicingPerceptron])
def test_sizes_below_one_are_refused_by_name(network, size):
    with pytest.raises(ValueError, match=f"{size}: 0 is not positive"):
        network(**{"width": 12, size: 0})


@pytest.mark.parametrize(("name", "default"), [("Perceptron", "ReLU"), ("VoicingPerceptron", "Tanh")])
def test_features_and_activation_are_named_by_class(configured, name, default):
    assert default in str(configured(FrameNetwork, f"architectures.{name}", width=30, window=100))
    features = {"class_path": "architectures.AutocorrelationSequence"}
    network = configured(
        FrameNetwork, f"architectures.{name}", width=30, window=100, activation="torch.nn.GELU", features=features
    )
    assert "GELU" in str(network) and isinstance(network.features, AutocorrelationSequence)
    assert network(torch.randn(2, 100))[0] is not None
