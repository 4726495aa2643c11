"""Layers that several papers share."""

from __future__ import annotations

from abc import abstractmethod

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


class SameConv2d(nn.Conv2d):
    """A 2-d convolution with TensorFlow's 'same' padding for any stride and dilation, weights Glorot-uniform.

    Takes `(batch, channels, frames, bins)` and returns `(batch, channels, ceil(frames / stride), ceil(bins / stride))`.
    """

    def reset_parameters(self) -> None:
        """As SameConv1d."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Pad and convolve."""
        (top, bottom), (left, right) = (
            same_padding(length, kernel, stride, dilation)
            for length, kernel, stride, dilation in zip(
                input.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        )
        # Where it can, the convolution pads without a copy of the input. Not where a kernel is longer than its input:
        # on CPUs torch 2.11 computes wrong bfloat16 gradients of the weights there if there is a stride as well.
        fits = all(kernel <= length for kernel, length in zip(self.kernel_size, input.shape[-2:], strict=True))
        if fits and (top, left) == (bottom, right):
            return functional.conv2d(
                input, self.weight, self.bias, self.stride, (top, left), self.dilation, self.groups
            )
        return super().forward(functional.pad(input, (left, right, top, bottom)))


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


def tf_batch_norm_2d(channels: int) -> nn.BatchNorm2d:
    """As `tf_batch_norm`, for `(batch, channels, frames, bins)`."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def parameter_count(network: nn.Module) -> int:
    """Number of trainable weights, normalisation scales and offsets included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def check_positive(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        ValueError: names the first such size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {size} is not positive")


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


class Concatenation(nn.ModuleList):
    """Modules side by side on the same input, their outputs one behind the other on the channels."""

    def forward(self, input: Tensor) -> Tensor:
        """`(batch, channels, ...)` to `(batch, all their channels, ...)`."""
        return torch.cat([module(input) for module in self], dim=1)


class Residual(nn.Module):
    """A module around which its input passes and is added to its output.

    Args:
        body: the module.
        shortcut: what the input goes through on the way around, to agree in shape; nothing if it agrees anyway.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, input: Tensor) -> Tensor:
        """The sum."""
        result: Tensor = self.body(input) + self.shortcut(input)
        return result


class WindowFeatures(nn.Module):
    """A vector of numbers computed from each window of audio, without parameters; the input of a dense network."""

    @abstractmethod
    def size(self, window: int) -> int:
        """Length of the vector for a window of so many samples."""

    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, window)` to `(batch, size(window))`."""


class Samples(WindowFeatures):
    """The samples of the window as they are."""

    def size(self, window: int) -> int:
        """As many as samples."""
        return window

    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, window)`, the same."""
        return audio


class StandardisedWindow(WindowFeatures):
    """The samples of the window, standardised; see `standardise_windows`."""

    def size(self, window: int) -> int:
        """As many as samples."""
        return window

    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, window)`, each of mean 0 and, unless it is nearly silent, variance 1."""
        return standardise_windows(audio)
