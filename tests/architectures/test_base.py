"""What every network that reads windows keeps to, of audio or of a spectrogram, for pitch or for voicing."""

import pytest
import torch

from architectures.layers import parameter_count
from tests.architectures.frame_networks import EVERY, assert_same, outputs

every_network = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


@every_network
def test_the_same_alone_and_in_a_batch(make):
    network, windows = make()
    together = outputs(network.eval(), windows)
    for index in range(len(windows)):
        alone = outputs(network, windows[index, None])
        assert_same(alone, {name: value[index, None] for name, value in together.items()})


@every_network
def test_gradients_reach_the_input_and_every_parameter(make):
    network, windows = make()
    windows.requires_grad_()
    sum(value.square().sum() for value in outputs(network, windows).values()).backward()
    for gradient in (windows.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all() and (gradient != 0).any()


@every_network
def test_silence_gives_numbers_and_finite_gradients(make):
    network, windows = make()
    silence = torch.zeros_like(windows, requires_grad=True)
    values = outputs(network, silence).values()
    assert all(value.isfinite().all() for value in values)
    sum(value.sum() for value in values).backward()
    assert silence.grad.isfinite().all()


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_comes_near(make):
    network, windows = make()
    exact = outputs(network.eval(), windows)
    with torch.autocast("cpu", torch.bfloat16):
        values = outputs(network, windows)
    for name, value in values.items():
        scale = exact[name].abs().max()
        assert ((value.float() - exact[name]).abs().max() / scale).item() < 0.1


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_trains(make):
    network, windows = make()
    windows.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = sum(value.float().square().mean() for value in outputs(network, windows).values())
    loss.backward()
    for gradient in (windows.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all() and (gradient != 0).any()


@every_network
def test_the_state_holds_what_is_learned_and_nothing_else(make):
    network, _ = make()
    names = {name for name, _ in network.named_parameters()}
    assert all(name in names or "running_" in name or "num_batches" in name for name in network.state_dict())
    assert bool(names) == bool(parameter_count(network))


def assert_compiled_equals_eager(make, backend):
    network, windows = make()
    expected = outputs(network.eval(), windows)
    network.compile(backend=backend, fullgraph=True)
    assert_same(outputs(network, windows), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "make",  # of every network one, and its variants with the long tests
    [
        pytest.param(make, id=name, marks=pytest.mark.slow if name.isalnum() else pytest.mark.long)
        for name, make in EVERY.items()
    ],
)
def test_traced_as_one_graph_it_gives_the_same(make, fresh_compiler):
    with torch.no_grad():  # with the graph of the gradients, which the next test makes, it takes twice as long
        assert_compiled_equals_eager(make, "aot_eager")


@pytest.mark.long(seconds=20)
@pytest.mark.parametrize("name", ["CREPE", "HCNN with a head"])
def test_compiled_it_gives_the_same(name, fresh_compiler):
    assert_compiled_equals_eager(EVERY[name], "inductor")
