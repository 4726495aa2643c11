"""DeepSpeech's spectrum, masked convolutions and recurrent bodies."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from architectures import (
    DeepSpeechClassifier,
    MaskedConvolutions,
    RecurrentOutputAndState,
    RecurrentState,
    StandardisedSpectrum,
)
from architectures.deepspeech.recurrent import SummedRecurrentStack
from architectures.layers import parameter_count
from tests.architectures.counts_speech_clips import CONVOLUTIONS, RECURRENT


def noises(*lengths):
    """A padded batch of noise."""
    torch.manual_seed(0)
    signal = torch.zeros(len(lengths), max(lengths))
    for row, length in zip(signal, lengths, strict=True):
        row[:length] = 0.1 * torch.randn(length)
    return signal, torch.tensor(lengths)


def test_a_spectrum_is_the_standardised_logarithm_of_magnitudes():
    signal, lengths = noises(4000)
    values, frames = StandardisedSpectrum()(signal, lengths)
    padded = functional.pad(signal, (160, 160)).unfold(1, 320, 160)
    magnitude = torch.fft.rfft(padded * torch.hamming_window(320)).abs()
    expected = (1 + magnitude).log()
    expected = (expected - expected.mean()) / expected.std(correction=0)
    assert values.shape == (1, 26, 161) and frames.tolist() == [26] == [StandardisedSpectrum().frames(4000)]
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-4)


# From two samples: the spectrum of a single one is flat, and standardised it is rounding errors alone.
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 900), min_size=1, max_size=4), st.sampled_from([(320, 160), (321, 160), (7, 3)]))
def test_the_spectrum_of_an_utterance_of_any_length_is_the_same_alone_and_beside_others(lengths, sizes):
    front_end = StandardisedSpectrum(16000, *sizes)
    signal, lengths = noises(*lengths)
    values, frames = front_end(signal, lengths)
    assert frames.tolist() == [front_end.frames(length) for length in lengths.tolist()]
    for row, length in enumerate(lengths.tolist()):
        alone, _ = front_end(signal[row : row + 1, :length], lengths[row : row + 1])
        assert alone.shape[1:] == (frames[row], front_end.bins)
        torch.testing.assert_close(values[row, : frames[row]], alone[0], rtol=1e-3, atol=1e-4)
        assert (values[row, frames[row] :] == 0).all()


def test_silence_has_a_spectrum_of_zeros_and_finite_gradients():
    signal = torch.zeros(2, 2000)
    signal[1, :900] = noises(900)[0]
    signal.requires_grad_()
    values, _ = StandardisedSpectrum()(signal, torch.tensor([2000, 900]))
    (values * torch.randn_like(values)).sum().backward()
    assert (values[0] == 0).all()
    assert signal.grad.isfinite().all() and signal.grad[1].abs().max() > 0


def test_a_spectrum_is_computed_in_single_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        values, _ = StandardisedSpectrum()(*noises(1000))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, StandardisedSpectrum()(*noises(1000)).values, rtol=0, atol=0)


@pytest.mark.parametrize("frames", [1, 2, 3, 10, 11])
def test_the_convolutions_give_1312_values_for_every_second_frame(frames):
    convolutions = MaskedConvolutions().eval()
    values, lengths = convolutions(torch.randn(2, frames, 161), torch.tensor([frames, 1]))
    assert convolutions.features(161) == 1312
    assert values.shape == (2, (frames - 1) // 2 + 1, 1312)
    assert lengths.tolist() == [(frames - 1) // 2 + 1, 1]
    assert (values[1, 1:] == 0).all()


@pytest.mark.parametrize("bins", [1, 40, 80, 81, 129, 161, 257])
def test_features_are_foretold_for_any_bins(bins):
    convolutions = MaskedConvolutions(2).eval()
    assert convolutions(torch.randn(1, 4, bins), torch.tensor([4])).values.shape[2] == convolutions.features(bins)


def test_the_convolutions_are_those_that_were_printed():
    torch.manual_seed(0)
    convolutions = MaskedConvolutions().eval()
    assert parameter_count(convolutions) == CONVOLUTIONS
    printed = nn.Sequential(
        *(nn.Conv2d(1, 32, (41, 11), (2, 2), (20, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20)),
        *(nn.Conv2d(32, 32, (21, 11), (2, 1), (10, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20)),
    ).eval()
    for place, (convolution, norm) in enumerate(zip(convolutions.convolutions, convolutions.norms, strict=True)):
        norm.running_mean.uniform_(-0.1, 0.1)
        norm.running_var.uniform_(1e-3, 1e-2)
        printed[3 * place].load_state_dict(convolution.state_dict())
        printed[3 * place + 1].load_state_dict(norm.state_dict())
    spectrum = torch.randn(1, 30, 161)
    expected = printed(spectrum.transpose(1, 2)[:, None]).view(1, 1312, 15).transpose(1, 2)
    assert expected.max() == 20
    torch.testing.assert_close(convolutions(spectrum, torch.tensor([30])).values, expected, rtol=1e-3, atol=1e-3)


def test_padding_changes_neither_statistics_nor_gradients():
    torch.manual_seed(0)
    convolutions = MaskedConvolutions(3)
    spectrum = torch.randn(2, 14, 161)
    spectrum[1, 9:] = 0
    weights = torch.randn(2, 7, convolutions.features(161))
    results = []
    for padding in (0, 20):
        twin = MaskedConvolutions(3)
        twin.load_state_dict(convolutions.state_dict())
        output, _ = twin(functional.pad(spectrum, (0, 0, 0, padding)), torch.tensor([14, 9]))
        (output[:, :7] * weights).sum().backward()
        results.append({**dict(twin.named_buffers()), **{k: p.grad for k, p in twin.named_parameters()}})
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("cell", "hidden"), RECURRENT)
def test_recurrent_layers_have_the_weights_of_the_base_code(cell, hidden):
    with torch.device("meta"):
        assert parameter_count(SummedRecurrentStack(1312, hidden, 2, cell)) == RECURRENT[cell, hidden]


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
def test_recurrent_layers_are_those_of_the_base_code(cell):
    torch.manual_seed(0)
    stack = SummedRecurrentStack(6, 5, 2, cell).eval()
    norm = stack.norms[0]
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    values = torch.randn(1, 9, 6)
    first = stack.first.layer(values)[0].view(1, 9, 2, 5).sum(2)
    between = (first - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    output = stack.later[0].layer(between)[0]
    summed, state = stack(values, torch.tensor([9]))
    torch.testing.assert_close(summed, output[..., :5] + output[..., 5:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state, output[:, -1, :5] + output[:, 0, 5:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("body", [RecurrentState(7), RecurrentOutputAndState(7)])
def test_the_mean_of_the_outputs_is_over_the_frames_that_exist(body):
    torch.manual_seed(0)
    network = body.network(6, 3).eval()
    values, lengths = torch.randn(2, 9, 6), torch.tensor([9, 4])
    values[1, 4:] = 0
    output, state = network.stack(values, lengths)
    read = state
    if isinstance(body, RecurrentOutputAndState):
        read = torch.cat((torch.stack((output[0].mean(0), output[1, :4].mean(0))), state), dim=1)
    normalised = functional.layer_norm(read, read.shape[1:])
    expected = functional.linear(normalised, network.classifier[1].weight, network.classifier[1].bias)
    torch.testing.assert_close(network(values, lengths), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"hidden": 0}, {"layers": 0}, {"cell": "RNN"}])
def test_impossible_recurrent_bodies_are_refused_by_name(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        RecurrentState(**options)


def test_impossible_sizes_are_refused_by_name():
    with pytest.raises(ValueError, match="channels: 0"):
        MaskedConvolutions(0)
    with pytest.raises(ValueError, match="hop: 0"):
        StandardisedSpectrum(hop=0)
    with pytest.raises(ValueError, match="bins: 0"):
        DeepSpeechClassifier(3, 0, RecurrentState(4))
