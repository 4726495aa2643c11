"""Is there a melody in the frame at all? Convolutions that gather the bins of a spectrogram into one logit.

The voicing modules of the melody-extraction replication that the catalogue follows: heads beside a network for pitch,
and networks of their own. They differ in their kernels, and all end with a convolution over the bins that are left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from architectures.context import ContextWindow
from architectures.harmonics import FUNDAMENTAL, Harmonics, HarmonicStacking
from architectures.layers import SameConv2d, check_positive, tf_batch_norm_2d


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
    """What stands around each convolution."""

    @abstractmethod
    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        """Modules in order, from `before` channels to `after`."""


class NormBeforeDropout(VoicingBlock):
    """Convolution with bias, ReLU, normalisation, dropout.

    Args:
        normalisation: makes the normalisation of so many channels, such as `architectures.layers.tf_batch_norm_2d`;
            the published ones with and without.
        dropout: probability that an output is dropped.
    """

    def __init__(self, normalisation: Callable[[int], nn.Module] = nn.Identity, dropout: float = 0.3) -> None:
        self.normalisation, self.dropout = normalisation, dropout

    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        """See VoicingBlock."""
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

    def layers(self, kernel: Kernel, before: int, after: int) -> list[nn.Module]:
        """See VoicingBlock."""
        return [
            kernel.convolution(before, after, bias=False),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            tf_batch_norm_2d(after),
        ]


class VoicingLayers(nn.Module):
    """Convolutions in a row, and a last one over all bins that they leave.

    Args:
        channels: of the input.
        bins: of the input.
        kernels: of the convolutions but the last.
        filters: of each of these.
        block: what stands around each.
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
        # With a stride of all bins there is one output of all bins, and nothing is padded.
        last = Kernel(bins, bins, frames=last_frames).convolution(channels, 1, bias=True)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, input: Tensor) -> Tensor:
        """Logits `(batch, frames)` of `(batch, channels, frames, bins)`."""
        logits: Tensor = self.layers(input)
        return logits[:, 0, :, 0]


class VoicingInput(ABC):
    """What a head reads of a network for pitch."""

    @abstractmethod
    def channels(self, spectrogram: int) -> int:
        """Channels that are read, with so many of the stacked spectrogram."""

    @abstractmethod
    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The input of the head.

        Args:
            salience: `(batch, 1, frames, width)`, the logits of pitch.
            spectrogram: `(batch, channels, frames, width)`, stacked.
        """


class SalienceAndSpectrogram(VoicingInput):
    """Both; the voicing does not train the salience."""

    def channels(self, spectrogram: int) -> int:
        """One more than the spectrogram has."""
        return 1 + spectrogram

    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The salience before the spectrogram."""
        return torch.cat([salience.detach(), spectrogram], dim=1)


class SharedSalienceAndSpectrogram(SalienceAndSpectrogram):
    """Both; the voicing trains the salience as well."""

    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The salience before the spectrogram."""
        return torch.cat([salience, spectrogram], dim=1)


class SalienceAlone(VoicingInput):
    """The salience; the voicing does not train it."""

    def channels(self, spectrogram: int) -> int:
        """1."""
        return 1

    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The salience."""
        return salience.detach()


class SpectrogramAlone(VoicingInput):
    """The spectrogram."""

    def channels(self, spectrogram: int) -> int:
        """As many as it has."""
        return spectrogram

    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The spectrogram."""
        return spectrogram


class VoicingBranch(nn.Module):
    """A head within a network.

    Args:
        input: what it reads.
        layers: what it makes of that.
    """

    def __init__(self, input: VoicingInput, layers: VoicingLayers) -> None:
        super().__init__()
        self.input, self.layers = input, layers

    def forward(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """Logits `(batch, frames)`; see VoicingInput for what is given."""
        logits: Tensor = self.layers(self.input.read(salience, spectrogram))
        return logits


class VoicingHead:
    """A second output of a network for pitch: whether the frame is voiced.

    Args:
        kernels: of the convolutions but the last.
        block: what stands around each.
        input: what the first one reads.
        filters: of each.
    """

    def __init__(self, kernels: Sequence[Kernel], block: VoicingBlock, input: VoicingInput, filters: int = 64) -> None:
        self.kernels, self.block, self.input, self.filters = kernels, block, input, filters

    def branch(self, channels: int, width: int) -> VoicingBranch:
        """The head for a stacked spectrogram of so many channels and bins."""
        layers = VoicingLayers(self.input.channels(channels), width, self.kernels, self.filters, self.block)
        return VoicingBranch(self.input, layers)


class TemporalVoicingHead(VoicingHead):
    """The head of `cqt_voicing_residual_batchnorm`, which reads 13 frames before and after each.

    It has 1 875 777 parameters beside a spectrogram of 6 channels and 360 bins.

    Args:
        dropout: probability that an output is dropped.
        filters: of each convolution but the last.
    """

    KERNELS = (
        Kernel(5, frames=5),
        Kernel(70, stride=5, frames=5),
        Kernel(12, stride=12, frames=5),
        Kernel(3, frames=15),
    )

    def __init__(self, dropout: float = 0.25, filters: int = 64) -> None:
        super().__init__(self.KERNELS, DropoutBeforeNorm(dropout), SalienceAndSpectrogram(), filters)


class NoteOctaveVoicingHead(VoicingHead):
    """The head of the HCNN: one frame alone, over a semitone twice and over an octave of semitones twice.

    Its kernels are those of 5 bins per semitone. It has 124 865 parameters beside a stacked spectrogram of 16 channels
    and 360 bins, 5 120 fewer with SalienceAlone, 320 fewer with SpectrogramAlone.

    Args:
        input: what it reads; None: SalienceAndSpectrogram.
        normalisation: see NormBeforeDropout.
        dropout: see NormBeforeDropout.
        filters: of each convolution but the last.
    """

    KERNELS = (Kernel(5), Kernel(5, stride=5), Kernel(12), Kernel(12, stride=12))

    def __init__(
        self,
        input: VoicingInput | None = None,
        normalisation: Callable[[int], nn.Module] = nn.Identity,
        dropout: float = 0.3,
        filters: int = 64,
    ) -> None:
        block = NormBeforeDropout(normalisation, dropout)
        super().__init__(self.KERNELS, block, input or SalienceAndSpectrogram(), filters)


class VoicingNetwork(nn.Module):
    """A network that gives one logit for each label frame of an excerpt of a spectrogram, and no pitch.

    Attributes:
        signal: what an excerpt consists of.
        channels: of the spectrogram.
        bins: of each channel.
        frames: label frames that one excerpt is given logits for.
        context: label frames on each side of those.
        window: `frames + 2 * context`.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "spectrogram"
    channels: int
    bins: int
    frames: int
    context: int
    window: int

    @abstractmethod
    def forward(self, spectrogram: Tensor) -> Tensor:
        """Logits `(batch, frames)` that a frame is voiced.

        Args:
            spectrogram: `(batch, channels, window, bins)` float, 0 to 1.
        """


class ConvolutionalVoicing(VoicingNetwork):
    """Convolutions with strides along the bins, from the stacked spectrogram to one logit per frame.

    The window may be longer than `window`: there are logits for all frames but the context.

    Args:
        kernels: of the convolutions but the last; for a semitone and an octave of 360 bins 5 and 60, or, behind a
            stride of 5 bins, 1 and 12.
        channels: of the spectrogram.
        bins: of each channel.
        width: bins of the stacked spectrogram.
        frames: label frames of one excerpt.
        context: label frames on each side of those.
        filters: of each convolution.
        block: what stands around each; None: NormBeforeDropout.
        last_frames: taps of the last convolution along the frames.
        harmonics: what the spectrogram is stacked with.
        bins_per_semitone: of the spectrogram.
        pooling: behind the stacking, such as `torch.nn.MaxPool2d([1, 5])`; None: there is none.

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
        self.stacking = HarmonicStacking(harmonics, bins_per_semitone, bins, width)
        self.pooling = nn.Identity() if pooling is None else pooling
        left = self.pooling(torch.empty(1, 1, 1, width, device="meta")).shape[-1]
        self.layers = VoicingLayers(
            channels * harmonics.copies, left, kernels, filters, block or NormBeforeDropout(), last_frames
        )
        self.excerpt = ContextWindow(channels, bins, frames, context, self.layers)
        self.window = self.excerpt.length

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Logits `(batch, frames)` of excerpts `(batch, channels, frames + 2 * context, bins)`.

        Raises:
            ValueError: the spectrogram has other channels or bins, or nothing but context.
        """
        stacked = self.stacking(self.excerpt.trim(spectrogram))
        return self.excerpt.crop(self.layers(self.pooling(stacked)))
