"""Voicing heads of networks for pitch: whether a frame has a melody, from its salience and its spectrogram.

Those of the melody-extraction replication that the catalogue follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.spectrogram.voicing import DropoutBeforeNorm, Kernel, NormBeforeDropout, VoicingBlock, VoicingLayers


class VoicingInput:
    """The input of a head: salience, spectrogram, or both in this order.

    Attributes:
        salience: whether the logits of pitch, `(batch, 1, frames, width)`, are read.
        spectrogram: whether the stacked spectrogram, `(batch, channels, frames, width)`, is read.
        trains_salience: whether the gradients of the voicing reach the salience.
    """

    salience: ClassVar[bool] = True
    spectrogram: ClassVar[bool] = True
    trains_salience: ClassVar[bool] = False

    def channels(self, spectrogram: int) -> int:
        """Channels of the input, for so many of the stacked spectrogram."""
        return self.salience + self.spectrogram * spectrogram

    def read(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        """The input of the head, `(batch, channels, frames, width)`."""
        given = (salience if self.trains_salience else salience.detach(), spectrogram)
        read = [tensor for tensor, wanted in zip(given, (self.salience, self.spectrogram), strict=True) if wanted]
        return torch.cat(read, dim=1)


class SalienceAndSpectrogram(VoicingInput):
    """Both; the voicing does not train the salience."""


class SharedSalienceAndSpectrogram(SalienceAndSpectrogram):
    """Both; the voicing trains the salience as well."""

    trains_salience = True


class SalienceAlone(VoicingInput):
    """The salience; the voicing does not train it."""

    spectrogram = False


class SpectrogramAlone(VoicingInput):
    """The spectrogram."""

    salience = False


class VoicingBranch(nn.Module):
    """A head within a network: `(batch, frames)` logits of salience and spectrogram as VoicingInput takes them.

    Args:
        input: of the layers.
        layers: from the input to the logits.
    """

    def __init__(self, input: VoicingInput, layers: VoicingLayers) -> None:
        super().__init__()
        self.input, self.layers = input, layers

    @override
    def forward(self, salience: Tensor, spectrogram: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.input.read(salience, spectrogram))
        return logits


class VoicingHead:
    """A second output of a network for pitch: whether the frame is voiced.

    Args:
        kernels: of the convolutions but the last.
        block: the layers with each of these.
        input: of the first one.
        filters: of each.
    """

    def __init__(self, kernels: Sequence[Kernel], block: VoicingBlock, input: VoicingInput, filters: int = 64) -> None:
        self.kernels, self.block, self.input, self.filters = kernels, block, input, filters

    def branch(self, channels: int, width: int) -> VoicingBranch:
        """The head for a stacked spectrogram of so many channels and bins."""
        layers = VoicingLayers(self.input.channels(channels), width, self.kernels, self.filters, self.block)
        return VoicingBranch(self.input, layers)


class TemporalVoicingHead(VoicingHead):
    """The head of `cqt_voicing_residual_batchnorm`, whose receptive field is 13 frames on each side.

    It has 1 875 777 parameters on a spectrogram of 6 channels and 360 bins.

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
    """The head of the HCNN, of one frame: two convolutions over a semitone, two over an octave of semitones.

    Its kernels are those of 5 bins per semitone. It has 124 865 parameters on a stacked spectrogram of 16 channels and
    360 bins, 5 120 fewer with SalienceAlone, 320 fewer with SpectrogramAlone.

    Args:
        input: of the first convolution; None: SalienceAndSpectrogram.
        normalisation: for a number of channels, such as `architectures.layers.tf_batch_norm_2d`.
        dropout: probability that an output is dropped.
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
