"""Convolutions by spectra: torch's, with its gradients, and only where they pay."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from architectures.layers import SameConv1d, same_padding
from architectures.spectral_convolution import is_spectral, kernel_spectrum, spectral_conv1d, transform_length


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**20))
def test_it_is_the_convolution(steps, kernel, channels, filters, seed):
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(2, channels, steps, generator=generator, dtype=torch.float64)
    weight = torch.randn(filters, channels, kernel, generator=generator, dtype=torch.float64)
    before, after = same_padding(steps, kernel)
    length = transform_length(steps + kernel - 1)
    found = spectral_conv1d(input, kernel_spectrum(weight, length), length, before)
    assert torch.allclose(found, functional.conv1d(functional.pad(input, (before, after)), weight), atol=1e-11)


@pytest.mark.parametrize("least", [1, 7, 64, 127, 191, 1009])
def test_a_transform_has_small_factors(least):
    length = transform_length(least)
    assert least <= length <= 1.2 * least + 2 and length % 2 == 0
    for prime in (2, 3, 5):
        while length % prime == 0:
            length //= prime
    assert length == 1


def layers(bias=True):
    torch.manual_seed(0)
    ours = SameConv1d(32, 8, 64, bias=bias)
    assert ours._is_spectral(torch.zeros(1, 32, 100))
    theirs = torch.nn.Conv1d(32, 8, 64, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_torch(bias):
    ours, theirs = layers(bias)
    input = torch.randn(4, 32, 100, requires_grad=True)
    twin = input.detach().clone().requires_grad_()
    found, expected = ours(input), theirs(functional.pad(twin, same_padding(100, 64)))
    assert torch.allclose(found, expected, atol=1e-5)
    slope = torch.randn_like(found)
    found.backward(slope)
    expected.backward(slope)
    for one, other in ((input, twin), *zip(ours.parameters(), theirs.parameters(), strict=True)):
        assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-4)


def test_kept_spectra_follow_the_weights():
    ours, theirs = layers()
    input, padding = torch.randn(2, 32, 100), same_padding(100, 64)
    for change in (lambda: None, lambda: ours.weight.mul_(2), lambda: ours.weight.copy_(torch.randn(8, 32, 64))):
        with torch.no_grad():
            change()
            theirs.weight.copy_(ours.weight)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                assert torch.allclose(ours(input), theirs(functional.pad(input, padding)), atol=1e-4)
    with torch.inference_mode():  # another length has another spectrum
        assert torch.allclose(
            ours(input[..., :70]), theirs(functional.pad(input[..., :70], same_padding(70, 64))), atol=1e-4
        )
    assert set(ours.state_dict()) == {"weight", "bias"}
    assert torch.equal(copy.deepcopy(ours)(input), ours(input))


def test_what_was_kept_does_not_hinder_gradients():
    ours, _ = layers()
    with torch.inference_mode():
        ours(torch.randn(2, 32, 100))
        made_here = SameConv1d(32, 8, 64)  # its weights know no version
        made_here(torch.randn(2, 32, 100))
    ours.requires_grad_(False)
    input = torch.randn(2, 32, 100, requires_grad=True)
    ours(input).sum().backward()
    assert input.grad is not None


@pytest.mark.parametrize("other", [{"stride": 2}, {"dilation": 2}, {"groups": 4}])
def test_other_convolutions_are_direct(other):
    assert not SameConv1d(32, 8, 64, **other)._is_spectral(torch.zeros(1, 32, 100))


def test_it_is_chosen_where_it_saves_multiplications():
    assert is_spectral(128, 64, 1024, 128) and is_spectral(8, 64, 256, 512)
    assert not is_spectral(128, 3, 1024, 128) and not is_spectral(8, 64, 16, 32) and not is_spectral(0, 64, 8, 8)
    layer = SameConv1d(32, 8, 64)
    input = torch.zeros(1, 32, 100)
    assert not layer._is_spectral(input.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert not layer._is_spectral(input)


def test_an_exported_network_has_a_convolution():
    ours, _ = layers()
    graph = str(torch.export.export(ours, (torch.zeros(1, 32, 100),)).graph)
    assert "conv1d" in graph and "fft" not in graph
