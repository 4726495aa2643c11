"""Two-dimensional 'same' convolutions, how far they reach, and the context that they can use."""

import numpy as np
import pytest
import torch
from torch import nn

from architectures.layers import SameConv2d, same_padding, tf_batch_norm_2d
from architectures.spectrogram.context import ContextWindow, receptive_field


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"),
    [
        ((5, 7), (3, 3), (1, 1), (1, 1)),
        ((6, 9), (10, 4), (1, 1), (1, 1)),
        ((4, 9), (3, 2), (1, 5), (1, 1)),
        ((7, 12), (3, 6), (1, 1), (2, 3)),
        ((1, 72), (5, 60), (1, 60), (1, 1)),
        ((9, 10), (2, 4), (2, 3), (1, 1)),
    ],
)
def test_same_convolution_in_two_dimensions_equals_a_loop(size, kernel, stride, dilation):
    torch.manual_seed(0)
    layer = SameConv2d(1, 1, kernel, stride, dilation=dilation)
    nn.init.constant_(layer.bias, 0.5)
    image, taps = np.random.default_rng(0).normal(size=size), layer.weight.detach().numpy()[0, 0]
    (top, _), (left, _) = (same_padding(*axis) for axis in zip(size, kernel, stride, dilation, strict=True))
    outputs = tuple(-(-length // step) for length, step in zip(size, stride, strict=True))
    expected = np.full(outputs, 0.5)
    for row, column in np.ndindex(outputs):
        for i, j in np.ndindex(kernel):
            y, x = row * stride[0] + i * dilation[0] - top, column * stride[1] + j * dilation[1] - left
            if 0 <= y < size[0] and 0 <= x < size[1]:
                expected[row, column] += taps[i, j] * image[y, x]
    result = layer(torch.tensor(image, dtype=torch.float32)[None, None])[0, 0].detach().numpy()
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.bfloat16
def test_bfloat16_gradients_are_right_also_where_a_kernel_is_longer_than_its_input():
    torch.manual_seed(0)
    layer, input = SameConv2d(64, 64, (1, 12), (1, 12)), torch.rand(5, 64, 3, 8)
    weights = torch.randn(5, 64, 3, 1)
    (expected,) = torch.autograd.grad((layer(input) * weights).sum(), layer.weight)
    for _ in range(5):
        # Freed memory that is read without being written shows itself.
        dirt = [torch.full((size,), float("nan")) for size in (1000, 5000, 20000, 100000)]
        del dirt
        with torch.autocast("cpu", torch.bfloat16):
            output = layer(input)
        (gradient,) = torch.autograd.grad((output * weights).sum(), layer.weight)
        torch.testing.assert_close(gradient, expected, rtol=0.05, atol=0.05)


def test_weights_begin_glorot_uniform_and_biases_at_zero():
    torch.manual_seed(0)
    layer = SameConv2d(8, 16, (3, 70))
    limit = (6 / ((8 + 16) * 210)) ** 0.5
    assert layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert (layer.bias == 0).all()


def test_batch_norm_has_tensorflows_momentum_and_epsilon():
    layer = tf_batch_norm_2d(3)
    assert (layer.momentum, layer.eps, layer.num_features) == (0.01, 1e-3, 3)


@pytest.mark.parametrize(
    ("kernels", "dilations", "expected"),
    [
        ([1, 1], [1, 1], (0, 0)),
        ([5, 5, 3, 3, 3], [1] * 5, (7, 7)),
        ([1, 3, 3, 3], [1, 2, 4, 8], (14, 14)),
        ([5, 5, 9, 9, 5, 10], [1] * 6, (18, 19)),
        ([2, 2], [1, 3], (1, 3)),
    ],
)
def test_the_reach_of_convolutions_is_what_their_output_depends_on(kernels, dilations, expected):
    layers = nn.Sequential(
        *(
            SameConv2d(1, 1, (kernel, 1), dilation=(dilation, 1))
            for kernel, dilation in zip(kernels, dilations, strict=True)
        )
    )
    assert receptive_field(layers) == expected
    for layer in layers:
        nn.init.ones_(layer.weight)
    spectrogram = torch.zeros(1, 1, 81, 1, requires_grad=True)
    layers(spectrogram)[0, 0, 40, 0].backward()
    frames = spectrogram.grad[0, 0, :, 0].nonzero().flatten() - 40
    assert (-frames.min().item(), frames.max().item()) == expected


@pytest.mark.parametrize("context", [0, 1, 2, 3, 7])
def test_context_beyond_the_reach_is_left_out_and_the_rest_cropped_on_its_own_side(context):
    window = ContextWindow(1, 2, 5, context, SameConv2d(1, 1, (6, 1)))  # reaches 2 before, 3 after
    numbers = torch.arange(5.0 + 2 * context).view(1, 1, -1, 1).expand(-1, -1, -1, 2)
    read = window.trim(numbers)
    assert read.shape[2] == 5 + min(context, 2) + min(context, 3)
    assert window.crop(read[:, 0])[0, :, 0].tolist() == [context + frame for frame in range(5)]
    assert window.length == 5 + 2 * context


def test_what_is_not_such_a_window_is_refused():
    window = ContextWindow(2, 3, 1, 4, nn.Identity())
    for shape in ((1, 1, 9, 3), (1, 2, 9, 4), (1, 2, 8, 3)):
        with pytest.raises(ValueError, match="the network takes 2 channels, more than 8 frames and 3 bins"):
            window.trim(torch.zeros(shape))
    with pytest.raises(ValueError, match="context: -1"):
        ContextWindow(2, 3, 1, -1, nn.Identity())
    with pytest.raises(ValueError, match="frames: 0"):
        ContextWindow(2, 3, 0, 1, nn.Identity())
