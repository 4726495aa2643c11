"""What stands between WaveNet's skip connections and its logits: convolutions and pooling, listed layer by layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.layers import SameConv1d, check_positive, same_padding


class Padding(ABC):
    """How many zeros a layer sees beyond the ends of its input."""

    @abstractmethod
    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        """Zeros to the left and right of an input of some length; where negative, samples that are left out."""


class Same(Padding):
    """TensorFlow's 'same': `ceil(length / stride)` outputs.

    A kernel shorter than its stride reads the beginning of each stride; `Centred` reads its middle.
    """

    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        """See `architectures.layers.same_padding`."""
        return same_padding(length, kernel, stride)


class Centred(Padding):
    """As `Same`, but a kernel shorter than its stride stands in the middle of each stride."""

    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        """Those of `Same` unless they would be negative."""
        total = (-(-length // stride) - 1) * stride + kernel - length
        return total // 2, total - total // 2


class Valid(Padding):
    """None: only outputs that read nothing beyond the ends."""

    def amounts(self, length: int, kernel: int, stride: int = 1) -> tuple[int, int]:
        """Nothing."""
        return 0, 0


class Places(NamedTuple):
    """Where a layer's outputs stand in the window: on samples `first + spacing * n`, for n below `steps`.

    Attributes:
        steps: how many there are.
        first: sample that the first is centred on.
        spacing: samples from one to the next.
        unevenness: samples that they may be off their places because a kernel and its stride are not both even or odd.
    """

    steps: int
    first: float
    spacing: int
    unevenness: float = 0.0


class OutputLayer(ABC):
    """One layer of the list; by default one that leaves channels and places as they are."""

    @abstractmethod
    def module(self, channels: int) -> nn.Module:
        """Maps `(batch, channels, steps)` to the channels and steps that the other methods tell."""

    def channels(self, before: int) -> int:
        """Channels that it gives of so many."""
        return before

    def places(self, before: Places) -> Places:
        """Where its outputs stand if its inputs stand there."""
        return before


class _Strided(OutputLayer):
    """Reads `kernel` steps every `stride` steps."""

    def __init__(self, kernel: int, stride: int, padding: Padding | None) -> None:
        check_positive(kernel=kernel, stride=stride)
        self.kernel, self.stride, self.padding = kernel, stride, padding or Same()

    def places(self, before: Places) -> Places:
        """See OutputLayer.

        Raises:
            ValueError: there are fewer steps than the layer reads at once.
        """
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
        filters: channels that it gives.
        kernel: steps that it reads at once.
        stride: steps between its outputs.
        padding: None: Same.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, filters: int, kernel: int, stride: int = 1, padding: Padding | None = None) -> None:
        super().__init__(kernel, stride, padding)
        check_positive(filters=filters)
        self.filters = filters

    def channels(self, before: int) -> int:
        """The filters."""
        return self.filters

    def module(self, channels: int) -> nn.Module:
        """See OutputLayer."""
        return _PaddedConv1d(channels, self.filters, self.kernel, self.stride, self.padding)


class _Pooling(_Strided):
    def __init__(self, size: int, stride: int | None = None, padding: Padding | None = None) -> None:
        super().__init__(size, size if stride is None else stride, padding)


class AveragePool(_Pooling):
    """The mean of the steps under the window, padding not counted.

    Args:
        size: steps that it reads at once.
        stride: steps between its outputs; None: the size.
        padding: None: Same.

    Raises:
        ValueError: a size is not positive.
    """

    def module(self, channels: int) -> nn.Module:
        """See OutputLayer."""
        return _AveragePool(self.kernel, self.stride, self.padding)


class MaxPool(_Pooling):
    """The greatest of the steps under the window.

    Args:
        size: see AveragePool.
        stride: see AveragePool.
        padding: see AveragePool.

    Raises:
        ValueError: a size is not positive.
    """

    def module(self, channels: int) -> nn.Module:
        """See OutputLayer."""
        return _MaxPool(self.kernel, self.stride, self.padding)


class Activation(OutputLayer):
    """A function of each value.

    Args:
        function: makes it; a class of torch.nn.
    """

    def __init__(self, function: Callable[[], nn.Module] = nn.ReLU) -> None:
        self.function = function

    def module(self, channels: int) -> nn.Module:
        """See OutputLayer."""
        return self.function()


class Dropout(OutputLayer):
    """Drops values in training.

    Args:
        probability: that a value is dropped.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def module(self, channels: int) -> nn.Module:
        """See OutputLayer."""
        return nn.Dropout(self.probability)


class _PaddedConv1d(SameConv1d):
    """A SameConv1d with a padding of choice."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, padding: Padding) -> None:
        super().__init__(before, after, kernel, stride)
        self.amounts = padding.amounts

    def forward(self, input: Tensor) -> Tensor:
        """`(batch, before, steps)` to `(batch, after, ...)`."""
        amounts = self.amounts(input.shape[-1], self.kernel_size[0], self.stride[0])
        return functional.conv1d(functional.pad(input, amounts), self.weight, self.bias, self.stride)


class _Pool(nn.Module):
    def __init__(self, size: int, stride: int, padding: Padding) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.size}, stride={self.stride}, padding={type(self.padding).__name__}"

    def padded(self, input: Tensor, value: float) -> Tensor:
        """With this value beyond the ends."""
        return functional.pad(input, self.padding.amounts(input.shape[-1], self.size, self.stride), value=value)


class _AveragePool(_Pool):
    def forward(self, input: Tensor) -> Tensor:
        """`(batch, channels, steps)` to `(batch, channels, ...)`."""
        real = torch.ones_like(input[:1, :1])
        means, shares = (functional.avg_pool1d(self.padded(x, 0.0), self.size, self.stride) for x in (input, real))
        return means / shares


class _MaxPool(_Pool):
    def forward(self, input: Tensor) -> Tensor:
        """`(batch, channels, steps)` to `(batch, channels, ...)`."""
        return functional.max_pool1d(self.padded(input, -torch.inf), self.size, self.stride)
