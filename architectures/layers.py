"""Layers that several papers share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def same_padding(length: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Zeros to the left and right that give `ceil(length / stride)` outputs, TensorFlow's 'same'.

    The odd zero goes to the right; torch's own `padding='same'` refuses strides and puts it there too.

    Args:
        length: samples of the input.
        kernel: taps.
        stride: samples between outputs.
        dilation: samples between taps.
    """
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


class SameConv1d(nn.Conv1d):
    """A 1-d convolution with TensorFlow's 'same' padding for any stride and dilation, weights Glorot-uniform.

    Takes `(batch, channels, samples)` and returns `(batch, channels, ceil(samples / stride))`.
    """

    def reset_parameters(self) -> None:
        """Glorot-uniform kernel and zero bias, TensorFlow's defaults, which the published systems use."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Pad and convolve."""
        padding = same_padding(input.shape[-1], self.kernel_size[0], self.stride[0], self.dilation[0])
        return super().forward(functional.pad(input, padding))


class GlorotLinear(nn.Linear):
    """A dense layer with Glorot-uniform weights and zero bias."""

    def reset_parameters(self) -> None:
        """TensorFlow's default initialisation, which the published systems use."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


def tf_batch_norm(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation with TensorFlow's defaults: epsilon 1e-3; its momentum 0.99 is torch's 0.01."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def parameter_count(network: nn.Module) -> int:
    """Number of trainable weights, normalisation scales and offsets included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def standardise_windows(audio: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Each window less its mean, over its standard deviation.

    Args:
        audio: `(batch, samples)`.
        epsilon: added to the (biased) variance, so that silence stays silent.

    Returns:
        `(batch, samples)`.
    """
    variance, mean = torch.var_mean(audio, dim=-1, correction=0, keepdim=True)
    return (audio - mean) * torch.rsqrt(variance + epsilon)
