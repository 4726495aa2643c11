"""What networks have in common that turn a spectrogram into a salience of the same bins by 'same' convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from architectures.base import FrameOutput, SpectrogramNetwork
from architectures.layers import check_positive
from architectures.spectrogram.context import ContextWindow
from architectures.spectrogram.harmonics import Harmonics, HarmonicStacking
from architectures.spectrogram.voicing_heads import VoicingHead


class ConvolutionalSalience(SpectrogramNetwork):
    """Stacks harmonics, and lets layers of convolutions make one channel of what is stacked: the logits.

    Bin 0 of the spectrogram stands for bin 0 of the pitch grid, and they have the same bins per semitone. The window
    may be longer than `window`: there are logits for all frames but the context.

    Args:
        width: logits per frame, the bins of the pitch grid.
        channels: of the spectrogram.
        bins: of each channel; those above `width` serve as harmonics of lower ones.
        frames: label frames of one excerpt.
        context: label frames on each side of those. With fewer than `context.reach(network)` the
            convolutions read zeros beyond the window, and the salience fades at its borders.
        bins_per_semitone: of spectrogram and grid.
        harmonics: what the spectrogram is stacked with.
        layers: from `(batch, copies * channels, any frames, width)` to `(batch, 1, the same frames, width)`.
        voicing: makes a second output, whether the frame is voiced; None: there is none.

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
        voicing: VoicingHead | None,
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

    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        """Logits `(batch, frames, width)`, with a head `(batch, frames)` for voicing beside them.

        Args:
            spectrogram: `(batch, channels, frames + 2 * context, bins)` float, 0 to 1.

        Raises:
            ValueError: the spectrogram has other channels or bins, or nothing but context.
        """
        stacked = self.stacking(self.excerpt.trim(spectrogram))
        salience = self.layers(stacked)
        pitch = self.excerpt.crop(salience.squeeze(1))
        if self.voicing is None:
            return pitch
        return FrameOutput(pitch, self.excerpt.crop(self.voicing(salience, stacked)))
