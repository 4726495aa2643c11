"""CREPE and its variants, part by part."""

import math

import pytest
import torch
from torch.nn import functional

from architectures import (
    CREPE,
    EarlyMultiResolution,
    FrameNetwork,
    MultiResolution,
    PlainBlock,
    ReconstructingCREPE,
    ResidualBlock,
    SingleResolution,
    VariableStride,
)
from architectures.layers import Concatenation, Residual, SameConv1d, standardise_windows


def test_checkpoints_of_plain_crepe_keep_their_keys_and_arguments_their_places():
    shapes = {name: tuple(tensor.shape) for name, tensor in CREPE(30, 512, 1, 3, 0.0).state_dict().items()}
    channels = [1, 32, 4, 4, 4, 8, 16]
    expected = {"classifier.weight": (90, 32), "classifier.bias": (90,)}
    for layer, after in enumerate(channels[1:]):
        expected[f"blocks.{layer}.0.weight"] = (after, channels[layer], 64 if layer else 512)
        expected |= {f"blocks.{layer}.1.{name}": (after,) for name in ("weight", "bias", "running_mean", "running_var")}
        expected[f"blocks.{layer}.1.num_batches_tracked"] = ()
    assert shapes == expected


def test_a_block_is_convolution_normalisation_relu_pooling_dropout():
    torch.manual_seed(0)
    network = CREPE(3, 256, 1).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.bias, -1, 1)
    audio = torch.randn(2, 256)
    x = standardise_windows(audio)[:, None]
    for layer, block in enumerate(network.blocks):
        x = functional.conv1d(
            functional.pad(x, (31, 32) if layer else (254, 254)), block[0].weight, None, 1 if layer else 4
        )
        x = (x - block[1].running_mean[:, None]) / (block[1].running_var[:, None] + 1e-3).sqrt()
        x = x * block[1].weight[:, None] + block[1].bias[:, None]
        x = x.clamp_min(0).unfold(2, 2, 2).amax(-1)
    expected = x.flatten(1) @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(audio)[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_loudness_does_not_matter_but_sound_does():
    torch.manual_seed(0)
    network = CREPE(30, 512, 1).eval()
    audio = torch.randn(1, 512)
    torch.testing.assert_close(network(audio), network(audio * 3), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(network(audio), network(torch.randn(1, 512)), atol=1e-3)


def test_a_window_too_short_is_refused():
    with pytest.raises(ValueError, match="window: 252"):
        CREPE(30, 252)
    assert CREPE(30, 253, 1)(torch.randn(2, 253)).shape == (2, 1, 30)


@pytest.mark.parametrize("size", ["width", "capacity", "frames"])
def test_sizes_below_one_are_refused_by_name(size):
    with pytest.raises(ValueError, match=f"{size}: 0 is not positive"):
        CREPE(**{"width": 30, size: 0})


@pytest.mark.parametrize("window", [512, 1024, 2048, 4096, 8192])
@pytest.mark.parametrize("bins_per_semitone", [1, 5, 9])
def test_every_published_window_and_resolution(window, bins_per_semitone):
    width = 72 * bins_per_semitone
    assert CREPE(width, window, 1, frames=5).eval()(torch.randn(1, window)).shape == (1, 5, width)


def test_one_resolution_is_the_default():
    torch.manual_seed(0)
    plain = CREPE(30, 512, 1)
    torch.manual_seed(0)
    stated = CREPE(30, 512, 1, first=SingleResolution())
    torch.testing.assert_close(stated.state_dict(), plain.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("branches", range(1, 9))
def test_multi_resolution_is_the_concatenation_of_its_branches(branches):
    torch.manual_seed(0)
    network = CREPE(30, 1000, 2, first=MultiResolution(branches)).eval()
    audio = torch.randn(2, 1, 1000)
    expected = []
    for branch, (convolution, normalisation, _) in enumerate(network.blocks[0][0]):
        kernel = 512 // 2**branch
        assert convolution.weight.shape == (64 // branches, 1, kernel)
        torch.nn.init.uniform_(normalisation.bias, -1, 1)
        # 250 outputs every 4 samples: 996 samples between the first and last, of the padding the odd zero at the end.
        zeros = 996 + kernel - 1000
        padded = functional.pad(audio, (zeros // 2, zeros - zeros // 2))
        filtered = (padded.unfold(2, kernel, 4) @ convolution.weight[:, 0].T)[:, 0].transpose(1, 2)
        expected.append((filtered / (1 + 1e-3) ** 0.5 + normalisation.bias[:, None]).clamp_min(0))
    torch.testing.assert_close(network.blocks[0][0](audio), torch.cat(expected, dim=1), rtol=1e-4, atol=1e-5)


def test_multi_resolution_shares_channels_out_before_it_rounds():
    assert [MultiResolution(n).filters(8) for n in range(1, 9)] == [256, 128, 85, 64, 51, 42, 36, 32]
    assert [EarlyMultiResolution(n).filters(8) for n in range(1, 9)] == [256, 128, 80, 64, 48, 40, 32, 32]
    assert MultiResolution(6, first_capacity=2).filters(8) == 85
    assert EarlyMultiResolution(6, first_capacity=2).filters(8) == 80


@pytest.mark.parametrize(
    ("arguments", "message"), [((0,), "branches: 0"), ((9,), "branches: 9"), ((2, 0), "first_cap")]
)
def test_impossible_resolutions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiResolution(*arguments)


def variable_stride(taps):
    """The first layer as one filter with given taps."""
    (convolution, *_) = VariableStride().layers(1)
    with torch.no_grad():
        convolution.weight.copy_(taps.expand_as(convolution.weight))
    return lambda audio: convolution(audio[None, None])[0, 0].detach()


def published_strides():
    """One stride for each output, from the published plan of 16 segments of 512 and a middle of 1024 samples."""
    edge = [stride for stride in (64, 32, 32, 16, 16, 8, 8) for _ in range(512 // stride)]
    return torch.tensor(edge + [4] * 256 + edge[::-1])


def test_every_segment_of_variable_stride_gives_an_output_each_stride():
    taps = torch.zeros(512)
    taps[256] = 1  # reads the sample at which the filter stands
    read = variable_stride(taps)(torch.arange(8192.0))
    strides = published_strides()
    starts = strides.cumsum(0) - strides
    assert len(read) == VariableStride().steps(8192) == 720
    torch.testing.assert_close(read, (starts + strides // 2).float(), rtol=0, atol=0)


def test_a_constant_tone_goes_on_over_the_segments_of_variable_stride():
    frequency = 2 * math.pi / 128  # per sample: at least two outputs each period
    envelope = torch.hann_window(512, periodic=False)
    samples = torch.arange(8192.0)
    cosine, sine = (
        variable_stride(envelope * wave(frequency * (torch.arange(512) - 256)))(torch.cos(frequency * samples))
        for wave in (torch.cos, torch.sin)
    )
    phase = torch.atan2(-sine, cosine)
    strides = published_strides().float()
    advance = frequency * (strides[1:] + strides[:-1]) / 2
    # Zeros beyond the window's ends disturb the outputs that stand within half a filter of them.
    error = (phase[1:] - phase[:-1] - advance + math.pi).remainder(2 * math.pi) - math.pi
    assert error[4:-4].abs().max() < 0.05


def test_variable_stride_in_the_middle_is_the_plain_first_layer():
    torch.manual_seed(0)
    variable, plain = VariableStride().layers(1)[0], SingleResolution().layers(1)[0]
    plain.load_state_dict(variable.state_dict())
    audio = torch.randn(1, 1, 8192)
    torch.testing.assert_close(variable(audio)[..., 232:488], plain(audio)[..., 896:1152], rtol=1e-4, atol=1e-5)


def test_variable_stride_needs_its_window():
    with pytest.raises(ValueError, match=r"window: 1024 .* 8192"):
        CREPE(30, 1024, first=VariableStride())


def silence_body(unit):
    """Let nothing but the shortcut through."""
    torch.nn.init.zeros_(unit.body[-1].weight)


def test_a_residual_block_passes_its_input_on_where_channels_agree():
    unit, relu = ResidualBlock().layers(8, 8)
    assert isinstance(unit, Residual)
    silence_body(unit)
    x = torch.randn(2, 8, 20)
    torch.testing.assert_close(relu(unit(x)), x.clamp_min(0), rtol=0, atol=0)


def test_a_residual_block_projects_with_bias_and_without_normalisation_where_channels_change():
    unit, relu = ResidualBlock().layers(8, 4)
    silence_body(unit)
    torch.nn.init.uniform_(unit.shortcut.bias)
    x = torch.randn(2, 8, 20)
    expected = torch.einsum("oi,bit->bot", unit.shortcut.weight[..., 0], x) + unit.shortcut.bias[:, None]
    torch.testing.assert_close(relu(unit(x)), expected.clamp_min(0), rtol=1e-4, atol=1e-5)


def test_a_residual_block_has_two_convolutions_and_one_relu_between_them():
    unit, _ = ResidualBlock().layers(4, 4)
    unit.eval()
    first, second = (module for module in unit.body if isinstance(module, SameConv1d))
    x = torch.randn(2, 4, 70)
    inner = (first(x) / (1 + 1e-3) ** 0.5).clamp_min(0)
    torch.testing.assert_close(unit(x), x + second(inner) / (1 + 1e-3) ** 0.5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [1024, 1000, 253])
def test_a_reconstruction_is_as_long_as_its_window(window):
    output = ReconstructingCREPE(30, window, 1, frames=2)(torch.randn(3, window))
    assert output.pitch.shape == (3, 2, 30) and output.reconstruction.shape == (3, window)
    assert output.voicing is None


def test_the_pitch_of_a_reconstructing_crepe_is_that_of_its_crepe():
    torch.manual_seed(0)
    network = ReconstructingCREPE(30, 512, 1).eval()
    audio = torch.randn(2, 512)
    torch.testing.assert_close(network(audio).pitch, network.crepe(audio), rtol=1e-4, atol=1e-5)


def test_the_decoder_reads_where_the_encoder_wrote():
    """A filter of the first layer that reads its middle sample is undone by one of the decoder that writes there."""
    network = ReconstructingCREPE(30, 1001, 1)
    encoder, decoder = network.crepe.blocks[0][0], network.decoder
    torch.nn.init.dirac_(encoder.weight[:1])
    torch.nn.init.zeros_(decoder.waveform.weight)
    decoder.waveform.weight.data[0, 0] = encoder.weight.data[0, 0]
    audio = torch.randn(1, 1001)
    decoder.blocks = torch.nn.Identity()
    written = decoder(functional.pad(encoder(audio[:, None])[:, :1], (0, 0, 0, 31)))
    kept = written != 0
    assert kept.sum() == 250  # the last filter's middle lies beyond the end
    torch.testing.assert_close(written[kept], audio[kept])


@pytest.mark.slow
def test_a_reconstruction_is_learned():
    torch.manual_seed(1)
    network = ReconstructingCREPE(12, 256, 1, dropout=0.0)
    audio = torch.sin(torch.arange(256) * torch.linspace(0.2, 0.6, 4)[:, None])
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    errors = []
    for _ in range(100):
        error = functional.mse_loss(network(audio).reconstruction, standardise_windows(audio))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert sum(errors[-10:]) / 10 < errors[0] / 2


def test_a_reconstruction_needs_outputs_at_equal_distances():
    with pytest.raises(ValueError, match=r"first: .* VariableStride"):
        ReconstructingCREPE(30, 8192, 1, first=VariableStride())


def test_parts_are_named_by_class(configured):
    network = configured(
        FrameNetwork,
        "architectures.CREPE",
        width=30,
        capacity=1,
        first={"class_path": "architectures.MultiResolution", "init_args": {"branches": 5}},
        block={"class_path": "architectures.ResidualBlock"},
    )
    assert isinstance(network, CREPE)
    assert isinstance(network.blocks[0][0], Concatenation) and len(network.blocks[0][0]) == 5
    assert all(isinstance(block[0], Residual) for block in network.blocks[1:])


def test_the_papers_parts_are_named_or_left_out(configured):
    parts = {
        "first": {"class_path": "architectures.SingleResolution"},
        "block": {"class_path": "architectures.PlainBlock"},
    }
    named, left_out = (
        configured(FrameNetwork, "architectures.ReconstructingCREPE", width=30, capacity=1, **given)
        for given in (parts, {})
    )
    in_python = ReconstructingCREPE(30, capacity=1, first=SingleResolution(), block=PlainBlock())
    assert str(named) == str(left_out) == str(in_python)
