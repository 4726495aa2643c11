"""The parts of CREPE that can be exchanged, its first layer and its blocks, in the variants of the replication."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import Concatenation, Residual, SameConv1d, check_positive, tf_batch_norm

FIRST_KERNEL, FIRST_STRIDE, KERNEL = 512, 4, 64


def normalised_convolution(before: int, after: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A 'same' convolution without bias and batch normalisation, `(batch, before, n)` to `(batch, after, ...)`."""
    return [SameConv1d(before, after, kernel, stride, bias=False), tf_batch_norm(after)]


class FirstLayer(ABC):
    """CREPE's first layer, which reads the waveform, without its pooling and dropout."""

    @abstractmethod
    def channels(self, capacity: int) -> int:
        """Channels of the output at this capacity."""

    @abstractmethod
    def layers(self, capacity: int) -> list[nn.Module]:
        """Modules in order, from `(batch, 1, window)` to `(batch, channels(capacity), steps(window))`."""

    def steps(self, window: int) -> int:
        """Outputs for a window of so many samples: one every four samples."""
        return -(-window // FIRST_STRIDE)


class SingleResolution(FirstLayer):
    """The paper's: 32 filters of 512 samples for each unit of capacity. Parameters: `16448 c`."""

    @override
    def channels(self, capacity: int) -> int:
        return 32 * capacity

    @override
    def layers(self, capacity: int) -> list[nn.Module]:
        return [*normalised_convolution(1, 32 * capacity, FIRST_KERNEL, FIRST_STRIDE), nn.ReLU()]


class MultiResolution(FirstLayer):
    """Parallel branches with filters of 512, 256, 128, ... samples, their channels concatenated.

    Each of the n branches consists of a convolution, a normalisation and a ReLU, and has
    `b = floor(32 c first_capacity / n)` filters. If n does not divide `32 c first_capacity`, there are fewer channels
    than that. Parameters: `b (1024 - 2**(10 - n)) + 2 n b`.

    Args:
        branches: n, 1 to 8; the eighth has filters of 4 samples.
        first_capacity: multiplier of the channels of this layer.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, branches: int, first_capacity: int = 1) -> None:
        if not 1 <= branches <= 8:
            raise ValueError(f"branches: {branches} is not 1 to 8")
        check_positive(first_capacity=first_capacity)
        self.branches, self.first_capacity = branches, first_capacity

    def filters(self, capacity: int) -> int:
        """Filters of each branch."""
        return 32 * capacity * self.first_capacity // self.branches

    @override
    def channels(self, capacity: int) -> int:
        return self.branches * self.filters(capacity)

    @override
    def layers(self, capacity: int) -> list[nn.Module]:
        branches = (
            nn.Sequential(*normalised_convolution(1, self.filters(capacity), kernel, FIRST_STRIDE), nn.ReLU())
            for kernel in (FIRST_KERNEL >> branch for branch in range(self.branches))
        )
        return [Concatenation(branches)]


class EarlyMultiResolution(MultiResolution):
    """MultiResolution with `b = floor(32 / n) first_capacity c`, as in the replication's runs of February 2019.

    It rounds before it multiplies, which loses up to an eighth of the channels.
    """

    @override
    def filters(self, capacity: int) -> int:
        return 32 // self.branches * self.first_capacity * capacity


class VariableStride(FirstLayer):
    """The paper's filters, with a stride of 4 samples in the middle of a long window and larger ones towards its ends.

    For windows of 8192 samples; other windows raise a ValueError. The strides are 64, 32, 32, 16, 16, 8 and 8 in
    segments of 512 samples, 4 in the 1024 samples of the middle, and the same in reverse. All segments share filters
    and normalisation. Parameters: `16448 c`.

    The replication cut each segment out before it filtered it. A segment is as long as the filters, so that each gave
    one output whatever its stride: 270 in all. Here the filters reach into the neighbouring segments. Each segment has
    `length / stride` outputs, each at the middle of its own stride: 720 in all.
    """

    # Samples and stride. Neighbouring segments of 512 with the same stride are one segment.
    EDGE = ((512, 64), (1024, 32), (1024, 16), (1024, 8))
    SEGMENTS = (*EDGE, (1024, FIRST_STRIDE), *reversed(EDGE))

    @override
    def channels(self, capacity: int) -> int:
        return 32 * capacity

    @override
    def steps(self, window: int) -> int:
        total = sum(length for length, _ in self.SEGMENTS)
        if window != total:
            raise ValueError(f"window: {window} samples, but VariableStride is laid out for {total}")
        return sum(length // stride for length, stride in self.SEGMENTS)

    @override
    def layers(self, capacity: int) -> list[nn.Module]:
        convolution = SegmentedConv1d(1, 32 * capacity, FIRST_KERNEL, self.SEGMENTS)
        return [convolution, tf_batch_norm(32 * capacity), nn.ReLU()]


class SegmentedConv1d(SameConv1d):
    """A convolution without bias whose stride changes along the input, padded as 'same' at both ends.

    Each output is centred on its stride, as in a 'same' convolution.
    Takes `(batch, channels, samples)` and gives `(batch, channels, sum of length / stride)`.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: taps, even, at least the greatest stride.
        segments: samples and stride (even) of successive segments, which together are as long as the input.
    """

    def __init__(self, before: int, after: int, kernel: int, segments: tuple[tuple[int, int], ...]) -> None:
        super().__init__(before, after, kernel, bias=False)
        self.segments = segments

    @override
    def forward(self, input: Tensor) -> Tensor:
        kernel = self.kernel_size[0]
        padded = functional.pad(input, (kernel // 2, kernel // 2))
        outputs, start = [], 0
        for length, stride in self.segments:
            # The first filter is centred on the middle of the first stride, half a stride from the segment's start.
            first = start + stride // 2
            excerpt = padded[..., first : first + length - stride + kernel]
            outputs.append(functional.conv1d(excerpt, self.weight, stride=stride))
            start += length
        return torch.cat(outputs, dim=-1)


class CREPEBlock(ABC):
    """One of CREPE's second to sixth layers, without its pooling and dropout."""

    @abstractmethod
    def layers(self, before: int, after: int) -> list[nn.Module]:
        """Modules in order, from `(batch, before, steps)` to `(batch, after, steps)`."""


class PlainBlock(CREPEBlock):
    """The paper's: one convolution. Parameters: `64 before after + 2 after`."""

    @override
    def layers(self, before: int, after: int) -> list[nn.Module]:
        return [*normalised_convolution(before, after, KERNEL), nn.ReLU()]


class ResidualBlock(CREPEBlock):
    """Two convolutions and a shortcut: the identity, or a 1×1 convolution with bias where the channels change.

    After K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016. Parameters:
    `64 (before + after) after + 4 after`, and `(before + 1) after` for a shortcut that is not the identity.

    The replication's code of this variant is lost. Its printed sizes determine the layers; their order, with ReLU after
    the addition, is that of He et al.
    """

    @override
    def layers(self, before: int, after: int) -> list[nn.Module]:
        body = nn.Sequential(
            *normalised_convolution(before, after, KERNEL), nn.ReLU(), *normalised_convolution(after, after, KERNEL)
        )
        return [Residual(body, None if before == after else SameConv1d(before, after, 1)), nn.ReLU()]
