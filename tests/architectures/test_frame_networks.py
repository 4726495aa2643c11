"""What every network that reads windows of audio keeps to."""

import re
from functools import partial

import pytest
import torch

from architectures import (
    CREPE,
    Autocorrelation,
    AutocorrelationSequence,
    FrameOutput,
    KimCREPE,
    MagnitudeSpectrum,
    MultiResolution,
    Perceptron,
    ReconstructingCREPE,
    ResidualBlock,
    SpectralPeak,
    StandardisedWindow,
    VariableStride,
    VoicingPerceptron,
    WaveNet,
)
from architectures.layers import parameter_count
from architectures.wavenet.output import Activation, AveragePool, Convolution
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext, Last, Sum
from architectures.wavenet.stack import DilatedStack

WIDTH = 30

TINY = {"hop": 8, "frames": 3, "channels": 3, "skip_channels": 4, "max_dilation": 4}

NETWORKS = {
    "CREPE": partial(CREPE, window=512, capacity=1, frames=3, dropout=0.0),
    "CREPE with many resolutions": partial(CREPE, window=512, capacity=1, dropout=0.0, first=MultiResolution(8)),
    "CREPE with variable stride": partial(CREPE, window=8192, capacity=1, dropout=0.0, first=VariableStride()),
    "CREPE with residual blocks": partial(CREPE, window=512, capacity=1, dropout=0.0, block=ResidualBlock()),
    "ReconstructingCREPE": partial(ReconstructingCREPE, window=300, capacity=1, frames=2, dropout=0.0),
    "KimCREPE": partial(KimCREPE, window=512, capacity=1, frames=2, dropout=0.0),
    "Perceptron": partial(Perceptron, window=101, hidden=20, frames=2),
    "Perceptron of a standardised window": partial(Perceptron, window=101, hidden=20, features=StandardisedWindow()),
    "Perceptron of a spectrum": partial(Perceptron, window=101, hidden=20, features=MagnitudeSpectrum()),
    "Perceptron of an autocorrelation": partial(Perceptron, window=100, hidden=20, features=AutocorrelationSequence()),
    "VoicingPerceptron": partial(VoicingPerceptron, window=101, hidden=20, frames=2),
    "WaveNet": partial(WaveNet, **TINY, initial=InitialConvolution(4), stacks=2),
    "WaveNet with concatenated skips": partial(
        WaveNet, **TINY, skips=Concat(), postprocessing=[AveragePool(2), Activation(), Convolution(WIDTH, 4, 4)]
    ),
    "WaveNet with its last skip and a dense layer": partial(
        WaveNet, **TINY, kernel=2, skips=Last(), crop=KeepContext(), postprocessing=[Convolution(5, 3, 3)]
    ),
    "Autocorrelation": partial(Autocorrelation, window=512, lowest_note=48.0),
    "SpectralPeak": partial(SpectralPeak, window=512, lowest_note=48.0, harmonics=3),
}

every_network = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


def outputs(network, audio):
    """Everything that the network gives, by name."""
    output = network(audio)
    if not isinstance(output, FrameOutput):
        output = FrameOutput(output)
    return {name: value for name, value in output._asdict().items() if value is not None}


def made(build):
    torch.manual_seed(0)
    network = build(WIDTH)
    return network, torch.randn(5, network.window)


@every_network
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_vector_of_logits_for_every_frame_of_any_batch(build, training, batch):
    network, audio = made(build)
    shapes = {name: value.shape for name, value in outputs(network.train(training), audio[:batch]).items()}
    assert network.width == WIDTH and shapes.pop("pitch") == (batch, network.frames, WIDTH)
    assert shapes.pop("voicing", (batch, network.frames)) == (batch, network.frames)
    assert shapes.pop("reconstruction", (batch, network.window)) == (batch, network.window)
    assert not shapes


@pytest.mark.parametrize("name", [name for name, build in NETWORKS.items() if "frames" in build.keywords])
@pytest.mark.parametrize("frames", [1, 4])
def test_any_number_of_frames_from_one(name, frames):
    network, audio = made(partial(NETWORKS[name], frames=frames))
    assert outputs(network, audio[:1])["pitch"].shape == (1, frames, WIDTH)


# Samples of the shortest window; that of WaveNet and of CREPE with variable stride follows from other arguments.
SHORTEST = {"CREPE": 253, "KimCREPE": 253, "ReconstructingCREPE": 253, "Autocorrelation": 245}


@pytest.mark.parametrize("name", [name for name in NETWORKS if "WaveNet" not in name and "variable" not in name])
def test_any_window_from_the_shortest(name):
    (least,) = {samples for family, samples in SHORTEST.items() if name.split()[0] == family} or {1}
    for window in (least, least + 1):
        network, audio = made(partial(NETWORKS[name], window=window))
        assert network.window == window and audio.shape[1] == window
        assert all(value.isfinite().all() for value in outputs(network, audio).values())
    with pytest.raises(ValueError, match=re.escape(f"window: {least - 1}")):
        NETWORKS[name](WIDTH, window=least - 1)


@every_network
def test_the_same_alone_and_in_a_batch(build):
    network, audio = made(build)
    together = outputs(network.eval(), audio)
    for index in range(len(audio)):
        for name, value in outputs(network, audio[index, None]).items():
            torch.testing.assert_close(value, together[name][index, None], rtol=1e-4, atol=1e-5)


@every_network
def test_gradients_reach_the_input_and_every_parameter(build):
    network, audio = made(build)
    audio.requires_grad_()
    sum(value.square().sum() for value in outputs(network, audio).values()).backward()
    for gradient in (audio.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all() and (gradient != 0).any()


@every_network
def test_silence_gives_numbers_and_finite_gradients(build):
    network, audio = made(build)
    silence = torch.zeros_like(audio, requires_grad=True)
    for value in (values := outputs(network, silence)).values():
        assert value.isfinite().all()
    sum(value.sum() for value in values.values()).backward()
    assert silence.grad.isfinite().all()


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_comes_near(build):
    network, audio = made(build)
    exact = outputs(network.eval(), audio)
    with torch.autocast("cpu", torch.bfloat16):
        values = outputs(network, audio)
    for name, value in values.items():
        scale = exact[name].abs().max()
        assert ((value.float() - exact[name]).abs().max() / scale).item() < 0.1


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_trains(build):
    network, audio = made(build)
    audio.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = sum(value.float().square().mean() for value in outputs(network, audio).values())
    loss.backward()
    for gradient in (audio.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all() and (gradient != 0).any()


@every_network
def test_the_state_holds_what_is_learned_and_nothing_else(build):
    network, _ = made(build)
    names = {name for name, _ in network.named_parameters()}
    assert all(name in names or "running_" in name or "num_batches" in name for name in network.state_dict())
    assert bool(names) == bool(parameter_count(network))


@pytest.mark.parametrize("dilation", [1, 2, 8])
def test_a_convolution_of_two_taps_hears_as_much_after_a_sample_as_before_it(dilation):
    """With 'same' padding it is not causal; an odd sample lies behind."""
    torch.manual_seed(0)
    stack = DilatedStack(2, 2, 2, [dilation], context=20)
    audio = torch.randn(1, 1, 41, requires_grad=True)
    stack(audio)[..., 0].sum().backward()
    heard = (audio.grad[0, 0] != 0).nonzero().flatten() - 20
    assert heard.tolist() == [-(dilation // 2), dilation - dilation // 2]
    assert stack.receptive_field == (dilation // 2, dilation - dilation // 2)


@pytest.mark.parametrize("skips", [Sum(), Concat(), Last()])
def test_nothing_is_built_that_the_logits_do_not_depend_on(skips):
    stack = DilatedStack(3, 4, 2, [1, 2, 4], skips=skips)
    skipped = [layer.mix.parts[0] for layer in stack.layers]
    assert skipped == ([0, 0, 4] if isinstance(skips, Last) else [4, 4, 4])
    assert [layer.mix.parts[1] for layer in stack.layers] == [3, 3, 0]
    gates = sum(2 * 3 * (2 * before + 1) for before in (1, 3, 3))
    assert parameter_count(stack) == gates + 2 * (3 + 1) * 3 + (3 + 1) * sum(skipped)


@pytest.fixture
def fresh_compiler():
    """Without memory of the sizes of other networks, which would make it compile for any size."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def assert_compiled_equals_eager(build, backend):
    network, audio = made(build)
    expected = outputs(network.eval(), audio)
    for name, value in outputs(torch.compile(network, backend=backend, fullgraph=True), audio).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@every_network
def test_traced_as_one_graph_it_gives_the_same(build, fresh_compiler):
    assert_compiled_equals_eager(build, "aot_eager")


@pytest.mark.slow
def test_compiled_crepe_gives_the_same(fresh_compiler):
    assert_compiled_equals_eager(NETWORKS["CREPE"], "inductor")
