"""The HCNN against its definition, and what it keeps to by construction."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import HCNN, ConcatenatedInput, Harmonics
from architectures.layers import SameConv2d, tf_batch_norm_2d
from architectures.spectrogram.context import receptive_field

WIDTH, BINS = 36, 48
SIZES = {"width": WIDTH, "bins": BINS, "bins_per_semitone": 1, "dropout": 0.0}


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, SameConv2d)]


def stack(image, shifts, width=WIDTH):
    """Bin by bin."""
    return torch.cat(
        [
            torch.stack(
                [
                    image[..., target + shift] if 0 <= target + shift < image.shape[-1] else 0 * image[..., 0]
                    for target in range(width)
                ],
                dim=-1,
            )
            for shift in shifts
        ],
        dim=1,
    )


@pytest.mark.parametrize("connection", [None, ConcatenatedInput()])
def test_it_equals_its_definition(connection):
    torch.manual_seed(0)
    network = HCNN(
        **SIZES, frames=9, filters=3, kernels=[1, 3, 3], dilations=[1, 1, 4], connection=connection,
        harmonics=Harmonics(1, 2), layer_harmonics=Harmonics(2, 2),
    )  # fmt: skip
    spectrogram = torch.rand(2, 1, 9, BINS)
    features = stack(spectrogram, [-12, 0, 12])
    for number, layer in enumerate(convolutions(network)[:-1]):
        nn.init.uniform_(layer.bias)
        padding = (layer.dilation[0] * (layer.kernel_size[0] // 2), 1)
        convolved = functional.conv2d(features, layer.weight, layer.bias, padding=padding, dilation=layer.dilation)
        block = stack(convolved.relu(), [-12, -19, 0, 12])
        if number == 0:
            features = block
        else:
            features = block + features if connection is None else torch.cat([block, features], dim=1)
    last = convolutions(network)[-1]
    expected = functional.conv2d(features, last.weight, last.bias)[:, 0]
    torch.testing.assert_close(network(spectrogram), expected, rtol=1e-4, atol=1e-5)


def test_kernels_and_dilations_are_those_of_the_lists_block_by_block():
    with torch.device("meta"):
        network = HCNN(
            360, 3, kernels=[1, 3, 5, 9], dilations=[1, 2, 4, 8], filters=16, layer_harmonics=Harmonics(1, 2)
        )
    assert [(*layer.kernel_size, *layer.dilation) for layer in convolutions(network)] == [
        (1, 3, 1, 1), (3, 3, 2, 1), (5, 3, 4, 1), (9, 3, 8, 1), (1, 1, 1, 1),
    ]  # fmt: skip
    assert [layer.in_channels for layer in convolutions(network)] == [48, 48, 48, 48, 48]
    assert [layer.out_channels for layer in convolutions(network)] == [16, 16, 16, 16, 1]


def test_as_many_dilations_as_kernels_are_asked_for():
    with pytest.raises(ValueError, match="dilations: 2 numbers, but there are 3 kernels"):
        HCNN(360, kernels=[1, 3, 3], dilations=[1, 2])
    with pytest.raises(ValueError, match="kernels: 0"):
        HCNN(360, kernels=[])


def test_context_is_counted_with_the_dilations():
    with torch.device("meta"):
        assert receptive_field(HCNN(360)) == (0, 0)
        assert receptive_field(HCNN(360, kernels=[1, 3, 3, 3], dilations=[1, 2, 4, 8])) == (14, 14)
        assert receptive_field(HCNN(360, kernels=[9, 7, 5, 1])) == (9, 9)


def test_without_context_every_frame_stands_for_itself():
    torch.manual_seed(0)
    network = HCNN(**SIZES, frames=6).eval()
    spectrogram = torch.rand(1, 1, 6, BINS)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(network(spectrogram[:, :, order]), network(spectrogram)[:, order])


@pytest.mark.parametrize("layer_harmonics", [Harmonics(), Harmonics(1, 2)])
@pytest.mark.parametrize("shift", [-7, 1, 12])
def test_a_transposed_input_gives_a_transposed_salience_away_from_the_edges(layer_harmonics, shift):
    torch.manual_seed(0)
    blocks, width, bins = 2, 120, 160
    network = HCNN(
        width, bins=bins, bins_per_semitone=1, kernels=[1] * blocks, harmonics=Harmonics(1, 2), dropout=0.0,
        layer_harmonics=layer_harmonics,
    )  # fmt: skip
    spectrogram = torch.rand(1, 1, 1, bins)
    ours, theirs = network(spectrogram), network(spectrogram.roll(shift, -1))
    edge = 12 + blocks * (1 + 12 * layer_harmonics.undertones) + abs(shift)
    middle = slice(edge, width - edge)
    torch.testing.assert_close(theirs[..., middle], ours.roll(shift, -1)[..., middle], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(theirs[..., middle], ours[..., middle], rtol=1e-3, atol=1e-4)


def test_harmonic_layers_hear_an_octave_that_small_kernels_do_not():
    torch.manual_seed(0)

    def heard(layer_harmonics):
        network = HCNN(120, bins=120, bins_per_semitone=1, kernels=[1] * 2, dropout=0.0, harmonics=Harmonics(),
                       layer_harmonics=layer_harmonics)  # fmt: skip
        spectrogram = torch.rand(1, 1, 1, 120, requires_grad=True)
        network(spectrogram)[..., 60].sum().backward()
        return (spectrogram.grad[0, 0, 0].nonzero().flatten() - 60).tolist()

    assert set(heard(Harmonics())) <= set(range(-2, 3))
    assert {-12, 12} <= set(heard(Harmonics(1, 2)))


def test_normalisation_stands_behind_the_stacking_and_before_the_dropout():
    network = HCNN(360, kernels=[1], normalisation=tf_batch_norm_2d, layer_harmonics=Harmonics(2, 3))
    assert [type(module).__name__ for module in network.layers[0]] == [
        "SameConv2d", "ReLU", "HarmonicStacking", "BatchNorm2d", "Dropout",
    ]  # fmt: skip
    assert network.layers[0][3].num_features == 16 * 5 and network.layers[0][4].p == 0.3


def test_concatenated_inputs_grow_by_what_each_block_gives():
    with torch.device("meta"):
        network = HCNN(360, filters=4, kernels=[1] * 4, layer_harmonics=Harmonics(1, 2), connection=ConcatenatedInput())
    assert [layer.in_channels for layer in convolutions(network)] == [16, 12, 24, 36, 48]
