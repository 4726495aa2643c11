"""WaveNet's options, and its outputs at their label frames."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import nn

from architectures import FrameNetwork, WaveNet
from architectures.layers import standardise_windows
from architectures.wavenet.legacy_grid import LegacyGridWaveNet
from architectures.wavenet.output import Activation, AveragePool, Centred, Convolution, Valid
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext
from architectures.wavenet.wavenet import DenseReadout, StepReadout
from datamodules.windows.plan import Windows
from datamodules.windows.reader import WindowReader
from tests.architectures.wavenet.centres import centres
from tests.architectures.wavenet.variants import CROPS, INITIAL, POSTPROCESSING, SKIPS, SMALL, STRIDED, WIDTH


def frame_samples(network):
    """Where the data module puts the label frames of an excerpt."""
    grid = SimpleNamespace(hop=network.hop, context=10**6, lookahead=10**6, rate=16000)
    windows = Windows(network.frames, network.frames)
    first = WindowReader(SimpleNamespace(grid=grid), network.window, windows).lead
    return [first + network.hop * frame for frame in range(network.frames)]


FAR_FROM_THE_ENDS = slice(5, -5)  # reads no zeros beyond the frames


AT_FRAMES = {
    "strided": (160, [AveragePool(5), Convolution(9, 16, 4), Activation(), Convolution(WIDTH, 64, 8)]),
    "default": (93, None),
    "long convolution": (160, [Convolution(WIDTH, 320, 160)]),
    "short convolution": (160, [Convolution(WIDTH, 80, 160, Centred())]),
    "mean last": (160, [Convolution(WIDTH, 1), Activation(), AveragePool(160)]),
}


@pytest.mark.parametrize(("hop", "postprocessing"), AT_FRAMES.values(), ids=AT_FRAMES)
@pytest.mark.parametrize("frames", [12, 13])
def test_outputs_are_centred_on_their_label_frames(hop, postprocessing, frames):
    network = WaveNet(WIDTH, hop, frames, channels=2, max_dilation=64, postprocessing=postprocessing)
    assert isinstance(network.readout, StepReadout)
    places = centres(network.postprocessing, network.stack.channels, frames * hop)[FAR_FROM_THE_ENDS]
    expected = [sample - network.stack.context for sample in frame_samples(network)][FAR_FROM_THE_ENDS]
    assert places == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_each_output_listens_to_the_audio_around_its_label_frame(crop):
    steps = [AveragePool(5), Convolution(9, 16, 4), Activation(), Convolution(WIDTH, 64, 8)]
    context = None
    if isinstance(crop, KeepContext):
        context = 160
        steps.append(Convolution(WIDTH, 3, padding=Valid()))
    energy = 0
    for seed in range(30):
        torch.manual_seed(seed)
        network = WaveNet(WIDTH, 160, 12, context, 4, 4, max_dilation=16, crop=crop, postprocessing=steps)
        audio = torch.randn(1, network.window, requires_grad=True)
        logits = network(audio)[0, FAR_FROM_THE_ENDS]
        gradients = [torch.autograd.grad(frame.norm(), audio, retain_graph=True)[0][0] for frame in logits]
        energy = energy + torch.stack(gradients).square()
    listened = (energy * torch.arange(network.window)).sum(1) / energy.sum(1)
    assert listened.tolist() == pytest.approx(frame_samples(network)[FAR_FROM_THE_ENDS], abs=40)


def test_steps_of_another_spacing_than_the_label_frames_are_refused():
    layers = [Convolution(4, 32, 16), Convolution(WIDTH, 32, 16)]
    with pytest.raises(ValueError, match=r"256 samples apart, the label frames 93"):
        WaveNet(WIDTH, 93, 8, 652, crop=KeepContext(), postprocessing=layers)
    assert isinstance(WaveNet(WIDTH, 256, 8, 0, crop=KeepContext(), postprocessing=layers).readout, StepReadout)


def test_the_legacy_grid_changes_nothing_but_the_frames_that_the_steps_are_taken_for():
    layers = [Convolution(4, 32, 16), Activation(), Convolution(WIDTH, 32, 16)]
    options = {"max_dilation": 16, "crop": KeepContext(), "postprocessing": layers}
    torch.manual_seed(0)
    legacy = LegacyGridWaveNet(WIDTH, 93, 8, 652, **options)
    corrected = WaveNet(WIDTH, 256, 8, 0, **options)
    corrected.load_state_dict(legacy.state_dict())
    audio = torch.randn(2, 2048)
    assert legacy.window == corrected.window == 2048
    assert torch.equal(legacy(audio), corrected(audio))
    off = [step - frame for step, frame in zip(frame_samples(corrected), frame_samples(legacy), strict=True)]
    assert off == pytest.approx([(number - 3.5) * (256 - 93) for number in range(8)], abs=1)


def test_steps_that_stand_beside_their_label_frames_are_refused():
    with pytest.raises(ValueError, match=r"-40\.5 samples off.*Centred"):
        WaveNet(WIDTH, 160, postprocessing=[Convolution(WIDTH, 80, 160)])
    with pytest.raises(ValueError, match=r"-32\.5 samples off"):
        layers = [AveragePool(128, padding=Valid()), Convolution(WIDTH, 1)]
        WaveNet(WIDTH, 128, 5, 32, crop=KeepContext(), postprocessing=layers)


def test_a_dense_layer_follows_where_there_is_not_one_step_of_the_width_for_each_frame():
    for layers, channels, steps in (
        ([AveragePool(8), Convolution(WIDTH + 1, 3)], WIDTH + 1, 3),
        ([AveragePool(4), Convolution(WIDTH, 3)], WIDTH, 6),
        ([], 4, 24),
    ):
        network = WaveNet(**SMALL, postprocessing=layers)
        assert isinstance(network.readout, DenseReadout)
        assert network.readout.classifier.weight.shape == (3 * WIDTH, channels * steps)
    assert isinstance(WaveNet(**SMALL, postprocessing=STRIDED).readout, StepReadout)


def test_the_dense_layer_reads_rectified_steps():
    network = WaveNet(**SMALL, postprocessing=[AveragePool(4), Convolution(WIDTH, 3)])
    convolution = network.postprocessing[1]
    nn.init.zeros_(convolution.weight)
    nn.init.constant_(convolution.bias, -1.0)
    assert (network(torch.randn(1, network.window)) == network.readout.classifier.bias.view(3, WIDTH)).all()


KERNELS = dict(zip(INITIAL, (2, 3, 2), strict=True))
COMBINATIONS = {
    ", ".join((initial, skips, crop, layers)): {
        "kernel": KERNELS[initial],
        "initial": INITIAL[initial],
        "skips": SKIPS[skips],
        "crop": CROPS[crop],
        "postprocessing": POSTPROCESSING[layers],
    }
    for initial, skips, crop, layers in itertools.product(INITIAL, SKIPS, CROPS, POSTPROCESSING)
}
all_options = pytest.mark.parametrize("options", COMBINATIONS.values(), ids=COMBINATIONS)


def small_network(options):
    torch.manual_seed(0)
    network = WaveNet(**SMALL, stacks=2, **options)
    return network, torch.randn(3, network.window, requires_grad=True)


@all_options
def test_all_options_together(options):
    network, audio = small_network(options)
    logits = network(audio)
    assert logits.shape == (3, 3, WIDTH)
    logits.square().sum().backward()
    for gradient in (audio.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient is not None and gradient.isfinite().all() and (gradient != 0).any()
    alone = torch.cat([network(row[None]) for row in audio])
    torch.testing.assert_close(alone, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.bfloat16
@all_options
def test_bf16_autocast_comes_near(options):
    network, audio = small_network(options)
    exact = network(audio)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = network(audio).float()
    assert (coarse - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize(("batch", "frames"), [(1, 1), (1, 7), (5, 1)])
def test_any_batch_and_any_number_of_frames_from_one(batch, frames):
    network = WaveNet(**SMALL | {"frames": frames}, postprocessing=STRIDED)
    assert network(torch.randn(batch, network.window)).shape == (batch, frames, WIDTH)


@pytest.mark.long(seconds=17)
def test_compiled_it_gives_the_same():
    torch.manual_seed(0)
    network = WaveNet(**SMALL, initial=InitialConvolution(4), skips=SKIPS["concat"], postprocessing=STRIDED)
    audio = torch.randn(2, network.window)
    compiled = torch.compile(network, fullgraph=True)
    torch.testing.assert_close(compiled(audio), network(audio), rtol=1e-4, atol=1e-5)


def test_the_network_hears_the_standardised_window():
    torch.manual_seed(0)
    network = WaveNet(**SMALL)
    audio = torch.randn(2, network.window)
    torch.testing.assert_close(network(audio), network(100 * audio + 7), rtol=1e-2, atol=1e-3)
    expected = network.postprocessing(network.stack(standardise_windows(audio)[:, None]).relu()).transpose(1, 2)
    torch.testing.assert_close(network(audio), expected)


def test_dropped_residuals_and_skips():
    torch.manual_seed(0)
    network = WaveNet(**SMALL, residual_dropout=1.0)
    audio = torch.randn(2, network.window)
    network(audio).square().sum().backward()
    for layer in network.stack.layers:
        skip, residual = layer.mix.weight.grad.split(layer.mix.parts)
        assert (skip != 0).any() and (residual == 0).all()
    network = WaveNet(**SMALL, skip_dropout=1.0)
    nn.init.normal_(network.postprocessing[-1].bias)
    assert (network(audio) == network.postprocessing[-1].bias).all()
    assert not (network.eval()(audio) == network.postprocessing[-1].bias).all()


def test_biases_of_the_dilated_layers_can_be_left_out():
    network = WaveNet(**SMALL, initial=InitialConvolution(4), bias=False, postprocessing=STRIDED)
    assert [name for name, _ in network.named_parameters() if name.endswith("bias")] == [
        "stack.initial.bias",
        "postprocessing.1.bias",
        "postprocessing.3.bias",
    ]


def test_impossible_arguments_are_refused_by_name():
    for name, value, message in (
        ("hop", 0, "hop: 0"),
        ("stacks", 0, "stacks: 0"),
        ("channels", 0, "channels: 0"),
        ("max_dilation", 6, "max_dilation: 6 is not a power of two"),
        ("context", -1, "context: -1"),
        ("postprocessing", [Convolution(4, 100, padding=Valid())], "reads 100 steps at once, but only 24 are left"),
    ):
        with pytest.raises(ValueError, match=message):
            WaveNet(**SMALL | {name: value})
    with pytest.raises(ValueError, match="context: 3 samples are too few; use at least 5"):
        WaveNet(**SMALL, context=3, initial=InitialConvolution(11, Valid()), crop=KeepContext())
    for layer, message in (
        (lambda: Convolution(0, 1), "filters: 0"),
        (lambda: AveragePool(0), "kernel: 0"),
        (lambda: InitialConvolution(0), "kernel: 0"),
    ):
        with pytest.raises(ValueError, match=message):
            layer()


YAML = """
network:
  class_path: architectures.WaveNet
  init_args:
    width: 6
    hop: 8
    frames: 3
    channels: 3
    max_dilation: 4
    initial: {class_path: InitialConvolution, init_args: {kernel: 8}}
    skips: architectures.wavenet.parts.Concat
    crop: KeepContext
    postprocessing:
    - {class_path: AveragePool, init_args: {size: 2}}
    - {class_path: architectures.wavenet.output.Convolution, init_args: {filters: 5, kernel: 4, stride: 2}}
    - class_path: Activation
    - {class_path: Activation, init_args: {function: torch.nn.Tanh}}
    - {class_path: Convolution, init_args: {filters: 6, kernel: 8, stride: 2, padding: Valid}}
"""


def test_a_network_is_written_down_in_yaml(tmp_path):
    path = tmp_path / "network.yaml"
    path.write_text(YAML)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_subclass_arguments(FrameNetwork, "network")
    network = parser.instantiate(parser.parse_args(["--config", str(path)])).network
    kinds = [type(module).__name__ for module in network.postprocessing]
    assert kinds == ["PaddedAveragePool1d", "PaddedConv1d", "ReLU", "Tanh", "PaddedConv1d"]
    assert isinstance(network.stack.skips, Concat) and network(torch.randn(1, network.window)).shape == (1, 3, 6)
