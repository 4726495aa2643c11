"""Deep salience: convolutions over time and frequency of a constant-Q transform with its harmonics.

R. M. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello, "Deep Salience Representations for F0 Estimation in
Polyphonic Music", ISMIR 2017; and the variants of the melody-extraction replication that the catalogue follows.

The outputs are logits; the paper's last layer is their sigmoid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.layers import SameConv2d, check_positive, tf_batch_norm_2d
from architectures.spectrogram.harmonics import FUNDAMENTAL, Harmonics, HarmonicStacking
from architectures.spectrogram.salience import ConvolutionalSalience
from architectures.spectrogram.voicing_heads import VoicingHead


class DeepSalience(ConvolutionalSalience):
    """The network of Bittner et al.: convolutions of 5×5, 5×5, 3×3, 3×3, 3 frames by 70 bins (over an octave), and 1×1.

    Each convolution but the last is followed by ReLU, batch normalisation and, optionally, harmonic stacking. The input
    is normalised as well. The paper computes a constant-Q transform for each of six harmonics; to do the same, state 6
    channels of `width` bins and `Harmonics()`. By default the harmonics are stacked from one transform of nine octaves.

    The receptive field is 7 frames on each side. With context 0, as published, each window fades at its borders, and
    the salience of a track has gaps there.

    The number of parameters is `68 S c² + (50 C + 210 S o + 15) c + (S + 3) o + 2 C + 1`, where c is the capacity, o
    `octave_filters`, C the channels of the stacked spectrogram and S the copies of `layer_harmonics`: 406 253 by
    default. All other arguments are those of ConvolutionalSalience.

    Args:
        capacity: filters of the second to fourth convolution, half of those of the first; 64 in the paper.
        octave_filters: filters of the convolution over more than an octave; None: an eighth of the capacity, at least
            two, in the paper 8.
        harmonics: stacked copies of the spectrogram; Harmonics(): itself alone.
        layer_harmonics: stacked copies of the output of each convolution but the last; the replication's "harmonic
            convolution layers" have Harmonics(2, 3).

    Raises:
        ValueError: a size is not positive, or the context is negative.
    """

    def __init__(
        self,
        width: int,
        channels: int = 1,
        bins: int = 540,
        frames: int = 50,
        context: int = 7,
        bins_per_semitone: int = 5,
        capacity: int = 64,
        octave_filters: int | None = None,
        harmonics: Harmonics = Harmonics(1, 5),  # noqa: B008 -- frozen
        layer_harmonics: Harmonics = FUNDAMENTAL,
    ) -> None:
        octave_filters = max(2, capacity // 8) if octave_filters is None else octave_filters
        check_positive(width=width, channels=channels, capacity=capacity, octave_filters=octave_filters)
        before = channels * harmonics.copies
        layers: list[nn.Module] = [tf_batch_norm_2d(before)]
        for filters, kernel in (
            (2 * capacity, (5, 5)),
            (capacity, (5, 5)),
            (capacity, (3, 3)),
            (capacity, (3, 3)),
            (octave_filters, (3, 70)),
        ):
            layers += [self.convolution(before, filters, kernel), nn.ReLU(), tf_batch_norm_2d(filters)]
            layers.append(HarmonicStacking(layer_harmonics, bins_per_semitone, width, width))
            before = filters * layer_harmonics.copies
        layers.append(self.convolution(before, 1, (1, 1)))
        sequence = nn.Sequential(*layers)
        super().__init__(
            width,
            channels=channels,
            bins=bins,
            frames=frames,
            context=context,
            bins_per_semitone=bins_per_semitone,
            harmonics=harmonics,
            layers=sequence,
        )

    @staticmethod
    def convolution(before: int, after: int, kernel: tuple[int, int]) -> SameConv2d:
        """A convolution with a bias."""
        return SameConv2d(before, after, kernel)


class DeepSalienceWithoutBiases(DeepSalience):
    """`bittner_batchnorm`, the replication's first: the same layers, all without a bias.

    The number of parameters is that of DeepSalience less `5 c + o + 1`: 405 924.
    """

    @override
    @staticmethod
    def convolution(before: int, after: int, kernel: tuple[int, int]) -> SameConv2d:
        return SameConv2d(before, after, kernel, bias=False)


class SalienceBlock(ABC):
    """A block of ResidualSalience: a convolution with its normalisation, activation and dropout.

    Args:
        dropout: probability that an output is dropped.
    """

    def __init__(self, dropout: float = 0.25) -> None:
        self.dropout = dropout

    @abstractmethod
    def layers(self, before: int, after: int, kernel: tuple[int, int]) -> list[nn.Module]:
        """Modules in order, from `(batch, before, frames, bins)` to `(batch, after, frames, bins)`."""


class NormBeforeConvolution(SalienceBlock):
    """Batch normalisation, convolution, ReLU, dropout: `cqt_resid`, `cqt_voicing_residual_batchnorm`."""

    @override
    def layers(self, before: int, after: int, kernel: tuple[int, int]) -> list[nn.Module]:
        convolution = SameConv2d(before, after, kernel, bias=False)
        return [tf_batch_norm_2d(before), convolution, nn.ReLU(), nn.Dropout(self.dropout)]


class NormAfterConvolution(SalienceBlock):
    """Convolution, batch normalisation, ReLU, dropout: `spectrogram_replicate`."""

    @override
    def layers(self, before: int, after: int, kernel: tuple[int, int]) -> list[nn.Module]:
        convolution = SameConv2d(before, after, kernel, bias=False)
        return [convolution, tf_batch_norm_2d(after), nn.ReLU(), nn.Dropout(self.dropout)]


class ResidualSalience(ConvolutionalSalience):
    """Deep salience whose last convolution reads the normalised sum of the outputs of all blocks.

    The defaults are those of `cqt_resid_dropout`, except that its context is 10 frames; the receptive field is 7.
    Its relatives are

    - `cqt_resid`: without dropout, 10 frames;
    - `cqt_voicing_residual_batchnorm`: kernels (5, 5), (5, 5), (9, 3), (9, 3), (5, 70), a last one of (10, 1), 14
      frames of context (the receptive field is 18 before and 19 after) and TemporalVoicingHead;
    - `spectrogram_replicate`: the same with NormAfterConvolution, with or without the head.

    The number of parameters is the sum of taps × input channels × output channels over all convolutions, two for each
    normalised channel, the sum included, and those of the head. All other arguments are those of ConvolutionalSalience.

    Args:
        filters: of each block.
        kernels: frames and bins of the convolution of each block.
        last_kernel: of the convolution after the sum.
        block: the layers of a block; None: NormBeforeConvolution.
        harmonics: stacked copies of the spectrogram; by default itself alone, for a harmonic constant-Q transform.

    Raises:
        ValueError: a size is not positive, or the context is negative.
    """

    def __init__(
        self,
        width: int,
        channels: int = 6,
        bins: int = 360,
        frames: int = 20,
        context: int = 7,
        bins_per_semitone: int = 5,
        filters: int = 64,
        kernels: Sequence[tuple[int, int]] = ((5, 5), (5, 5), (3, 3), (3, 3), (3, 70)),
        last_kernel: tuple[int, int] = (1, 1),
        block: SalienceBlock | None = None,
        harmonics: Harmonics = FUNDAMENTAL,
        voicing: VoicingHead | None = None,
    ) -> None:
        check_positive(width=width, channels=channels, filters=filters, kernels=len(kernels))
        block = block or NormBeforeConvolution()
        blocks = [block.layers(channels * harmonics.copies, filters, kernels[0])]
        blocks += [block.layers(filters, filters, kernel) for kernel in kernels[1:]]
        layers = nn.Sequential(
            SumOfOutputs(nn.Sequential(*modules) for modules in blocks),
            tf_batch_norm_2d(filters),
            SameConv2d(filters, 1, last_kernel, bias=False),
        )
        super().__init__(
            width,
            channels=channels,
            bins=bins,
            frames=frames,
            context=context,
            bins_per_semitone=bins_per_semitone,
            harmonics=harmonics,
            layers=layers,
            voicing=voicing,
        )


class SumOfOutputs(nn.ModuleList):
    """Modules in series; the sum of the outputs `(batch, channels, frames, bins)` of all of them."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        outputs = []
        for module in self:
            input = module(input)
            outputs.append(input)
        return reduce(torch.add, outputs)
