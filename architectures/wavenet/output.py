"""The layers between WaveNet's skip connections and its logits: convolutions, pooling, activations, dropout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import SameConv1d, check_positive, same_padding


class Padding(ABC):
    """The padding of a layer at both ends of its input."""

    @abstractmethod
    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        """Zeros to the left and right of an input of this length; negative: samples that are cropped."""


class Same(Padding):
    """TensorFlow's 'same': `ceil(length / stride)` outputs.

    A kernel shorter than its stride reads the beginning of each stride; `Centred` reads its middle.
    """

    @override
    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        return same_padding(length, kernel, stride)


class Centred(Padding):
    """As `Same`, but a kernel shorter than its stride reads the middle of each stride."""

    @override
    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        total = (-(-length // stride) - 1) * stride + kernel - length
        return total // 2, total - total // 2


class Valid(Padding):
    """No padding."""

    @override
    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        return 0, 0


class Places(NamedTuple):
    """Positions of a layer's outputs in the window: centred on samples `first + spacing * n`, for n below `steps`.

    Attributes:
        steps: how many outputs there are.
        first: sample that the first is centred on.
        spacing: samples from one to the next.
        unevenness: samples that they may be off because a kernel and its stride are not both even or odd.
    """

    steps: int
    first: float
    spacing: int
    unevenness: float = 0.0


class OutputLayer(ABC):
    """One layer of the list. By default it changes neither channels nor positions."""

    @abstractmethod
    def module(self, channels: int) -> nn.Module:
        """Maps `(batch, channels, steps)` to `channels(channels)` channels and the steps of `places`."""

    def channels(self, before: int) -> int:
        """Channels of the output, for so many of the input."""
        return before

    def places(self, before: Places) -> Places:
        """Positions of the outputs, for these of the inputs.

        Raises:
            ValueError: there are too few steps.
        """
        return before


class _Strided(OutputLayer):
    """Reads `kernel` steps every `stride` steps."""

    def __init__(self, kernel: int, stride: int, padding: Padding | None) -> None:
        check_positive(kernel=kernel, stride=stride)
        self.kernel, self.stride, self.padding = kernel, stride, padding or Same()

    @override
    def places(self, before: Places) -> Places:
        left, right = self.padding.amounts(before.steps, self.kernel, self.stride)
        free = before.steps + left + right - self.kernel
        if free < 0:
            raise ValueError(
                f"postprocessing: {type(self).__name__} reads {self.kernel} steps at once, but only "
                f"{before.steps + left + right} are left; use a shorter kernel or more frames or context"
            )
        first = before.first + before.spacing * ((self.kernel - 1) / 2 - left)
        unevenness = before.unevenness + before.spacing * ((self.kernel - self.stride) % 2) / 2
        return Places(free // self.stride + 1, first, before.spacing * self.stride, unevenness)


class Convolution(_Strided):
    """A convolution with bias. Parameters: `(kernel before + 1) filters`.

    Args:
        filters: channels of the output.
        kernel: taps.
        stride: steps between outputs.
        padding: None: Same.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, filters: int, kernel: int, stride: int = 1, padding: Padding | None = None) -> None:
        super().__init__(kernel, stride, padding)
        check_positive(filters=filters)
        self.filters = filters

    @override
    def channels(self, before: int) -> int:
        return self.filters

    @override
    def module(self, channels: int) -> nn.Module:
        return PaddedConv1d(channels, self.filters, kernel=self.kernel, stride=self.stride, padding=self.padding)


class _Pooling(_Strided):
    def __init__(self, size: int, stride: int | None = None, padding: Padding | None = None) -> None:
        super().__init__(size, size if stride is None else stride, padding)


class AveragePool(_Pooling):
    """The mean over successive steps, padding excluded.

    Args:
        size: steps of one mean.
        stride: steps between outputs; None: the size.
        padding: None: Same.

    Raises:
        ValueError: a size is not positive.
    """

    @override
    def module(self, channels: int) -> nn.Module:
        return PaddedAveragePool1d(self.kernel, self.stride, self.padding)


class MaxPool(_Pooling):
    """The maximum over successive steps; the arguments are those of AveragePool.

    Raises:
        ValueError: a size is not positive.
    """

    @override
    def module(self, channels: int) -> nn.Module:
        return PaddedMaxPool1d(self.kernel, self.stride, self.padding)


class Activation(OutputLayer):
    """A function of each value.

    Args:
        function: a class of torch.nn.
    """

    def __init__(self, function: Callable[[], nn.Module] = nn.ReLU) -> None:
        self.function = function

    @override
    def module(self, channels: int) -> nn.Module:
        return self.function()


class Dropout(OutputLayer):
    """Drops values in training.

    Args:
        probability: that a value is dropped.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    @override
    def module(self, channels: int) -> nn.Module:
        return nn.Dropout(self.probability)


class PaddedConv1d(SameConv1d):
    """A SameConv1d with another padding: `(batch, before, steps)` to `(batch, after, ...)`."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: Padding) -> None:
        super().__init__(before, after, kernel, stride)
        self.amounts = padding.amounts

    @override
    def forward(self, input: Tensor) -> Tensor:
        amounts = self.amounts(input.shape[-1], self.kernel_size[0], self.stride[0])
        return functional.conv1d(functional.pad(input, amounts), self.weight, self.bias, self.stride)


class _PaddedPool1d(nn.Module):
    def __init__(self, size: int, stride: int, padding: Padding) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    @override
    def extra_repr(self) -> str:
        return f"{self.size}, stride={self.stride}, padding={type(self.padding).__name__}"

    def padded(self, input: Tensor, value: float) -> Tensor:
        """The input with this value beyond its ends."""
        return functional.pad(input, self.padding.amounts(input.shape[-1], self.size, self.stride), value=value)


class PaddedAveragePool1d(_PaddedPool1d):
    """The module of AveragePool: `(batch, channels, steps)` to `(batch, channels, ...)`."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        real = torch.ones_like(input[:1, :1])
        means, shares = (functional.avg_pool1d(self.padded(x, 0.0), self.size, self.stride) for x in (input, real))
        return means / shares


class PaddedMaxPool1d(_PaddedPool1d):
    """The module of MaxPool: `(batch, channels, steps)` to `(batch, channels, ...)`."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        return functional.max_pool1d(self.padded(input, -torch.inf), self.size, self.stride)
