"""Pitch without learning, from the autocorrelation or from the spectrum, and both as features for a perceptron.

The autocorrelation is the inverse Fourier transform of the power spectrum (Wiener-Khinchin), so both hold the same
information. The trackers differ in where they look for a peak: at the lag of one period, or at the frequency itself.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", Proc. Institute of Phonetic Sciences 17, Amsterdam, 1993 (autocorrelation over that of the window; octave cost).
D. J. Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988 (sum of harmonics).
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.base import FrameNetwork
from architectures.layers import WindowFeatures, check_positive, standardise_windows

OVERSAMPLING = 8  # of the autocorrelation in time and the spectrum in frequency, before interpolation


def power_spectrum(signal: Tensor, size: int) -> Tensor:
    """The squared magnitude of the Fourier transform, `(..., samples)` to `(..., size // 2 + 1)`.

    Args:
        signal: real.
        size: length of the transform; the signal is padded with zeros.
    """
    power: Tensor = torch.fft.rfft(signal, size).abs().square()
    return power


def autocorrelation(signal: Tensor, oversampling: int = 1) -> Tensor:
    """The sum of products of the signal with itself at each lag, as the inverse transform of its power spectrum.

    Args:
        signal: `(..., samples)`, real; 0 beyond its ends.
        oversampling: lags per sample; between samples the result is that of the band-limited signal.

    Returns:
        `(..., samples * oversampling)`, for lags from 0.
    """
    samples = signal.shape[-1]
    # Twice the length, so that the ends of the signal do not meet.
    spectrum = power_spectrum(signal, 2 * samples)
    products: Tensor = torch.fft.irfft(spectrum, 2 * samples * oversampling) * oversampling
    return products[..., : samples * oversampling]


class _PitchRule(FrameNetwork):
    """A rule that gives every bin of a pitch grid a strength of 0 to 1. There are no parameters.

    The strength of a bin is the maximum within half a bin of it, so that no peak is lost between the bins. The logits
    are those whose sigmoid is the strength, clipped to 1e-6 and 1 - 1e-6 (±13.8). Autocorrelation describes the
    arguments.
    """

    frames = 1
    taper: Tensor

    def __init__(self, width: int, window: int, lowest_note: float, bins_per_semitone: int, rate: int) -> None:
        super().__init__()
        check_positive(width=width, window=window, bins_per_semitone=bins_per_semitone, rate=rate)
        self.window, self.width = window, width
        self.lowest_note, self.bins_per_semitone, self.rate = lowest_note, bins_per_semitone, rate
        highest = self.frequency(width - 1)
        if highest >= rate / 2:
            raise ValueError(f"width: the highest bin is at {highest:.0f} Hz, not below half the rate of {rate} Hz")
        self.register_buffer("taper", torch.hann_window(window), persistent=False)

    def frequency(self, bin: float) -> float:
        """Hz of a bin, which may be fractional."""
        return 440 * 2 ** ((self.lowest_note + bin / self.bins_per_semitone - 69) / 12)

    def frequencies(self, points: int) -> Tensor:
        """Hz at so many points of each bin, equally spaced in semitones, `(width, points)`; with 1, its centre."""
        bins = torch.arange(self.width)[:, None] + (torch.arange(points) + 0.5) / points - 0.5
        return 440 * torch.exp2((self.lowest_note + bins / self.bins_per_semitone - 69) / 12)

    def points(self, longest: float) -> int:
        """Points of a bin at position `longest` that are at most half a position apart; odd, to include its centre."""
        return math.ceil(2 * longest * (2 ** (1 / (12 * self.bins_per_semitone)) - 1)) // 2 * 2 + 1

    @abstractmethod
    def strengths(self, audio: Tensor) -> Tensor:
        """`(batch, window)`, float, each of mean 0, to `(batch, width)`, 0 to 1."""

    @override
    def forward(self, audio: Tensor) -> Tensor:
        audio = audio.float()
        return torch.logit(self.strengths(audio - audio.mean(dim=-1, keepdim=True)), eps=1e-6).unsqueeze(1)


class Autocorrelation(_PitchRule):
    """The strength of a bin is the autocorrelation at its period, less a cost for every octave below the last bin.

    The window is tapered (Hann). Its autocorrelation is divided by its energy and by the autocorrelation of the taper.
    It counts only from its first zero on, because at lags near 0 any signal resembles itself.

    Args:
        width: bins of the pitch grid.
        window: samples of one excerpt, at least two periods of the lowest note.
        lowest_note: MIDI note of bin 0; 24 is 32.7 Hz.
        bins_per_semitone: resolution.
        rate: samples per second.
        octave_cost: decides between one period and two, which resemble each other as much.

    Raises:
        ValueError: a size is not positive, the window is too short or the highest bin not below half the rate.
    """

    lag_taper: Tensor
    cost: Tensor

    def __init__(
        self,
        width: int,
        window: int = 1024,
        lowest_note: float = 24.0,
        bins_per_semitone: int = 5,
        rate: int = 16000,
        octave_cost: float = 0.03,
    ) -> None:
        super().__init__(width, window, lowest_note, bins_per_semitone, rate)
        longest = rate / self.frequency(0)
        if 2 * longest > window:
            raise ValueError(
                f"window: {window} samples are less than two periods of the lowest note; "
                f"use at least {math.ceil(2 * longest)}"
            )
        periods = rate / self.frequencies(self.points(longest)) * OVERSAMPLING
        # No lag above the longest period is read; the autocorrelation of the taper falls to 0 at the window's length.
        self.lags = math.ceil(rate / self.frequency(-0.5) * OVERSAMPLING) + 2
        self.at_periods = ParabolicInterpolation(periods, self.lags)
        lag_taper = autocorrelation(self.taper, OVERSAMPLING)[: self.lags]
        self.register_buffer("lag_taper", lag_taper / lag_taper[0], persistent=False)
        octaves_below_last = torch.arange(width - 1, -1, -1) / (12 * bins_per_semitone)
        self.register_buffer("cost", octave_cost * octaves_below_last, persistent=False)

    @override
    def strengths(self, audio: Tensor) -> Tensor:
        products = autocorrelation(audio * self.taper, OVERSAMPLING)
        energy = products[:, :1].clamp_min(torch.finfo(products.dtype).tiny)
        correlation = products[:, : self.lags] / energy / self.lag_taper
        behind_first_zero = (correlation < 0).cummax(dim=-1).values
        strengths: Tensor = self.at_periods(correlation * behind_first_zero).amax(dim=-1) - self.cost
        return strengths.clamp(0, 1)


class SpectralPeak(_PitchRule):
    """The strength of a bin is the magnitude of the spectrum at its frequency, or a sum over its harmonics.

    The window is tapered (Hann). A magnitude is the square root of the share of the window's power that a sinusoid of
    this frequency explains, so that a pure tone has 1. Harmonics weigh 1, decay, decay², ... Their sum is divided by
    its greatest possible value, the root of the sum of the squared weights. Harmonics from half the rate on count as 0.
    A window may have any length; the arguments but the last two are those of Autocorrelation.

    Args:
        harmonics: how many are summed, the fundamental included; 1: the plain peak.
        decay: weight of a harmonic relative to the one below it.

    Raises:
        ValueError: a size is not positive or the highest bin not below half the rate.
    """

    weights: Tensor

    def __init__(
        self,
        width: int,
        window: int = 1024,
        lowest_note: float = 24.0,
        bins_per_semitone: int = 5,
        rate: int = 16000,
        harmonics: int = 1,
        decay: float = 0.84,
    ) -> None:
        super().__init__(width, window, lowest_note, bins_per_semitone, rate)
        check_positive(harmonics=harmonics)
        if not decay > 0:
            raise ValueError(f"decay: {decay} is not greater than 0")
        numbers = torch.arange(1, harmonics + 1)[:, None, None]
        frequencies = numbers * self.frequencies(self.points(window / 2))
        weights = decay ** (numbers - 1.0)
        weights = weights / weights.square().sum().sqrt() * (frequencies < rate / 2)
        positions = frequencies.clamp(max=rate / 2) * (window * OVERSAMPLING / rate)
        self.at_harmonics = ParabolicInterpolation(positions, window * OVERSAMPLING // 2 + 1)
        self.register_buffer("weights", weights, persistent=False)

    @override
    def strengths(self, audio: Tensor) -> Tensor:
        power = power_spectrum(audio * self.taper, self.window * OVERSAMPLING)
        total = self.taper.sum() * (self.taper * audio.square()).sum(dim=-1, keepdim=True)
        share = 2 * power / total.clamp_min(torch.finfo(power.dtype).tiny)
        # Clipped before the root, whose gradient at 0 is infinite.
        magnitudes: Tensor = self.at_harmonics(share.clamp(1e-12, 1).sqrt())
        return (magnitudes * self.weights).sum(dim=1).amax(dim=-1).clamp(0, 1)


class ParabolicInterpolation(nn.Module):
    """Interpolates a sequence of values on the parabola through the three nearest: `(batch, length)` to `(batch, ...)`.

    Args:
        positions: `(...)`, fractional, from 0.
        length: of the sequence.
    """

    nearest: Tensor
    weights: Tensor

    def __init__(self, positions: Tensor, length: int) -> None:
        super().__init__()
        nearest = positions.round().clamp(1, length - 2)
        offset = positions - nearest
        weights = torch.stack([offset * (offset - 1) / 2, 1 - offset.square(), offset * (offset + 1) / 2])
        self.register_buffer("nearest", nearest.long(), persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    @override
    def forward(self, values: Tensor) -> Tensor:
        left, middle, right = (values[:, self.nearest + step] for step in (-1, 0, 1))
        result: Tensor = left * self.weights[0] + middle * self.weights[1] + right * self.weights[2]
        return result


class MagnitudeSpectrum(WindowFeatures):
    """The magnitude of the spectrum of the standardised window, tapered (Hann), from 0 to half the rate.

    It is scaled to be of the order of 1 in noise.
    """

    @override
    def size(self, window: int) -> int:
        return window // 2 + 1

    @override
    def forward(self, audio: Tensor) -> Tensor:
        magnitudes: Tensor = torch.fft.rfft(_tapered(audio), norm="ortho").abs()
        return magnitudes


class AutocorrelationSequence(WindowFeatures):
    """The autocorrelation of the standardised window, tapered (Hann), over its number of samples; lags from 0."""

    @override
    def size(self, window: int) -> int:
        return window

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return autocorrelation(_tapered(audio)) / audio.shape[-1]


def _tapered(audio: Tensor) -> Tensor:
    audio = audio.float()
    return standardise_windows(audio) * torch.hann_window(audio.shape[-1], device=audio.device)
