"""The base of networks that turn a spectrogram into a salience of the same bins by 'same' convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from architectures.base import FrameOutput, SpectrogramNetwork
from architectures.layers import check_positive
from architectures.spectrogram.context import ContextWindow
from architectures.spectrogram.harmonics import Harmonics, HarmonicStacking
from architectures.spectrogram.voicing_heads import VoicingHead


class ConvolutionalSalience(SpectrogramNetwork):
    """Harmonic stacking, then convolutions to one channel: the logits.

    Bin 0 of the spectrogram stands for bin 0 of the pitch grid, and both have the same bins per semitone. An excerpt
    may be longer than `window`: all frames but the context have logits. A spectrogram with other channels or bins, or
    with nothing but context, raises a ValueError.

    Args:
        width: logits per frame, the bins of the pitch grid.
        channels: of the spectrogram.
        bins: of each channel; those above `width` serve as harmonics of lower ones.
        frames: label frames of one excerpt.
        context: label frames on each side of those. If it is smaller than the receptive field, convolutions read zeros
            beyond the window, and the salience fades at its borders.
        bins_per_semitone: of spectrogram and grid.
        harmonics: stacked copies of the spectrogram.
        layers: from `(batch, copies * channels, any frames, width)` to `(batch, 1, the same frames, width)`.
        voicing: a second output, whether the frame is voiced; None: there is none.

    Raises:
        ValueError: a size is not positive, or the context is negative.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        bins: int,
        frames: int,
        context: int,
        bins_per_semitone: int,
        harmonics: Harmonics,
        layers: nn.Module,
        voicing: VoicingHead | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width)
        self.width, self.channels, self.bins, self.frames, self.context = width, channels, bins, frames, context
        self.bins_per_semitone = bins_per_semitone
        self.stacking = HarmonicStacking(harmonics, bins_per_semitone, bins, width)
        self.layers = layers
        self.voicing = None if voicing is None else voicing.branch(channels * harmonics.copies, width)
        self.excerpt = ContextWindow(channels, bins, frames, context, self)
        self.window = self.excerpt.length

    @override
    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        stacked = self.stacking(self.excerpt.trim(spectrogram))
        salience = self.layers(stacked)
        pitch = self.excerpt.crop(salience.squeeze(1))
        if self.voicing is None:
            return pitch
        return FrameOutput(pitch, self.excerpt.crop(self.voicing(salience, stacked)))
