"""Padding, initialisation and normalisation as TensorFlow defines them; running means."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from architectures.layers import (
    GlorotLinear,
    SameConv1d,
    parameter_count,
    running_mean,
    same_padding,
    standardise_windows,
    tf_batch_norm,
)


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 8), st.integers(1, 4))
def test_same_padding_gives_ceil_outputs_and_the_odd_zero_to_the_right(length, kernel, stride, dilation):
    left, right = same_padding(length, kernel, stride, dilation)
    span = (kernel - 1) * dilation + 1
    assert (length + left + right - span) // stride + 1 >= -(-length // stride)
    assert 0 <= right - left <= 1
    if left + right:
        assert (length + left + right - span) // stride + 1 == -(-length // stride)
        assert (length + left + right - 1 - span) // stride + 1 < -(-length // stride), "not one zero too many"


@pytest.mark.parametrize(("length", "kernel", "stride"), [(10, 4, 1), (9, 4, 2), (7, 3, 3), (5, 8, 4)])
def test_same_convolution_equals_a_loop(length, kernel, stride):
    layer = SameConv1d(1, 1, kernel, stride, bias=False)
    signal, taps = np.random.default_rng(0).normal(size=length), layer.weight.detach().numpy()[0, 0]
    left, _ = same_padding(length, kernel, stride)
    expected = [
        sum(taps[k] * signal[n * stride + k - left] for k in range(kernel) if 0 <= n * stride + k - left < length)
        for n in range(-(-length // stride))
    ]
    result = layer(torch.tensor(signal, dtype=torch.float32)[None, None]).detach().numpy()[0, 0]
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_weights_begin_glorot_uniform_and_biases_at_zero():
    torch.manual_seed(0)
    convolution, dense = SameConv1d(8, 16, 32), GlorotLinear(200, 100)
    for layer, fan in ((convolution, (8 + 16) * 32), (dense, 300)):
        limit = (6 / fan) ** 0.5
        assert layer.weight.abs().max() <= limit
        assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)
        assert (layer.bias == 0).all()


def test_batch_norm_has_tensorflows_momentum_and_epsilon():
    layer = tf_batch_norm(3)
    assert (layer.momentum, layer.eps) == (0.01, 1e-3)


def test_windows_are_standardised_each_by_itself_and_silence_stays_silent():
    windows = torch.stack([torch.randn(100) * 3 + 5, torch.zeros(100)])
    result = standardise_windows(windows)
    row = windows[0]
    torch.testing.assert_close(result[0], (row - row.mean()) / (row.var(correction=0) + 1e-3).sqrt())
    assert (result[1] == 0).all()


def test_parameters_are_counted_if_trainable():
    layer = torch.nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert parameter_count(layer) == 6


@given(st.integers(1, 70), st.integers(0, 40), st.integers(1, 3))
def test_running_means_are_those_of_a_loop(size, more, batch):
    values = np.random.default_rng(size + 100 * more).normal(size=(batch, size + more))
    expected = np.lib.stride_tricks.sliding_window_view(values, size, axis=1).mean(-1)
    np.testing.assert_allclose(running_mean(torch.tensor(values), size).numpy(), expected, atol=1e-12)


def test_running_means_keep_what_is_soft_after_what_is_loud():
    values = torch.full((1, 5000), 1e-9)
    values[:, :100] = 1e6
    np.testing.assert_allclose(running_mean(values, 3001)[0, 100:].numpy(), 1e-9, rtol=1e-5)


def test_running_means_do_not_depend_on_where_an_excerpt_begins():
    values = torch.randn(1, 400, generator=torch.Generator().manual_seed(0))
    assert torch.equal(running_mean(values, 77)[:, 50:], running_mean(values[:, 50:], 77))
