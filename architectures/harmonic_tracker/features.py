"""What speaks for each f0: harmonic spectra and correlations on one logarithmic axis of f0.

Harmonic stacking on a logarithmic frequency axis follows R. M. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello,
"Deep Salience Representations for F0 Estimation in Polyphonic Music", ISMIR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from architectures.layers import hold_ends, running_mean

RATE, HOP = 16000, 160
LONG, SHORT = 2048, 640  # samples: 128 ms resolve the harmonics of low voices, 40 ms follow fast ones
LONG_TRANSFORM, SHORT_TRANSFORM = 4096, 2048
LONG_HARMONICS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)  # 0.5 and 1.5 tell a pitch from its octaves
SHORT_HARMONICS = (1.0, 2.0, 3.0, 4.0, 5.0)
PULSE, FARTHEST = 256, 540  # samples: a stretch of 16 ms is compared with those up to 34 ms (30 Hz) away
PULSE_TRANSFORM = 1536  # at least PULSE + 2 * FARTHEST: nothing wraps around
STEP = 64  # frames of a batch whose spectra are in a processor's cache at a time
BANDS = 16


class HarmonicFeatures(nn.Module):
    """What speaks for each f0, from two spectra and their correlations, relative to the loudness around.

    Takes `(batch, samples)` float and `(batch, frames)` mean squares; frame t is centred on sample
    `LONG // 2 + t * HOP`. Gives `(batch, channels, frames, bins)`, and `(batch, summaries, frames)` of whole frames.

    The channels are the logarithmic power of a long and of a short spectrum at multiples of the f0; the autocorrelation
    of both at its period; the normalised correlation of the 16 ms about the frame with those a period later or earlier,
    the greater and the smaller one; and the place on the axis. All are alike for audio played backwards.

    Args:
        frequencies: Hz, of the bins.

    Attributes:
        channels: of the bins.
        summaries: levels of a frame: of both spectra, and of bands of the short one.
    """

    channels = len(LONG_HARMONICS) + len(SHORT_HARMONICS) + 5
    summaries = 2 + BANDS
    period_gain: Tensor
    place: Tensor
    bands: Tensor

    def __init__(self, frequencies: NDArray[np.float64]) -> None:
        super().__init__()
        self.width = bins = len(frequencies)
        # Tables are NumPy's, which computes them also where torch makes networks without memory.
        windows = {name: _hann(size) for name, size in (("long", LONG), ("short", SHORT))}
        for name, window in windows.items():
            scaled = torch.tensor(2 * window / window.sum(), dtype=torch.float32)
            self.register_buffer(f"{name}_window", scaled, persistent=False)
        self._register_places("long", _harmonics(frequencies, LONG_HARMONICS, LONG_TRANSFORM))
        self._register_places("short", _harmonics(frequencies, SHORT_HARMONICS, SHORT_TRANSFORM))
        period = RATE / frequencies
        self._register_places("period", period)
        self._register_places("later", FARTHEST + period)
        self._register_places("earlier", FARTHEST - period)
        gain = _autocorrelation_gain(windows["short"], period)
        self.register_buffer("period_gain", torch.tensor(gain, dtype=torch.float32), persistent=False)
        self.register_buffer("place", torch.tensor(np.linspace(-1, 1, bins), dtype=torch.float32), persistent=False)
        self.register_buffer("bands", torch.tensor(_bands(), dtype=torch.float32), persistent=False)

    def _register_places(self, name: str, places: NDArray[np.float64]) -> None:
        """Where values are read by linear interpolation; a place below 0 is beyond the end, and reads 0."""
        inside = places >= 0
        whole = np.floor(np.where(inside, places, 0)).astype(np.int64)
        weights = np.stack([inside * (1 - (places - whole)), inside * (places - whole)])
        self.register_buffer(f"{name}_places", torch.tensor(whole), persistent=False)
        self.register_buffer(f"{name}_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def _read(self, values: Tensor, name: str) -> Tensor:
        """`(values, frames)` at places: `(places, frames)`."""
        places, weights = getattr(self, f"{name}_places"), getattr(self, f"{name}_weights")
        here, next_one = values.index_select(0, places), values.index_select(0, places + 1)
        return here.mul_(weights[0, :, None]).addcmul_(next_one, weights[1, :, None])

    @override
    def forward(self, audio: Tensor, level: Tensor, before: int = 0, after: int = 0) -> tuple[Tensor, Tensor]:
        """The features; the first and the last frame are given `before` and `after` times more."""
        if torch.compiler.is_compiling():  # a graph for any number of frames has no loop over them
            features, summaries = self._of_frames(audio, level)
            return hold_ends(features, 1, before, after).permute(0, 3, 1, 2), hold_ends(summaries, 2, before, after)
        batch, frames = level.shape
        whole = before + frames + after
        features = audio.new_empty(batch, whole, self.width, self.channels)  # channels last in memory
        summaries = audio.new_empty(batch, self.summaries, whole)
        step = max(1, STEP // batch) if audio.device.type == "cpu" else frames
        for begin in range(0, frames, step):
            end = min(begin + step, frames)
            stretch = audio[:, begin * HOP : (end - 1) * HOP + LONG]
            here = slice(before + begin, before + end)
            features[:, here], summaries[:, :, here] = self._of_frames(stretch, level[:, begin:end])
        for held, frame in ((slice(before), before), (slice(whole - after, whole), before + frames - 1)):
            features[:, held], summaries[:, :, held] = features[:, frame, None], summaries[:, :, frame, None]
        return features.permute(0, 3, 1, 2), summaries

    def _of_frames(self, audio: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Features `(batch, frames, bins, channels)` and summaries `(batch, summaries, frames)`."""
        batch, frames = level.shape
        # All frames of the batch are the last axis from here on, so that places on the axis of f0 are rows.
        inverse = level.rsqrt()[:, :, None]
        long_power, short_power = (
            self._power(audio, name, size, transform, inverse)
            for name, size, transform in (("long", LONG, LONG_TRANSFORM), ("short", SHORT, SHORT_TRANSFORM))
        )
        # The magnitude's transform, whose peaks are the sharper; that of the power is the autocorrelation.
        sharp = torch.fft.irfft((long_power + 1e-10).sqrt_(), LONG_TRANSFORM)[:, : FARTHEST + 2]
        plain = torch.fft.irfft(short_power, SHORT_TRANSFORM)[:, : FARTHEST + 2]
        sharp, plain = (each / (each[:, :1] + 1e-6) for each in (sharp, plain))
        pulses = self._pulse_correlation(audio, inverse)
        later, earlier = self._read(pulses, "later"), self._read(pulses, "earlier")
        features = torch.cat(
            [
                self._read(_decibels(long_power).t().contiguous(), "long"),
                self._read(_decibels(short_power).t().contiguous(), "short"),
                3 * self._read(sharp.t().contiguous(), "period"),
                self._read(plain.t().contiguous(), "period") * self.period_gain[:, None],
                torch.maximum(later, earlier),  # one of them is high at the beginning and at the end of a voice
                torch.minimum(later, earlier),
                self.place[:, None].expand(-1, batch * frames),
            ]
        )
        levels = [long_power.sum(1, keepdim=True), short_power.sum(1, keepdim=True), short_power @ self.bands]
        summaries = _decibels(torch.cat(levels, dim=1)).view(batch, frames, -1).transpose(1, 2)
        return features.view(self.channels, -1, batch, frames).permute(2, 3, 1, 0), summaries

    def _power(self, audio: Tensor, name: str, size: int, transform: int, inverse: Tensor) -> Tensor:
        """Power spectra `(batch * frames, frequencies)`; a sine as loud as the surroundings has about 1."""
        frames = _frames(audio, size) * getattr(self, f"{name}_window")
        spectrum = torch.fft.rfft(frames.mul_(inverse).flatten(0, 1), transform)
        power: Tensor = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        return power

    def _pulse_correlation(self, audio: Tensor, inverse: Tensor) -> Tensor:
        """Normalised correlation of the middle of a frame with what lies up to FARTHEST samples about it.

        `(2 * FARTHEST + 2, batch * frames)`; a floor in the denominator keeps that of silence near 0.
        """
        size = PULSE + 2 * FARTHEST
        frames = (_frames(audio, size) * inverse).flatten(0, 1)
        middle = frames[:, FARTHEST : FARTHEST + PULSE]
        spectrum = torch.fft.rfft(frames, PULSE_TRANSFORM) * torch.fft.rfft(middle, PULSE_TRANSFORM).conj()
        # One more, so that the place of the lowest pitch has a next one.
        correlation: Tensor = torch.fft.irfft(spectrum, PULSE_TRANSFORM)[:, : 2 * FARTHEST + 2]
        energy = PULSE * running_mean(audio.square(), PULSE)[:, (LONG - size) // 2 :]
        energy = (energy.unfold(1, 2 * FARTHEST + 2, HOP)[:, : inverse.shape[1]] * inverse.square()).flatten(0, 1)
        scale = torch.sqrt(energy * energy[:, FARTHEST : FARTHEST + 1] + 1e-12) + 0.02
        return (correlation / scale).t().contiguous()


def _frames(audio: Tensor, size: int) -> Tensor:
    """A view `(batch, frames, size)` of `(batch, samples)`; frames of all sizes have the centres of those of LONG."""
    offset = (LONG - size) // 2
    return audio[:, offset : audio.shape[1] - offset].unfold(1, size, HOP)


def _decibels(power: Tensor) -> Tensor:
    """From about -1 at 80 dB below the surroundings to 2."""
    return (power + 1e-8).log10_().mul_(0.4).add_(2.2)


def _hann(size: int) -> NDArray[np.float64]:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float64)


def _harmonics(frequencies: NDArray[np.float64], multiples: Sequence[float], transform: int) -> NDArray[np.float64]:
    """Places of the multiples in a spectrum `(multiples * bins,)`; -1 beyond half the rate."""
    places = np.outer(multiples, frequencies).ravel() * transform / RATE
    return np.where(places < transform // 2, places, -1.0)


def _autocorrelation_gain(window: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """What undoes the window in an autocorrelation at these lags, samples; 0 where too little of it overlaps."""
    own = np.correlate(window, window, "full")[len(window) - 1 :]
    own = np.interp(lags, np.arange(len(own)), own / own[0])
    return np.where(own > 0.04, 1 / np.maximum(own, 0.04), 0.0)


def _bands() -> NDArray[np.float64]:
    """`(frequencies, bands)` of the short spectrum: means over bands of equal ratio from 100 Hz to 8 kHz."""
    edges = np.geomspace(100, RATE / 2, BANDS + 1)
    frequencies = np.arange(SHORT_TRANSFORM // 2 + 1) * RATE / SHORT_TRANSFORM
    inside = (frequencies[:, None] >= edges[:-1]) & (frequencies[:, None] < edges[1:])
    return np.asarray(inside / inside.sum(axis=0), np.float64)
