"""What every network that reads windows of audio keeps to."""

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
)
from architectures.layers import parameter_count

WIDTH = 30

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


@every_network
def test_bf16_autocast_comes_near(build):
    network, audio = made(build)
    exact = outputs(network.eval(), audio)
    with torch.autocast("cpu", torch.bfloat16):
        values = outputs(network, audio)
    for name, value in values.items():
        scale = exact[name].abs().max()
        assert ((value.float() - exact[name]).abs().max() / scale).item() < 0.1


@every_network
def test_the_state_holds_what_is_learned_and_nothing_else(build):
    network, _ = made(build)
    names = {name for name, _ in network.named_parameters()}
    assert all(name in names or "running_" in name or "num_batches" in name for name in network.state_dict())
    assert bool(names) == bool(parameter_count(network))


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
