"""Voicing: convolutions that reduce the bins of a spectrogram to one logit, whether the frame has a melody.

The voicing modules of the melody-extraction replication that the catalogue follows, as networks of their own and as
layers of the heads of networks for pitch (`voicing_heads`). They differ in their kernels; all end with a convolution
over the remaining bins.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.base import VoicingNetwork
from architectures.layers import SameConv2d, check_positive, tf_batch_norm_2d
from architectures.spectrogram.context import ContextWindow
from architectures.spectrogram.harmonics import FUNDAMENTAL, Harmonics, HarmonicStacking


@dataclass(frozen=True)
class Kernel:
    """A convolution over frames and bins with 'same' padding.

    Args:
        bins: taps along the bins.
        stride: bins between outputs.
        dilation: bins between taps.
        frames: taps along the frames.

    Raises:
        ValueError: a size is not positive.
    """

    bins: int
    stride: int = 1
    dilation: int = 1
    frames: int = 1

    def __post_init__(self) -> None:
        check_positive(bins=self.bins, stride=self.stride, dilation=self.dilation, frames=self.frames)

    def convolution(self, before: int, after: int, bias: bool) -> SameConv2d:
        """The layer, from `(batch, before, frames, bins)` to `(batch, after, frames, ceil(bins / stride))`."""
        size, stride, dilation = (self.frames, self.bins), (1, self.stride), (1, self.dilation)
        return SameConv2d(before, after, size, stride, dilation=dilation, bias=bias)


class VoicingBlock(ABC):
    """A convolution with its normalisation, activation and dropout."""

    @abstractmethod
    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        """Modules in order, from `before` channels to `after`."""


class NormBeforeDropout(VoicingBlock):
    """Convolution with bias, ReLU, normalisation, dropout.

    Args:
        normalisation: for a number of channels, such as `architectures.layers.tf_batch_norm_2d`; published with and
            without.
        dropout: probability that an output is dropped.
    """

    def __init__(self, normalisation: Callable[[int], nn.Module] = nn.Identity, dropout: float = 0.3) -> None:
        self.normalisation, self.dropout = normalisation, dropout

    @override
    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        return [
            kernel.convolution(before, after, bias=True),
            nn.ReLU(),
            self.normalisation(after),
            nn.Dropout(self.dropout),
        ]


class DropoutBeforeNorm(VoicingBlock):
    """Convolution without bias, ReLU, dropout, batch normalisation.

    Args:
        dropout: probability that an output is dropped.
    """

    def __init__(self, dropout: float = 0.25) -> None:
        self.dropout = dropout

    @override
    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        return [
            kernel.convolution(before, after, bias=False),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            tf_batch_norm_2d(after),
        ]


class VoicingLayers(nn.Module):
    """Convolutions in series, the last over all remaining bins: `(batch, channels, frames, bins)` to `(batch, frames)`.

    Args:
        channels: of the input.
        bins: of the input.
        kernels: of the convolutions but the last.
        filters: of each of these.
        block: the layers of each of these.
        last_frames: taps of the last one along the frames.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        channels: int,
        bins: int,
        kernels: Sequence[Kernel],
        filters: int,
        block: VoicingBlock,
        last_frames: int = 1,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, bins=bins, filters=filters, last_frames=last_frames)
        layers: list[nn.Module] = []
        for kernel in kernels:
            layers += block.layers(kernel, channels, filters)
            channels, bins = filters, -(-bins // kernel.stride)
        # A stride of all bins gives one output of all bins, without padding.
        last = Kernel(bins, bins, frames=last_frames).convolution(channels, 1, bias=True)
        self.layers = nn.Sequential(*layers, last)

    @override
    def forward(self, input: Tensor) -> Tensor:
        logits: Tensor = self.layers(input)
        return logits[:, 0, :, 0]


class ConvolutionalVoicing(VoicingNetwork):
    """Convolutions with strides along the bins, from the stacked spectrogram to one logit per frame.

    An excerpt may be longer than `window`: all frames but the context have logits. A spectrogram with other channels or
    bins, or with nothing but context, raises a ValueError.

    Args:
        kernels: of the convolutions but the last; for a semitone and an octave of 360 bins 5 and 60, or, after a stride
            of 5 bins, 1 and 12.
        channels: of the spectrogram.
        bins: of each channel.
        width: bins of the stacked spectrogram.
        frames: label frames of one excerpt.
        context: label frames on each side of those.
        filters: of each convolution.
        block: the layers with each convolution; None: NormBeforeDropout.
        last_frames: taps of the last convolution along the frames.
        harmonics: stacked copies of the spectrogram.
        bins_per_semitone: of the spectrogram.
        pooling: after the stacking, such as `torch.nn.MaxPool2d([1, 5])`; None: there is none.

    Raises:
        ValueError: a size is not positive, or the context is negative.
    """

    def __init__(
        self,
        kernels: Sequence[Kernel],
        channels: int = 1,
        bins: int = 540,
        width: int = 360,
        frames: int = 10,
        context: int = 5,
        filters: int = 64,
        block: VoicingBlock | None = None,
        last_frames: int = 1,
        harmonics: Harmonics = FUNDAMENTAL,
        bins_per_semitone: int = 5,
        pooling: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width, channels=channels, frames=frames)
        self.channels, self.bins, self.frames, self.context = channels, bins, frames, context
        self.bins_per_semitone = bins_per_semitone
        self.stacking = HarmonicStacking(harmonics, bins_per_semitone, bins, width)
        self.pooling = nn.Identity() if pooling is None else pooling
        self.layers = VoicingLayers(
            channels * harmonics.copies,
            bins=self.pooling(torch.empty(1, 1, 1, width, device="meta")).shape[-1],
            kernels=kernels,
            filters=filters,
            block=block or NormBeforeDropout(),
            last_frames=last_frames,
        )
        self.excerpt = ContextWindow(channels, bins, frames, context, self.layers)
        self.window = self.excerpt.length

    @override
    def forward(self, spectrogram: Tensor) -> Tensor:
        stacked = self.stacking(self.excerpt.trim(spectrogram))
        return self.excerpt.crop(self.layers(self.pooling(stacked)))
