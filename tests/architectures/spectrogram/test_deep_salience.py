"""Deep salience and its residual relatives, layer by layer against their definitions."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    DeepSalience,
    DeepSalienceWithoutBiases,
    Harmonics,
    NormAfterConvolution,
    NormBeforeConvolution,
    ResidualSalience,
    TemporalVoicingHead,
)
from architectures.layers import SameConv2d
from architectures.spectrogram.context import receptive_field

# The reference pads with torch's own 'same'.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

WIDTH = 36
SIZES = {"width": WIDTH, "channels": 1, "bins": 48, "frames": 3, "bins_per_semitone": 1}


def shuffled(network):
    """The network with running statistics, scales and biases that are not those of a new one."""
    torch.manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim == 1:
            nn.init.uniform_(tensor, 0.1, 1.0)
    return network.eval()


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, SameConv2d)]


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def convolve(layer, image):
    """With torch's own 'same'."""
    return functional.conv2d(image, layer.weight, layer.bias, padding="same")


def normalise(layer, image):
    shape = (1, -1, 1, 1)
    scaled = (image - layer.running_mean.view(shape)) / (layer.running_var.view(shape) + 1e-3).sqrt()
    return scaled * layer.weight.view(shape) + layer.bias.view(shape)


def stack(image, shifts):
    """By rolling copies that have room for what is beyond the ends."""
    room = max(map(abs, shifts))
    padded = functional.pad(image, (room, room + WIDTH))
    return torch.cat([padded.roll(-shift - room, -1)[..., :WIDTH] for shift in shifts], dim=1)


@pytest.mark.parametrize("network_class", [DeepSalience, DeepSalienceWithoutBiases])
def test_the_layers_are_those_of_the_paper(network_class):
    with torch.device("meta"):
        network = network_class(360)
    assert [(*layer.kernel_size, layer.in_channels, layer.out_channels) for layer in convolutions(network)] == [
        (5, 5, 6, 128), (5, 5, 128, 64), (3, 3, 64, 64), (3, 3, 64, 64), (3, 70, 64, 8), (1, 1, 8, 1),
    ]  # fmt: skip
    assert [layer.num_features for layer in norms(network)] == [6, 128, 64, 64, 64, 8]
    assert all((layer.bias is None) == (network_class is DeepSalienceWithoutBiases) for layer in convolutions(network))
    assert receptive_field(network) == (7, 7)


@pytest.mark.parametrize("network_class", [DeepSalience, DeepSalienceWithoutBiases])
@pytest.mark.parametrize("layer_harmonics", [Harmonics(), Harmonics(2, 3)])
def test_deep_salience_equals_its_definition(network_class, layer_harmonics):
    network = shuffled(network_class(**SIZES, capacity=4, context=0, layer_harmonics=layer_harmonics))
    spectrogram = torch.rand(2, 1, 3, 48)
    features = normalise(norms(network)[0], stack(spectrogram, [-12, 0, 12, 19, 24, 28]))
    for layer, norm in zip(convolutions(network)[:-1], norms(network)[1:], strict=True):
        features = stack(
            normalise(norm, convolve(layer, features).relu()),
            [-12, -19, 0, 12, 19] if layer_harmonics.undertones else [0],
        )
    expected = convolve(convolutions(network)[-1], features)[:, 0]
    torch.testing.assert_close(network(spectrogram), expected, rtol=1e-4, atol=1e-4)


def test_the_filters_of_an_octave_are_an_eighth_of_the_capacity_at_least_two_or_as_many_as_asked_for():
    def filters(**options):
        with torch.device("meta"):
            return convolutions(DeepSalience(360, **options))[-1].in_channels

    assert [filters(capacity=capacity) for capacity in (4, 8, 23, 24, 64)] == [2, 2, 2, 3, 8]
    assert filters(capacity=8, octave_filters=1) == 1


@pytest.mark.parametrize("build", [DeepSalience, DeepSalienceWithoutBiases, ResidualSalience])
def test_outputs_are_logits_not_probabilities(build):
    network = shuffled(build(**SIZES))
    spectrogram = torch.rand(2, 1, network.window, 48)
    logits = network(spectrogram)
    with torch.no_grad():
        for parameter in convolutions(network)[-1].parameters():
            parameter.mul_(1000)
    torch.testing.assert_close(network(spectrogram), 1000 * logits, rtol=1e-3, atol=1e-2)
    assert network(spectrogram).abs().max() > 1


@pytest.mark.parametrize("block", [NormBeforeConvolution(), NormAfterConvolution()])
@pytest.mark.parametrize("last_kernel", [(1, 1), (10, 1)])
def test_residual_salience_equals_its_definition(block, last_kernel):
    kernels = [(5, 5), (9, 3), (3, 70)]
    network = shuffled(
        ResidualSalience(**SIZES, filters=4, kernels=kernels, last_kernel=last_kernel, block=block, context=0)
    )
    spectrogram = torch.rand(2, 1, 3, 48)
    features, total = spectrogram[..., :WIDTH], 0
    for layer, norm in zip(convolutions(network)[:-1], norms(network)[:-1], strict=True):
        if isinstance(block, NormBeforeConvolution):
            features = convolve(layer, normalise(norm, features)).relu()
        else:
            features = normalise(norm, convolve(layer, features)).relu()
        total = total + features
    expected = convolve(convolutions(network)[-1], normalise(norms(network)[-1], total))[:, 0]
    assert [layer.kernel_size for layer in convolutions(network)] == [*kernels, last_kernel]
    assert all(layer.bias is None for layer in convolutions(network))
    torch.testing.assert_close(network(spectrogram), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", [NormBeforeConvolution, NormAfterConvolution])
def test_dropout_follows_the_relu_of_every_block_and_nothing_else(block):
    network = ResidualSalience(**SIZES, filters=4, block=block(0.25))
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.25] * 5
    for layers in network.layers[0]:
        assert [type(layer) for layer in layers][-2:] == [nn.ReLU, nn.Dropout]


def test_the_residual_relatives_reach_as_far_as_the_catalogue_says():
    kernels, last_kernel = [(5, 5), (5, 5), (9, 3), (9, 3), (5, 70)], (10, 1)
    with torch.device("meta"):
        assert receptive_field(ResidualSalience(360)) == (7, 7)
        assert receptive_field(ResidualSalience(360, kernels=kernels, last_kernel=last_kernel)) == (18, 19)
        head = ResidualSalience(360, kernels=kernels, last_kernel=last_kernel, voicing=TemporalVoicingHead())
        assert receptive_field(head) == (18 + 13, 19 + 13)


def test_the_voicing_head_does_not_train_the_salience():
    torch.manual_seed(0)
    network = ResidualSalience(**SIZES, filters=4, voicing=TemporalVoicingHead(0.0, 4))
    output = network(torch.rand(2, 1, network.window, 48))
    output.voicing.square().sum().backward()
    assert all(parameter.grad is None for parameter in network.layers.parameters())
    assert all((parameter.grad != 0).any() for parameter in network.voicing.parameters())
