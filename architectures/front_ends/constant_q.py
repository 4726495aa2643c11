"""The constant-Q transforms of `prepare`, computed on the device for recordings that were not prepared.

They are librosa's, in the decibels that shards hold, so that a network trained on shards works on them;
`filter_banks` computes their magnitudes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.front_ends.filter_bank_stream import FilterBankStream
from architectures.front_ends.filter_banks import Channel, FilterBanks
from architectures.layers import check_positive

C1 = 32.70319566257483  # Hz; `prepare` has the same default, but datamodules and architectures import nothing mutually
HELD = 8  # chunks of magnitudes: 5 minutes at the usual hop


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

    @override
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

    @abstractmethod
    def of_recording(self, read: Callable[[], Iterable[Tensor]]) -> Iterator[Tensor]:
        """What `forward` gives for one recording, in runs of frames, without holding all of a long one.

        Args:
            read: reads the recording from its beginning, as often as it is called: blocks `(samples,)`.

        Yields:
            `(channels, frames, bins)`.

        Raises:
            ValueError: there are no samples.
        """


class _DecibelTransform(SpectrogramTransform):
    """Decibels of several constant-Q transforms with the same number of bins, one channel each.

    Args:
        rate: samples per second.
        hop: samples between frames.
        bins_per_octave: bins in an octave.
        octaves: how many.
        channels: the transforms.
        top_dbs: dB below the maximum at which values reach 0, of each channel or of all of them.
        of_all_channels: whether the maximum is that of all channels, or each channel's own.
    """

    def __init__(
        self,
        rate: int,
        hop: int,
        bins_per_octave: int,
        octaves: int,
        channels: list[Channel],
        top_dbs: Sequence[float],
        of_all_channels: bool,
    ) -> None:
        super().__init__()
        self.rate, self.hop, self.top_dbs = rate, hop, list(top_dbs)
        self.channels, self.bins, self.bins_per_octave = len(channels), bins_per_octave * octaves, bins_per_octave
        self.filters = FilterBanks(rate, hop, bins_per_octave, octaves, channels)
        self._axes = (-3, -2, -1) if of_all_channels else (-2, -1)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        chunks = self.filters(audio)  # frames side by side
        loudest = torch.stack([self._loudest(chunk) for chunk in chunks]).amax(dim=0)
        scaled = [self._scaled(chunk, loudest) for chunk in chunks]
        return torch.cat(scaled, dim=2)[:, :, : -(-audio.shape[-1] // self.hop)]

    @override
    def of_recording(self, read: Callable[[], Iterable[Tensor]]) -> Iterator[Tensor]:
        # The maximum is known behind the last frame: a recording that is too long to be held is transformed twice.
        loudest: Tensor | None = None
        held: list[Tensor] = []
        stream = FilterBankStream(self.filters)
        for number, chunk in enumerate(_chunks(stream, read())):
            own = self._loudest(chunk)
            loudest = own if loudest is None else torch.maximum(loudest, own)
            held = [*held, chunk] if number == len(held) and number < HELD else []
        check_positive(samples=stream.samples)
        assert loudest is not None
        left = -(-stream.samples // self.hop)
        for chunk in held or _chunks(FilterBankStream(self.filters), read()):
            yield self._scaled(chunk, loudest)[:, :left]
            left -= min(left, chunk.shape[1])

    def _loudest(self, magnitudes: Tensor) -> Tensor:
        """Of each channel or of all, with three axes of which each has one or as many values as there are channels."""
        return magnitudes.amax(dim=self._axes, keepdim=True)

    def _scaled(self, magnitudes: Tensor, loudest: Tensor) -> Tensor:
        top_db = torch.tensor(self.top_dbs, device=loudest.device, dtype=loudest.dtype)[:, None, None]
        # Where all is silent every ratio is 0. Clamped before the logarithm, so that no gradient is infinite.
        loudest, least = torch.where(loudest > 0, loudest, 1), 10 ** (-top_db / 20)
        return (1 + 20 / top_db * torch.log10(torch.maximum(magnitudes / loudest, least))).clamp(0, 1)


class ConstantQTransform(_DecibelTransform):
    """`datamodules.ConstantQ` on the device: one channel for each filter scale, relative to the channel's maximum.

    Of the values above -80 dB of the maximum, those of librosa 0.11 differ by 0.001 dB on average and by 0.05 dB at
    most, on noise, sweeps, tones and recordings, at any hop. Where the highest bin is more than two octaves below half
    of the rate, librosa may decimate by four at once. It then differs near loud beginnings and ends, by 0.5 dB at most.

    Gradients reach the audio, except where a value is clamped to 0. Nothing is learned, and nothing is in the state
    dict.

    Args:
        rate: samples per second.
        hop: samples between frames, any number.
        minimum: Hz, centre of the lowest bin.
        bins_per_octave: bins in an octave.
        octaves: how many.
        filter_scales: one channel each; below 1 the resolution is lower in frequency and higher in time.
        top_dbs: dB below its own maximum at which each channel reaches 0.

    Raises:
        ValueError: a size is not positive, `top_dbs` and `filter_scales` differ in number, or the highest bin with its
            bandwidth lies above half of the rate.
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
        if len(filter_scales) != len(top_dbs) or not filter_scales:
            raise ValueError(f"top_dbs: {len(top_dbs)} values for {len(filter_scales)} filter_scales")
        channels = [Channel(minimum, scale) for scale in filter_scales]
        super().__init__(rate, hop, bins_per_octave, octaves, channels, top_dbs, of_all_channels=False)


class HarmonicConstantQTransform(_DecibelTransform):
    """`datamodules.HarmonicConstantQ` on the device: one channel for each harmonic, relative to the maximum of all.

    Tolerance, gradients, state and all other arguments are those of ConstantQTransform.

    Args:
        minimum: Hz, centre of the lowest bin of harmonic 1.
        harmonics: multiples of `minimum`, one channel each.
        top_db: dB below the maximum at which values reach 0.

    Raises:
        ValueError: a size is not positive, there is no harmonic, or the highest bin with its bandwidth lies above half
            of the rate.
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
        check_positive(harmonics=len(harmonics))
        channels = [Channel(minimum * harmonic, 1.0) for harmonic in harmonics]
        super().__init__(rate, hop, bins_per_octave, octaves, channels, [top_db], of_all_channels=True)


def _chunks(stream: FilterBankStream, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
    for block in blocks:
        yield from stream.push(block)
    yield from stream.finish()
