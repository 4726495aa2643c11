"""HCNN: small convolutions that span octaves, because the output of each is stacked with its harmonics.

The thesis' network of the melody-extraction replication that the catalogue follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import nn
from typing_extensions import override

from architectures.layers import Concatenation, Residual, SameConv2d, check_positive
from architectures.spectrogram.harmonics import Harmonics, HarmonicStacking
from architectures.spectrogram.salience import ConvolutionalSalience
from architectures.spectrogram.voicing_heads import VoicingHead


class Connection(ABC):
    """A connection from the input of a block to its output."""

    @abstractmethod
    def channels(self, before: int, after: int) -> int:
        """Channels of the output with the connection, for a block from `before` to `after` channels."""

    @abstractmethod
    def around(self, block: nn.Module) -> nn.Module:
        """The block with the connection."""


class AddedInput(Connection):
    """The input is added to the output (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016)."""

    @override
    def channels(self, before: int, after: int) -> int:
        return after

    @override
    def around(self, block: nn.Module) -> nn.Module:
        return Residual(block)


class ConcatenatedInput(Connection):
    """Output and input are concatenated (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017)."""

    @override
    def channels(self, before: int, after: int) -> int:
        return before + after

    @override
    def around(self, block: nn.Module) -> nn.Module:
        return Concatenation([block, nn.Identity()])


class HCNN(ConvolutionalSalience):
    """Blocks of convolution, ReLU, harmonic stacking and dropout; all but the first have a residual connection.

    The defaults are the thesis' network without context ("noctx"): every frame by itself. The one with context has 16
    filters, 4 blocks with `kernels: [1, 3, 3, 3]` and `dilations: [1, 2, 4, 8]`, `layer_harmonics` of 1 and 2, the 16
    harmonics of 3 channels, and 10 frames with 14 of context, its receptive field (published: 12).

    The number of parameters is `f (3 k1 C + 1) + Σ f (3 k S f + 1) + S f + 1`, where f is the number of filters, C the
    channels of the stacked spectrogram, S the copies of `layer_harmonics`, and the sum is over the blocks from the
    second; 27 857 by default. All other arguments are those of ConvolutionalSalience.

    Args:
        filters: of each block.
        kernels: taps along the frames, one number for each block.
        dilations: frames between these taps, one number for each block; None: 1 each.
        kernel_bins: taps along the bins, of all blocks.
        last_kernel: frames and bins of the last convolution.
        layer_harmonics: stacked copies of the output of each block.
        normalisation: after the stacking, for a number of channels, such as `architectures.layers.tf_batch_norm_2d`; in
            the thesis there is none.
        dropout: probability that a value is dropped after the stacking.
        connection: of each block but the first; None: AddedInput.

    Raises:
        ValueError: a size is not positive, the context is negative, or there are not as many dilations as kernels.
    """

    def __init__(
        self,
        width: int,
        channels: int = 1,
        bins: int = 540,
        frames: int = 1,
        context: int = 0,
        bins_per_semitone: int = 5,
        filters: int = 16,
        kernels: Sequence[int] = (1,) * 8,
        dilations: Sequence[int] | None = None,
        kernel_bins: int = 3,
        last_kernel: tuple[int, int] = (1, 1),
        harmonics: Harmonics = Harmonics(8, 8),  # noqa: B008 -- frozen
        layer_harmonics: Harmonics = Harmonics(2, 3),  # noqa: B008 -- frozen
        normalisation: Callable[[int], nn.Module] = nn.Identity,
        dropout: float = 0.3,
        connection: Connection | None = None,
        voicing: VoicingHead | None = None,
    ) -> None:
        check_positive(width=width, channels=channels, filters=filters, kernels=len(kernels))
        dilations = [1] * len(kernels) if dilations is None else dilations
        if len(dilations) != len(kernels):
            raise ValueError(f"dilations: {len(dilations)} numbers, but there are {len(kernels)} kernels")
        connection = connection or AddedInput()
        stacked = filters * layer_harmonics.copies
        before = channels * harmonics.copies
        layers: list[nn.Module] = []
        for kernel, dilation in zip(kernels, dilations, strict=True):
            block = nn.Sequential(
                SameConv2d(before, filters, (kernel, kernel_bins), dilation=(dilation, 1)),
                nn.ReLU(),
                HarmonicStacking(layer_harmonics, bins_per_semitone, width, width),
                normalisation(stacked),
                nn.Dropout(dropout),
            )
            layers.append(connection.around(block) if layers else block)
            before = connection.channels(before, stacked) if len(layers) > 1 else stacked
        sequence = nn.Sequential(*layers, SameConv2d(before, 1, last_kernel))
        super().__init__(
            width,
            channels=channels,
            bins=bins,
            frames=frames,
            context=context,
            bins_per_semitone=bins_per_semitone,
            harmonics=harmonics,
            layers=sequence,
            voicing=voicing,
        )
