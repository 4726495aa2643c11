"""What WaveNet's dilated stack can be put together from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.layers import check_positive
from architectures.wavenet.output import Padding, Same


class Skips(ABC):
    """What becomes of the skip connections of all layers."""

    @abstractmethod
    def taken(self, layer: int, layers: int) -> bool:
        """Whether a layer, counted from 0, has one; layers whose skip connection nothing reads have none."""

    @abstractmethod
    def channels(self, each: int, layers: int) -> int:
        """Channels that `join` gives."""

    @abstractmethod
    def join(self, skips: Iterable[Tensor]) -> Tensor:
        """One `(batch, channels, samples)` of those of all layers in order; those not taken have no channels."""


class Sum(Skips):
    """Their sum, as in the paper."""

    def taken(self, layer: int, layers: int) -> bool:
        """All."""
        return True

    def channels(self, each: int, layers: int) -> int:
        """As many as each."""
        return each

    def join(self, skips: Iterable[Tensor]) -> Tensor:
        """Add as they come, so that none has to be kept."""
        return reduce(torch.add, skips)


class Concat(Skips):
    """All of them, their channels one behind the other."""

    def taken(self, layer: int, layers: int) -> bool:
        """All."""
        return True

    def channels(self, each: int, layers: int) -> int:
        """Those of all layers."""
        return each * layers

    def join(self, skips: Iterable[Tensor]) -> Tensor:
        """Concatenate."""
        return torch.cat(list(skips), dim=1)


class Last(Skips):
    """That of the last layer alone; the others have none."""

    def taken(self, layer: int, layers: int) -> bool:
        """The last."""
        return layer == layers - 1

    def channels(self, each: int, layers: int) -> int:
        """As many as each."""
        return each

    def join(self, skips: Iterable[Tensor]) -> Tensor:
        """The last."""
        return reduce(lambda _, skip: skip, skips)


class Crop(ABC):
    """Which samples beyond the frames go on from layer to layer."""

    @abstractmethod
    def kept(self, available: int, needed: int) -> int:
        """Samples kept on one side of the frames, if the later layers read no more than `needed`."""


class CropContext(Crop):
    """Those that the outputs depend on, ever fewer; behind the last layer none, only the frames themselves.

    What is left is the same as if every layer had computed the whole window; it takes a fraction of the time. Zeros
    beyond the window are read only if there is less context than the outputs depend on.
    """

    def kept(self, available: int, needed: int) -> int:
        """The lesser."""
        return min(available, needed)


class KeepContext(Crop):
    """All of them, to the end: what follows the last layer reads the context, too.

    Near the ends of the window, the outputs depend on zeros that the layers see beyond it.
    """

    def kept(self, available: int, needed: int) -> int:
        """All."""
        return available


class InitialConvolution:
    """A convolution before the first dilated layer, with bias and without activation.

    Args:
        kernel: samples that it reads at once.
        padding: None: Same.

    Raises:
        ValueError: the kernel is not positive.
    """

    def __init__(self, kernel: int, padding: Padding | None = None) -> None:
        check_positive(kernel=kernel)
        self.kernel, self.padding = kernel, padding or Same()


class Reach(NamedTuple):
    """What a convolution without stride reads, left and right.

    Attributes:
        sides: samples around the place of an output. The place is the middle tap, or the one to the left of the middle.
        zeros: given beyond the ends of its input.
    """

    sides: tuple[int, int]
    zeros: tuple[int, int]

    @staticmethod
    def of(kernel: int, dilation: int = 1, padding: Padding | None = None) -> Reach:
        """Of a kernel with so many samples from tap to tap; padding None: Same."""
        width = (kernel - 1) * dilation + 1
        return Reach(Same().amounts(width, width), (padding or Same()).amounts(width, width))


def plan_margins(convolutions: Sequence[Reach], context: int, crop: Crop) -> list[tuple[int, int]]:
    """Samples on the left and right of the frames that are read, and those that are left behind each convolution.

    Raises:
        ValueError: there is less context than convolutions without padding take away.
    """
    left, right = (_margins_of_side(side, convolutions, context, crop) for side in (0, 1))
    return list(zip(left, right, strict=True))


def _margins_of_side(side: int, convolutions: Sequence[Reach], context: int, crop: Crop) -> list[int]:
    needed = sum(each.sides[side] for each in convolutions)
    margins = [crop.kept(context, needed)]
    for each in convolutions:
        needed -= each.sides[side]
        available = margins[-1] - each.sides[side] + each.zeros[side]
        if available < 0:
            raise ValueError(f"context: {context} samples are too few; use at least {context - available}")
        margins.append(crop.kept(available, needed))
    return margins


class Cut(NamedTuple):
    """How the samples that a convolution gives lie within those that it is given, left and right.

    Attributes:
        zeros: that it is given beyond the ends.
        dropped: samples of the input that lie outside of the output.
        beyond: samples of the output that lie outside of what the stack gives.
    """

    zeros: tuple[int, int]
    dropped: tuple[int, int]
    beyond: tuple[int, int]

    @staticmethod
    def between(reach: Reach, before: tuple[int, int], after: tuple[int, int], last: tuple[int, int]) -> Cut:
        """Of a convolution with these margins before and behind it and behind the last one."""
        dropped = before[0] - after[0], before[1] - after[1]
        zeros = reach.sides[0] - dropped[0], reach.sides[1] - dropped[1]
        return Cut(zeros, dropped, (after[0] - last[0], after[1] - last[1]))


def trimmed(input: Tensor, sides: tuple[int, int]) -> Tensor:
    """Without so many samples at the left and right."""
    left, right = sides
    return input[..., left : input.shape[-1] - right]


class FusedConv1d(nn.Conv1d):
    """Convolutions that read the same input, computed as one.

    They begin Glorot-uniform, each for itself, with bias zero.

    Args:
        before: channels of the input.
        parts: channels of each convolution; 0: it is left out and gives an output without channels.
        kernel: taps.
        dilation: samples between taps.
        zeros: given beyond the left and right end.
        bias: whether there is one.
    """

    def __init__(
        self,
        before: int,
        parts: Sequence[int],
        kernel: int = 1,
        dilation: int = 1,
        zeros: tuple[int, int] = (0, 0),
        bias: bool = True,
    ) -> None:
        self.parts, self.zeros = list(parts), zeros
        super().__init__(before, sum(parts), kernel, dilation=dilation, bias=bias)

    def reset_parameters(self) -> None:
        """TensorFlow's default initialisation, which the published systems use."""
        for part in torch.split(self.weight, self.parts):
            if len(part):
                nn.init.xavier_uniform_(part)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """`(batch, before, samples)` to `(batch, all parts, ...)`."""
        left, right = self.zeros
        if left == right:  # spares a copy
            return functional.conv1d(input, self.weight, self.bias, 1, left, self.dilation)
        return super().forward(functional.pad(input, self.zeros))


class GatedLayer(nn.Module):
    """A gated unit between two dilated convolutions, `tanh(f) sigmoid(g)`, and what it gives to others.

    Args:
        before: channels of the input.
        channels: of the gated unit.
        skip: channels of the skip connection; 0: there is none.
        residual: channels of the residual; 0: there is none.
        kernel: taps.
        dilation: samples between taps.
        zeros: that the dilated convolutions are given beyond the left and right end.
        bias: whether the convolutions have one.
    """

    def __init__(
        self,
        before: int,
        channels: int,
        skip: int,
        residual: int,
        kernel: int,
        dilation: int,
        zeros: tuple[int, int],
        bias: bool,
    ) -> None:
        super().__init__()
        self.gates = FusedConv1d(before, (channels, channels), kernel, dilation, zeros, bias)
        self.mix = FusedConv1d(channels, (skip, residual), bias=bias)

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """The skip connection and the residual of `(batch, before, samples)`."""
        signal, gate = self.gates(input).chunk(2, dim=1)
        skip, residual = torch.split(self.mix(torch.tanh(signal) * torch.sigmoid(gate)), self.mix.parts, dim=1)
        return skip, residual
