"""Voicing heads and networks: what they read, what they gather, what they give."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    HCNN,
    ConvolutionalVoicing,
    DropoutBeforeNorm,
    Harmonics,
    NormBeforeDropout,
    NoteOctaveVoicingHead,
    SalienceAlone,
    SalienceAndSpectrogram,
    SharedSalienceAndSpectrogram,
    SpectrogramAlone,
    TemporalVoicingHead,
)
from architectures.layers import SameConv2d, tf_batch_norm_2d
from architectures.spectrogram.voicing import Kernel, VoicingLayers
from tests.architectures.counts_salience import VOICING

INPUTS = [SalienceAndSpectrogram, SharedSalienceAndSpectrogram, SalienceAlone, SpectrogramAlone]


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, SameConv2d)]


@pytest.mark.parametrize("kernels", [row[0] for row in VOICING.values()], ids=VOICING)
@pytest.mark.parametrize("harmonics", [Harmonics(), Harmonics(0, 6)])
def test_one_logit_for_each_frame_also_of_one_frame_in_a_batch_of_one(kernels, harmonics):
    torch.manual_seed(0)
    network = ConvolutionalVoicing(kernels, frames=1, context=0, filters=2, harmonics=harmonics).eval()
    assert network(torch.rand(1, 1, 1, 540)).shape == (1, 1)
    assert network(torch.rand(2, 1, 3, 540)).shape == (2, 3)
    last = convolutions(network)[-1]
    assert last.kernel_size[1] == last.stride[1] and last.out_channels == 1


def outputs_of(layers, bins, output):
    """The input bins that one output bin depends on."""
    for layer in convolutions(layers):
        nn.init.ones_(layer.weight)
    spectrum = torch.rand(1, 1, 1, bins, requires_grad=True)
    layers(spectrum)[..., output].sum().backward()
    return spectrum.grad[0, 0, 0].nonzero().flatten().tolist()


def test_octaves_are_counted_in_semitones_behind_a_stride_of_a_semitone():
    notes, octaves, _, wrong = Kernel(5, 5), Kernel(12, 12), Kernel(12), Kernel(60, 60)
    gathered = nn.Sequential(*(kernel.convolution(1, 1, bias=False) for kernel in (notes, octaves)))
    for octave in range(6):
        assert outputs_of(gathered, 360, octave) == list(range(60 * octave, 60 * octave + 60))
    published = nn.Sequential(*(kernel.convolution(1, 1, bias=False) for kernel in (notes, wrong)))
    assert outputs_of(published, 360, 0) != list(range(60)), "the catalogue's note_octave, kept to repeat its runs"
    head = [(kernel.bins, kernel.stride) for kernel in NoteOctaveVoicingHead.KERNELS]
    assert head == [(5, 1), (5, 5), (12, 1), (12, 12)]


def test_strided_layers_leave_a_note_each_then_an_octave_each_then_one():
    layers = VoicingLayers(1, 360, NoteOctaveVoicingHead.KERNELS, 2, NormBeforeDropout(dropout=0.0)).layers
    sizes, features = [], torch.rand(1, 1, 2, 360)
    for layer in layers:
        features = layer(features)
        if isinstance(layer, SameConv2d):
            sizes.append(features.shape[-1])
    assert sizes == [360, 72, 72, 6, 1]


@pytest.mark.parametrize("input", INPUTS)
def test_a_head_reads_what_it_is_told_to(input):
    salience, spectrogram = torch.rand(2, 1, 3, 36), torch.rand(2, 4, 3, 36)
    read = input().read(salience, spectrogram)
    parts = {
        SalienceAndSpectrogram: [salience, spectrogram],
        SharedSalienceAndSpectrogram: [salience, spectrogram],
        SalienceAlone: [salience],
        SpectrogramAlone: [spectrogram],
    }[input]
    assert torch.equal(read, torch.cat(parts, dim=1))
    assert input().channels(4) == read.shape[1]


@pytest.mark.parametrize("input", INPUTS)
def test_only_a_shared_salience_is_trained_by_the_voicing(input):
    torch.manual_seed(0)
    sizes = {"bins": 48, "bins_per_semitone": 1, "frames": 4, "dropout": 0.0}
    network = HCNN(36, **sizes, kernels=[1] * 2, voicing=NoteOctaveVoicingHead(input(), dropout=0.0, filters=4))
    output = network(torch.rand(2, 1, 4, 48))
    assert output.pitch.shape == (2, 4, 36) and output.voicing.shape == (2, 4)
    output.voicing.square().sum().backward()
    trained = [
        parameter.grad is not None and bool((parameter.grad != 0).any()) for parameter in network.layers.parameters()
    ]
    assert any(trained) == (input is SharedSalienceAndSpectrogram)
    assert all((parameter.grad != 0).any() for parameter in network.voicing.parameters())


def test_the_pitch_is_the_same_with_a_head_and_without():
    torch.manual_seed(0)
    alone = HCNN(360, kernels=[1] * 2).eval()
    headed = HCNN(360, kernels=[1] * 2, voicing=NoteOctaveVoicingHead(filters=2)).eval()
    missing = headed.load_state_dict(alone.state_dict(), strict=False).missing_keys
    assert missing and all(name.startswith("voicing.") for name in missing)
    spectrogram = torch.rand(2, 1, 1, 540)
    torch.testing.assert_close(headed(spectrogram).pitch, alone(spectrogram))


@pytest.mark.parametrize(
    ("head", "order"),
    [
        (TemporalVoicingHead(), ["SameConv2d", "ReLU", "Dropout", "BatchNorm2d"]),
        (NoteOctaveVoicingHead(normalisation=tf_batch_norm_2d), ["SameConv2d", "ReLU", "BatchNorm2d", "Dropout"]),
        (NoteOctaveVoicingHead(), ["SameConv2d", "ReLU", "Identity", "Dropout"]),
    ],
)
def test_each_head_has_its_own_order_of_layers(head, order):
    layers = head.branch(1, 360).layers.layers
    assert [type(layer).__name__ for layer in layers] == [*order * 4, "SameConv2d"]
    biases = [layer.bias is not None for layer in convolutions(layers)]
    assert biases == [not isinstance(head.block, DropoutBeforeNorm)] * 4 + [True]


def test_a_network_equals_its_definition():
    torch.manual_seed(0)
    network = ConvolutionalVoicing(
        [Kernel(5, frames=3), Kernel(60, 60)], frames=4, context=2, filters=3, last_frames=3, harmonics=Harmonics(0, 2)
    ).eval()
    spectrogram = torch.rand(2, 1, 8, 540)
    first, second, last = convolutions(network)
    stacked = torch.cat([spectrogram[..., :360], spectrogram[..., 60:420]], dim=1)
    features = functional.conv2d(stacked, first.weight, first.bias, padding=(1, 2)).relu()
    features = functional.conv2d(features, second.weight, second.bias, stride=(1, 60)).relu()
    expected = functional.conv2d(features, last.weight, last.bias, padding=(1, 0))[:, 0, 2:-2, 0]
    torch.testing.assert_close(network(spectrogram), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", [nn.AvgPool2d((1, 5)), nn.MaxPool2d((1, 5))])
def test_pooled_notes_are_read_instead_of_bins(pooling):
    torch.manual_seed(0)
    network = ConvolutionalVoicing([Kernel(12, 12)], frames=1, context=0, filters=2, pooling=pooling).eval()
    spectrogram = torch.rand(1, 1, 1, 540)
    notes = spectrogram[..., :360].unflatten(-1, (72, 5))
    notes = notes.mean(-1) if isinstance(pooling, nn.AvgPool2d) else notes.amax(-1)
    torch.testing.assert_close(network(spectrogram), network.layers(notes))
    assert convolutions(network)[-1].kernel_size == (1, 6)


def test_bad_kernels_are_refused_by_name():
    with pytest.raises(ValueError, match="stride: 0"):
        Kernel(5, 0)
    with pytest.raises(ValueError, match="filters: 0"):
        ConvolutionalVoicing([Kernel(5)], filters=0)
    with pytest.raises(ValueError, match="last_frames: 0"):
        ConvolutionalVoicing([Kernel(5)], last_frames=0)
