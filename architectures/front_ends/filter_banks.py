"""Magnitudes of constant-Q transforms, as librosa computes them.

librosa computes them octave by octave, each from the signal decimated by two, as products of filters and short-time
spectra (C. Schörkhuber and A. Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010). So does this
module. Its filters have the same length, window and norm, their spectra lack the same small values, and the decimation
has the same response.

Where the hop is odd, librosa decimates no further, and its lowest filters have 65 536 samples and more. Here the
short-time spectra of overlapping frames share their parts, which makes such a hop as fast as any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import check_positive

# Bins of a spectrum: librosa's equivalent noise bandwidth. datamodules, which may not be imported, has it as well.
HANN_BANDWIDTH = 1.50018310546875
DROPPED = 0.01  # share of a filter's spectrum: the smallest values, whose magnitudes add up to less, become 0
# A sinc under a Kaiser window with the response of soxr's "HQ", which librosa decimates with: it passes 0.91 of the
# halved rate's band and attenuates the rest by 125 dB. The cutoff is in halves of the rate, the length in samples.
CUTOFF, HALF_LENGTH, KAISER_BETA = 0.478436, 194.5, 13.0402
BLOCK = 1 << 14  # samples that are decimated at once
CHUNK = 1 << 12  # frames that are transformed at once


# `(batch, samples)` of a signal that is halved so many times, from one sample to before another; 0 beyond its ends.
Excerpt = Callable[[int, int, int], Tensor]


class Channel(NamedTuple):
    """One constant-Q transform.

    Attributes:
        minimum: Hz, centre of the lowest bin.
        scale: factor of the filters' lengths.
    """

    minimum: float
    scale: float


class FilterBanks(nn.Module):
    """Magnitudes of several constant-Q transforms with the same number of bins.

    Takes `(batch, samples)` and gives `(batch, channels, frames, bins)` for each chunk of the `1 + samples // hop`
    frames that librosa has, all of which count for the maximum. Recordings that come block by block take a
    `filter_bank_stream.FilterBankStream`.
    """

    def __init__(self, rate: int, hop: int, bins_per_octave: int, octaves: int, channels: Sequence[Channel]) -> None:
        super().__init__()
        check_positive(rate=rate, hop=hop, bins_per_octave=bins_per_octave, octaves=octaves)
        self.hop = hop
        self.halving = Halving()
        self.banks = nn.ModuleList(Bank(rate, hop, bins_per_octave, octaves, channel) for channel in channels)
        self.levels = max(bank.levels for bank in cast(list[Bank], list(self.banks)))

    @override
    def forward(self, audio: Tensor) -> list[Tensor]:
        check_positive(samples=audio.shape[-1])
        with exactly(audio.device):
            signals = [audio.to(self.halving.response.dtype)]
            for _ in range(self.levels):
                signals.append(self.halving(signals[-1]))
            frames = 1 + audio.shape[-1] // self.hop

            def excerpt(level: int, first: int, after: int) -> Tensor:
                return functional.pad(signals[level], (-first, after - signals[level].shape[-1]))

            chunks = [(start, min(start + CHUNK, frames)) for start in range(0, frames, CHUNK)]
            return [self.magnitudes(excerpt, start, stop) for start, stop in chunks]

    def magnitudes(self, excerpt: Excerpt, start: int, stop: int) -> Tensor:
        """`(batch, channels, frames, bins)` of the frames from `start` to before `stop`."""
        return torch.stack([bank(excerpt, start, stop) for bank in self.banks], dim=1)

    def reach(self, level: int, start: int, stop: int) -> tuple[int, int]:
        """Samples at a level that these frames need, from the first to before the last; without any, `(0, 0)`."""
        octaves = (octave for bank in cast(list[Bank], list(self.banks)) for octave in bank.of_level(level))
        reaches = [octave.reach(start, stop) for octave in octaves]
        return min((first for first, _ in reaches), default=0), max((after for _, after in reaches), default=0)


class Halving(nn.Module):
    """Halves the rate of signals without aliases, in the frequency domain and block by block.

    Takes `(batch, samples)` and gives `(batch, ceil(samples / 2))`; sample m of the output is at sample 2 m.
    """

    response: Tensor
    margin = 2 * math.ceil(HALF_LENGTH / 2)  # samples on each side of a block that its filtered samples depend on

    def __init__(self) -> None:
        super().__init__()
        place = torch.arange(-self.margin, self.margin + 1, dtype=torch.float64)
        window = torch.special.i0(KAISER_BETA * (1 - (place / HALF_LENGTH) ** 2).clamp(min=0).sqrt())
        filter = torch.sinc(CUTOFF * place) * window * (place.abs() <= HALF_LENGTH)
        size = BLOCK + 2 * self.margin
        centred = filter.new_zeros(size).index_add(0, place.long() % size, filter / filter.sum())
        # Nothing is left above half of the band once it is filtered: the spectrum is truncated, not folded.
        response = torch.fft.rfft(centred).real[: size // 4 + 1] / 2
        self.register_buffer("response", response.float(), persistent=False)

    @override
    def forward(self, signal: Tensor) -> Tensor:
        samples = signal.shape[-1]
        padded = functional.pad(signal, (self.margin, -samples % BLOCK + self.margin))
        return self.of_blocks(padded)[:, : -(-samples // 2)]

    def of_blocks(self, padded: Tensor) -> Tensor:
        """`(batch, samples / 2)` of blocks of BLOCK samples with a margin before the first and behind the last."""
        size, margin = BLOCK + 2 * self.margin, self.margin // 2
        spectra = torch.fft.rfft(padded.unfold(-1, size, BLOCK))[..., : len(self.response)]
        filtered: Tensor = torch.fft.irfft(spectra * self.response, size // 2)
        return filtered[..., margin:-margin].flatten(1)


class Bank(nn.Module):
    """The filters of one transform at the rates that librosa decimates to.

    Takes excerpts of signals that are halved 0, 1, ... times and a range of frames; gives magnitudes
    `(batch, frames, bins)`.

    librosa halves the rate for every further octave while the hop is even. For the highest octave it halves the rate as
    often as loses nothing and leaves enough factors of two of the hop to the lower octaves.

    Attributes:
        levels: how many times the signal is halved for the lowest octave.
    """

    def __init__(self, rate: int, hop: int, bins_per_octave: int, octaves: int, channel: Channel) -> None:
        super().__init__()
        place = torch.arange(octaves * bins_per_octave, dtype=torch.float64)
        frequencies = channel.minimum * 2 ** (place / bins_per_octave)
        step = 2 ** (2 / bins_per_octave)
        quality = channel.scale * (step + 1) / (step - 1)
        cutoff = float(frequencies[-1]) * (1 + HANN_BANDWIDTH / 2 / quality)
        if cutoff > rate / 2:
            raise ValueError(
                f"octaves: the highest bin of {octaves} above {channel.minimum:.1f} Hz reaches {cutoff:.0f} Hz, beyond "
                f"half of the rate, {rate} Hz"
            )
        twos = (hop & -hop).bit_length() - 1
        highest = min(max(0, math.ceil(math.log2(rate / 2 / cutoff)) - 2), max(0, twos - octaves + 1))
        levels = [min(highest + above, twos) for above in reversed(range(octaves))]
        self.levels = levels[0]
        self.octaves = nn.ModuleList(
            Octave(_spectra(octave, rate / 2**level, quality, rate), level, hop >> level)
            for octave, level in zip(frequencies.view(octaves, bins_per_octave), levels, strict=True)
        )

    @override
    def forward(self, excerpt: Excerpt, start: int, stop: int) -> Tensor:
        octaves = cast(list[Octave], list(self.octaves))
        return torch.cat([octave(excerpt(octave.level, *octave.reach(start, stop))) for octave in octaves], dim=2)

    def of_level(self, level: int) -> list[Octave]:
        """The octaves whose signal is halved so many times."""
        return [octave for octave in cast(list[Octave], list(self.octaves)) if octave.level == level]


class Octave(nn.Module):
    """The filters of one octave, applied to the bins of a frame's spectrum from the first to the last one in use.

    Takes the excerpt `(batch, samples)` of a decimated signal that frames reach; gives their magnitudes
    `(batch, frames, filters)`.

    Frames overlap, so that each block of `hop` samples is transformed once. The spectrum of a frame is the sum over its
    whole blocks, a difference of two running sums, plus the spectrum of the partial block at its end.

    Args:
        spectra: `(filters, bins)` complex128, of frames of `2 * (bins - 1)` samples.
        level: how many times the signal is halved.
        hop: decimated samples between frames.
    """

    roots: Tensor
    basis: Tensor
    kernel: Tensor
    bins: Tensor

    def __init__(self, spectra: Tensor, level: int, hop: int) -> None:
        super().__init__()
        self.level, self.hop, self.samples = level, hop, 2 * (spectra.shape[1] - 1)
        self.blocks, self.rest = divmod(self.samples, hop)
        used = spectra.abs().amax(dim=0).nonzero()
        bins = torch.arange(int(used[0]), int(used[-1]) + 1)
        angle = torch.arange(self.samples, dtype=torch.float64) * (-2 * math.pi / self.samples)
        roots = torch.polar(torch.ones_like(angle), angle)
        basis = roots[torch.arange(min(hop, self.samples))[:, None] * bins % self.samples]
        # Pairs of real numbers follow the module to another precision; complex ones would lose their second half.
        self.register_buffer("roots", torch.view_as_real(roots).float(), persistent=False)
        self.register_buffer("basis", torch.view_as_real(basis).flatten(1).float(), persistent=False)
        self.register_buffer("kernel", torch.view_as_real(spectra[:, bins].T.contiguous()).float(), persistent=False)
        self.register_buffer("bins", bins, persistent=False)

    def reach(self, start: int, stop: int) -> tuple[int, int]:
        """The decimated samples of the frames from `start` to before `stop`: the first, and the one behind the last."""
        return start * self.hop - self.samples // 2, (stop + self.blocks) * self.hop - self.samples // 2

    @override
    def forward(self, excerpt: Tensor) -> Tensor:
        blocks = excerpt.reshape(len(excerpt), -1, self.hop)
        count = blocks.shape[1] - self.blocks
        places = torch.arange(blocks.shape[1], device=excerpt.device)[:, None] * self.hop
        turns = torch.view_as_complex(self.roots)[places * self.bins % self.samples]
        # In double precision, because a frame may be far quieter than the sum of those before it.
        sums = (self._transformed(blocks) * turns).cumsum(1, dtype=torch.complex128)
        sums = functional.pad(sums, (0, 0, 1, 0))
        frames = slice(self.blocks, self.blocks + count)
        whole = (sums[:, frames] - sums[:, :count]).to(turns.dtype) * turns[:count].conj()
        last = self._transformed(blocks[:, frames, : self.rest]) * turns[self.blocks]
        return ((whole + last) @ torch.view_as_complex(self.kernel)).abs()

    def _transformed(self, blocks: Tensor) -> Tensor:
        """Spectra of blocks `(batch, blocks, samples)` that begin a frame, at the bins in use."""
        rows = min(blocks.shape[-1], len(self.basis))
        return torch.view_as_complex((blocks[..., :rows] @ self.basis[:rows]).reshape(*blocks.shape[:2], -1, 2))


def _spectra(frequencies: Tensor, rate: float, quality: float, full_rate: int) -> Tensor:
    """Spectra of filters, zero-padded to one length; their product with a frame's spectrum is the transform.

    Args:
        frequencies: `(filters,)` float64, Hz, ascending.
        rate: samples per second of the frame.
        quality: a filter's length in periods.
        full_rate: samples per second of the undecimated signal, for the norm.

    Returns:
        `(filters, samples / 2 + 1)` complex128.
    """
    lengths = (quality * rate / frequencies).tolist()
    samples = 1 << math.ceil(math.log2(max(lengths)))
    spectra = []
    for length, frequency in zip(lengths, frequencies.tolist(), strict=True):
        place = torch.arange(math.floor(-length / 2), math.floor(length / 2), dtype=torch.float64)
        window = torch.hann_window(len(place), dtype=torch.float64)
        wave = torch.polar(window / window.sum(), 2 * math.pi * frequency / rate * place)
        before = (samples - len(place)) // 2
        spectrum = torch.fft.fft(functional.pad(wave, (before, samples - len(place) - before)))[: samples // 2 + 1]
        norm = math.sqrt(quality * full_rate / frequency) / samples
        spectra.append(_without_smallest(spectrum) * norm)
    return torch.stack(spectra)


def _without_smallest(spectrum: Tensor) -> Tensor:
    """With the smallest values set to 0, as many as together have less than DROPPED of the sum of magnitudes."""
    magnitudes = spectrum.abs()
    ascending = magnitudes.sort().values
    least = ascending[int((ascending.cumsum(0) < DROPPED * ascending.sum()).sum())]
    return torch.where(magnitudes >= least, spectrum, 0)


@contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Products in all bits of float32: the ten bits of TF32, or autocast, would leave errors at -60 dB."""
    setting = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.backends.cuda.matmul.fp32_precision = setting
