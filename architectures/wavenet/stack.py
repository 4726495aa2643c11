"""WaveNet's stack of gated dilated convolutions, each layer computed only as far as later ones need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import check_positive
from architectures.wavenet.output import Padding, Same
from architectures.wavenet.parts import Crop, CropContext, InitialConvolution, Skips, Sum


class ReceptiveField(NamedTuple):
    """The samples that an output of a convolution without stride depends on, left and right.

    Attributes:
        sides: samples around the position of the output: the middle tap, or the one to the left of the middle.
        zeros: padding at the ends of its input.
    """

    sides: tuple[int, int]
    zeros: tuple[int, int]

    @staticmethod
    def of(kernel: int, dilation: int = 1, padding: Padding | None = None) -> ReceptiveField:
        """Of a kernel whose taps are `dilation` samples apart; padding None: Same."""
        width = (kernel - 1) * dilation + 1
        return ReceptiveField(Same().amounts(width, width), (padding or Same()).amounts(width, width))


def plan_margins(convolutions: Sequence[ReceptiveField], context: int, crop: Crop) -> list[tuple[int, int]]:
    """Samples on the left and right of the frames, before the first convolution and after each.

    Raises:
        ValueError: convolutions without padding need more context.
    """
    left, right = (_margins_of_side(side, convolutions, context, crop) for side in (0, 1))
    return list(zip(left, right, strict=True))


def _margins_of_side(side: int, convolutions: Sequence[ReceptiveField], context: int, crop: Crop) -> list[int]:
    needed = sum(each.sides[side] for each in convolutions)
    margins = [crop.kept(context, needed)]
    for each in convolutions:
        needed -= each.sides[side]
        available = margins[-1] - each.sides[side] + each.zeros[side]
        if available < 0:
            raise ValueError(f"context: {context} samples are too few; use at least {context - available}")
        margins.append(crop.kept(available, needed))
    return margins


class LayerCrop(NamedTuple):
    """Padding and cropping of one convolution, in samples on the left and right.

    Attributes:
        zeros: padding of its input.
        dropped: samples of its input beyond its output.
        beyond: samples of its output beyond that of the stack.
    """

    zeros: tuple[int, int]
    dropped: tuple[int, int]
    beyond: tuple[int, int]

    @staticmethod
    def between(
        field: ReceptiveField, before: tuple[int, int], after: tuple[int, int], last: tuple[int, int]
    ) -> LayerCrop:
        """Of a convolution with these margins before and after it, and after the last one."""
        dropped = before[0] - after[0], before[1] - after[1]
        zeros = field.sides[0] - dropped[0], field.sides[1] - dropped[1]
        return LayerCrop(zeros, dropped, (after[0] - last[0], after[1] - last[1]))


def trimmed(input: Tensor, sides: tuple[int, int]) -> Tensor:
    """Without so many samples on the left and right."""
    left, right = sides
    return input[..., left : input.shape[-1] - right]


class FusedConv1d(nn.Conv1d):
    """Convolutions of the same input, computed as one: `(batch, before, samples)` to `(batch, all parts, ...)`.

    Each is initialised Glorot-uniform by itself, with bias 0, as TensorFlow does, which the published systems use.

    Args:
        before: channels of the input.
        parts: channels of each convolution; 0: its output has no channels.
        kernel: taps.
        dilation: samples between taps.
        zeros: padding on the left and right.
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

    @override
    def reset_parameters(self) -> None:
        for part in torch.split(self.weight, self.parts):
            if len(part):
                nn.init.xavier_uniform_(part)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @override
    def forward(self, input: Tensor) -> Tensor:
        left, right = self.zeros
        if left == right:  # saves a copy
            return functional.conv1d(input, self.weight, self.bias, padding=left, dilation=self.dilation)
        return super().forward(functional.pad(input, self.zeros))


class GatedLayer(nn.Module):
    """A gated unit of two dilated convolutions, `tanh(f) sigmoid(g)`: `(batch, before, samples)` to skip and residual.

    Args:
        before: channels of the input.
        channels: of the gated unit.
        skip: channels of the skip connection; 0: there is none.
        residual: channels of the residual; 0: there is none.
        kernel: taps.
        dilation: samples between taps.
        zeros: padding of the dilated convolutions on the left and right.
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
        self.gates = FusedConv1d(before, (channels, channels), kernel, dilation=dilation, zeros=zeros, bias=bias)
        self.mix = FusedConv1d(channels, (skip, residual), bias=bias)

    @override
    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = self.gates(input).chunk(2, dim=1)
        skip, residual = torch.split(self.mix(torch.tanh(signal) * torch.sigmoid(gate)), self.mix.parts, dim=1)
        return skip, residual


class DilatedStack(nn.Module):
    """Dilated layers in series, each of which reads the sum of its predecessor's residual and input.

    Takes `(batch, 1, n + 2 context)` and gives the joined skip connections `(batch, channels, n)`, or more samples
    where a Crop keeps context. Each layer computes only what later layers and the result need.

    The number of parameters with bias is `(initial kernel + 1) channels`, and for each layer `2 (kernel before + 1)
    channels`, where `before` is `channels` or, in the first layer without an initial convolution, 1; plus
    `(channels + 1) skip channels` for each layer whose skip connection is used, and `(channels + 1) channels` for each
    layer but the last.

    All other arguments are those of WaveNet.

    Args:
        dilations: samples between the taps, of each layer.
        dropout: `residual_dropout` of WaveNet.

    Attributes:
        receptive_field: samples to the left and right that an output depends on.
        context: samples on each side of those that have outputs.
        margins: samples of these on the left and right that remain after the last layer.
        channels: of the output.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(
        self,
        channels: int,
        skip_channels: int,
        kernel: int,
        dilations: Sequence[int],
        context: int | None = None,
        initial: InitialConvolution | None = None,
        skips: Skips | None = None,
        crop: Crop | None = None,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, skip_channels=skip_channels, kernel=kernel)
        self.skips, crop = skips or Sum(), crop or CropContext()
        self.channels = self.skips.channels(skip_channels, len(dilations))
        fields = [ReceptiveField.of(kernel, dilation) for dilation in dilations]
        if initial is not None:
            fields.insert(0, ReceptiveField.of(initial.kernel, padding=initial.padding))
        self.receptive_field = sum(field.sides[0] for field in fields), sum(field.sides[1] for field in fields)
        self.context = max(self.receptive_field) if context is None else context
        margins = plan_margins(fields, self.context, crop)
        crops = [
            LayerCrop.between(field, *pair, last=margins[-1])
            for field, pair in zip(fields, pairwise(margins), strict=True)
        ]
        self.unread = self.context - margins[0][0], self.context - margins[0][1]
        self.margins = margins[-1]
        before = 1
        self.initial: nn.Module = nn.Identity()
        if initial is not None:
            self.initial = FusedConv1d(1, (channels,), initial.kernel, zeros=crops.pop(0).zeros)
            before = channels
        self.crops = crops
        self.layers = nn.ModuleList()
        for number, (dilation, layer_crop) in enumerate(zip(dilations, crops, strict=True)):
            layer = GatedLayer(
                before,
                channels,
                skip=skip_channels if self.skips.taken(number, len(dilations)) else 0,
                residual=channels if number < len(dilations) - 1 else 0,
                kernel=kernel,
                dilation=dilation,
                zeros=layer_crop.zeros,
                bias=bias,
            )
            self.layers.append(layer)
            before = channels
        self.dropout = nn.Dropout(dropout)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return self.skips.join(self._each_skip(trimmed(audio, self.unread)))

    def _each_skip(self, audio: Tensor) -> Iterator[Tensor]:
        signal = self.initial(audio)
        for layer, crop in zip(self.layers, self.crops, strict=True):
            skip, residual = layer(signal)
            yield trimmed(skip, crop.beyond)
            if layer is not self.layers[-1]:
                signal = trimmed(signal, crop.dropped) + self.dropout(residual)


def dilations_up_to(greatest: int) -> list[int]:
    """1, 2, 4, ... up to a power of two.

    Raises:
        ValueError: it is none.
    """
    if greatest < 1 or greatest & (greatest - 1):
        raise ValueError(f"max_dilation: {greatest} is not a power of two")
    return [1 << power for power in range(greatest.bit_length())]
