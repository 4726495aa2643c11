"""The constant-Q transforms of `prepare`, on the device, for recordings that were not prepared.

They are those of librosa in the decibels in which shards hold them, so that what a network learned from the one holds
for the other; see `filter_banks` for how.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from architectures.front_ends.filter_banks import Channel, FilterBanks
from architectures.layers import check_positive

C1 = 32.70319566257483  # Hz


class SpectrogramTransform(nn.Module):
    """Spectrograms of whole recordings, as `prepare` stores them beside their audio.

    Attributes:
        rate: samples per second.
        hop: samples between frames.
        channels: of the spectrogram.
        bins: of each channel.
        bins_per_octave: bins in an octave.
    """

    rate: int
    hop: int
    channels: int
    bins: int
    bins_per_octave: int

    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor:
        """The spectrograms.

        Args:
            audio: `(batch, samples)` float, of any full scale.

        Returns:
            `(batch, channels, frames, bins)`, 0 to 1, silence 0; frame t is centred on sample t * hop, and there are
            all frames whose centre exists, `ceil(samples / hop)`.

        Raises:
            ValueError: there are no samples.
        """


class ConstantQTransform(SpectrogramTransform):
    """`datamodules.ConstantQ` on the device: decibels of constant-Q transforms, one channel for each filter scale.

    Of the values above -80 dB of the maximum, those of librosa 0.11 differ by 0.001 dB on average and by 0.05 dB at
    most, on noise, sweeps, tones and recordings, at any hop. Where the highest bin is more than two octaves below half
    of the rate, librosa may decimate by four at once, which differs near loud beginnings and ends: 0.5 dB at most.

    Gradients reach the audio, except where a value is clamped to 0. There is nothing to learn, and nothing in the
    state dict.

    Args:
        rate: samples per second.
        hop: samples between frames, any number.
        minimum: Hz, centre of the lowest bin.
        bins_per_octave: bins in an octave.
        octaves: how many.
        filter_scales: one channel each; below 1 there is less resolution in frequency and more in time.
        top_dbs: dB below its own maximum at which each channel reaches 0.

    Raises:
        ValueError: a size is not positive, there is not one of `top_dbs` for each of `filter_scales`, or the highest
            bin with its bandwidth is beyond what the rate holds.
    """

    def __init__(
        self,
        rate: int,
        hop: int,
        minimum: float = C1,
        bins_per_octave: int = 60,
        octaves: int = 9,
        filter_scales: Sequence[float] = (1.0,),
        top_dbs: Sequence[float] = (80.0,),
    ) -> None:
        super().__init__()
        if len(filter_scales) != len(top_dbs) or not filter_scales:
            raise ValueError(f"top_dbs: {len(top_dbs)} values for {len(filter_scales)} filter_scales")
        self.rate, self.hop, self.top_dbs = rate, hop, list(top_dbs)
        self.channels, self.bins, self.bins_per_octave = len(filter_scales), bins_per_octave * octaves, bins_per_octave
        self.filters = FilterBanks(
            rate, hop, bins_per_octave, octaves, [Channel(minimum, scale) for scale in filter_scales]
        )

    def forward(self, audio: Tensor) -> Tensor:
        """See SpectrogramTransform; decibels are relative to each channel's maximum."""
        chunks = self.filters(audio)
        loudest = torch.stack([chunk.amax(dim=(2, 3), keepdim=True) for chunk in chunks]).amax(dim=0)
        top_db = torch.tensor(self.top_dbs, device=loudest.device, dtype=loudest.dtype)[:, None, None]
        return _decibels(chunks, loudest, top_db)[:, :, : -(-audio.shape[-1] // self.hop)]


class HarmonicConstantQTransform(SpectrogramTransform):
    """`datamodules.HarmonicConstantQ` on the device: one channel for each multiple of the lowest bin's frequency.

    Decibels are relative to the maximum over all channels. Tolerance, gradients and state are those of
    ConstantQTransform.

    Args:
        rate: samples per second.
        hop: samples between frames, any number.
        minimum: Hz, centre of the lowest bin of harmonic 1.
        bins_per_octave: bins in an octave.
        octaves: how many.
        harmonics: one channel each.
        top_db: dB below the maximum at which values reach 0.

    Raises:
        ValueError: a size is not positive, there is no harmonic, or the highest bin with its bandwidth is beyond what
            the rate holds.
    """

    def __init__(
        self,
        rate: int,
        hop: int,
        minimum: float = C1,
        bins_per_octave: int = 60,
        octaves: int = 6,
        harmonics: Sequence[float] = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
        top_db: float = 80.0,
    ) -> None:
        super().__init__()
        check_positive(harmonics=len(harmonics))
        self.rate, self.hop, self.top_db = rate, hop, top_db
        self.channels, self.bins, self.bins_per_octave = len(harmonics), bins_per_octave * octaves, bins_per_octave
        self.filters = FilterBanks(
            rate, hop, bins_per_octave, octaves, [Channel(minimum * harmonic, 1.0) for harmonic in harmonics]
        )

    def forward(self, audio: Tensor) -> Tensor:
        """See SpectrogramTransform; decibels are relative to the maximum over all channels."""
        chunks = self.filters(audio)
        loudest = torch.stack([chunk.amax(dim=(1, 2, 3), keepdim=True) for chunk in chunks]).amax(dim=0)
        top_db = torch.full_like(loudest, self.top_db)
        return _decibels(chunks, loudest, top_db)[:, :, : -(-audio.shape[-1] // self.hop)]


def _decibels(chunks: list[Tensor], loudest: Tensor, top_db: Tensor) -> Tensor:
    """20 log10 of the ratio to `loudest`, mapped from -top_db ... 0 to 0 ... 1, of chunks of frames side by side."""
    # Where all is silent every ratio is 0. Clamped before the logarithm, so that no gradient is infinite.
    loudest = torch.where(loudest > 0, loudest, 1)
    least = 10 ** (-top_db / 20)
    return torch.cat(
        [(1 + 20 / top_db * torch.log10(torch.maximum(chunk / loudest, least))).clamp(0, 1) for chunk in chunks], dim=2
    )
