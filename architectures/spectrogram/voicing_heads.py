"""Heads beside a network for pitch: is there a melody in the frame, seen from its salience and its spectrogram?

Those of the melody-extraction replication that the catalogue follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from architectures.spectrogram.voicing import DropoutBeforeNorm, Kernel, NormBeforeDropout, VoicingBlock, VoicingLayers


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
