"""Pitch without learning, from the autocorrelation or from the spectrum, and both as features for a perceptron.

The autocorrelation is the inverse Fourier transform of the power spectrum (Wiener-Khinchin), so the two hold the same
information; what differs is where the trackers look for a peak: at the lag of one period, or at the frequency itself.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", Proc. Institute of Phonetic Sciences 17, Amsterdam, 1993 (autocorrelation over that of the window; octave cost).
D. J. Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988 (sum of harmonics).
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from architectures.base import FrameNetwork
from architectures.layers import WindowFeatures, check_positive, standardise_windows

OVERSAMPLING = 8  # of what is interpolated: the autocorrelation in time, the spectrum in frequency


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
        signal: `(..., samples)`, real, taken to be 0 beyond its ends.
        oversampling: lags per sample; between samples the result is that of the band-limited signal.

    Returns:
        `(..., samples * oversampling)`, for lags from 0.
    """
    samples = signal.shape[-1]
    # Twice the length, so that the ends of the signal do not meet.
    spectrum = power_spectrum(signal, 2 * samples)
    products: Tensor = torch.fft.irfft(spectrum, 2 * samples * oversampling) * oversampling
    return products[..., : samples * oversampling]


class _Tracker(FrameNetwork):
    """A rule that gives every bin of a pitch grid a strength of 0 to 1.

    The strength of a bin is the greatest within half a bin of it, so that no peak is lost between the bins. The logits
    are those whose sigmoid is the strength, cut off at 1e-6 and 1 - 1e-6 (±13.8). There are no parameters.
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
        """Hz of a bin, which may have a fraction."""
        return 440 * 2 ** ((self.lowest_note + bin / self.bins_per_semitone - 69) / 12)

    def frequencies(self, points: int) -> Tensor:
        """Hz at so many points of each bin, evenly over its semitones, `(width, points)`; with 1, its middle."""
        bins = torch.arange(self.width)[:, None] + (torch.arange(points) + 0.5) / points - 0.5
        return 440 * torch.exp2((self.lowest_note + bins / self.bins_per_semitone - 69) / 12)

    def points(self, longest: float) -> int:
        """How many are at most half a place apart in a bin so many places from 0; odd, to hold its middle."""
        return math.ceil(2 * longest * (2 ** (1 / (12 * self.bins_per_semitone)) - 1)) // 2 * 2 + 1

    @abstractmethod
    def strengths(self, audio: Tensor) -> Tensor:
        """`(batch, window)`, float, each of mean 0, to `(batch, width)`, 0 to 1."""

    def forward(self, audio: Tensor) -> Tensor:
        """Logits `(batch, 1, width)` of excerpts `(batch, window)`, float, full scale at 1."""
        audio = audio.float()
        return torch.logit(self.strengths(audio - audio.mean(dim=-1, keepdim=True)), eps=1e-6).unsqueeze(1)


class Autocorrelation(_Tracker):
    """The strength of a bin is the autocorrelation at its period, less a cost for every octave below the last bin.

    The window is tapered (Hann); its autocorrelation is divided by its energy and by the autocorrelation of the taper,
    and counts only behind its first zero, since lags near 0 resemble the signal whatever its pitch.

    Args:
        width: bins of the pitch grid.
        window: samples of one excerpt, at least two periods of the lowest note.
        lowest_note: MIDI note of bin 0; 24 is 32.7 Hz.
        bins_per_semitone: resolution.
        rate: samples per second.
        octave_cost: two periods resemble each other as much as one does; this decides between them.

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
        places = rate / self.frequencies(self.points(longest)) * OVERSAMPLING
        # Beyond the longest period nothing is read; the taper's own autocorrelation falls to 0 at the window's length.
        self.lags = math.ceil(rate / self.frequency(-0.5) * OVERSAMPLING) + 2
        self.at_periods = ParabolicInterpolation(places, self.lags)
        lag_taper = autocorrelation(self.taper, OVERSAMPLING)[: self.lags]
        self.register_buffer("lag_taper", lag_taper / lag_taper[0], persistent=False)
        octaves_below_last = torch.arange(width - 1, -1, -1) / (12 * bins_per_semitone)
        self.register_buffer("cost", octave_cost * octaves_below_last, persistent=False)

    def strengths(self, audio: Tensor) -> Tensor:
        """See _Tracker."""
        products = autocorrelation(audio * self.taper, OVERSAMPLING)
        energy = products[:, :1].clamp_min(torch.finfo(products.dtype).tiny)
        correlation = products[:, : self.lags] / energy / self.lag_taper
        behind_first_zero = (correlation < 0).cummax(dim=-1).values
        strengths: Tensor = self.at_periods(correlation * behind_first_zero).amax(dim=-1) - self.cost
        return strengths.clamp(0, 1)


class SpectralPeak(_Tracker):
    """The strength of a bin is the magnitude of the spectrum at its frequency, or a sum over its harmonics.

    The window is tapered (Hann). A magnitude is the root of the share of the window's power that a sinusoid of this
    frequency explains, so that a pure tone has 1. Harmonics weigh 1, decay, decay², ...; the sum is divided by the
    greatest that is possible, the root of the sum of the squared weights. Those at or above half the rate count as 0.

    Args:
        width: bins of the pitch grid.
        window: samples of one excerpt.
        lowest_note: MIDI note of bin 0; 24 is 32.7 Hz.
        bins_per_semitone: resolution.
        rate: samples per second.
        harmonics: how many are summed, with the fundamental; 1: the plain peak.
        decay: weight of each in relation to the one below.

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
        places = frequencies.clamp(max=rate / 2) * (window * OVERSAMPLING / rate)
        self.at_harmonics = ParabolicInterpolation(places, window * OVERSAMPLING // 2 + 1)
        self.register_buffer("weights", weights, persistent=False)

    def strengths(self, audio: Tensor) -> Tensor:
        """See _Tracker."""
        power = power_spectrum(audio * self.taper, self.window * OVERSAMPLING)
        whole = self.taper.sum() * (self.taper * audio.square()).sum(dim=-1, keepdim=True)
        share = 2 * power / whole.clamp_min(torch.finfo(power.dtype).tiny)
        # Cut off before the root, whose gradient at 0 is infinite.
        magnitudes: Tensor = self.at_harmonics(share.clamp(1e-12, 1).sqrt())
        return (magnitudes * self.weights).sum(dim=1).amax(dim=-1).clamp(0, 1)


class ParabolicInterpolation(nn.Module):
    """Reads a row of values between its places, on the parabola through the three nearest.

    Args:
        positions: `(...)`, places with a fraction, from 0.
        places: length of a row.
    """

    nearest: Tensor
    weights: Tensor

    def __init__(self, positions: Tensor, places: int) -> None:
        super().__init__()
        nearest = positions.round().clamp(1, places - 2)
        offset = positions - nearest
        weights = torch.stack([offset * (offset - 1) / 2, 1 - offset.square(), offset * (offset + 1) / 2])
        self.register_buffer("nearest", nearest.long(), persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, places)` to `(batch, ...)`."""
        left, middle, right = (values[:, self.nearest + step] for step in (-1, 0, 1))
        result: Tensor = left * self.weights[0] + middle * self.weights[1] + right * self.weights[2]
        return result


class MagnitudeSpectrum(WindowFeatures):
    """The magnitude of the Fourier transform of the standardised window, tapered (Hann)."""

    def size(self, window: int) -> int:
        """Frequencies from 0 to half the rate."""
        return window // 2 + 1

    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, window)` to `(batch, window // 2 + 1)`, scaled to be of the order of 1 in noise."""
        magnitudes: Tensor = torch.fft.rfft(_tapered(audio), norm="ortho").abs()
        return magnitudes


class AutocorrelationSequence(WindowFeatures):
    """The autocorrelation of the standardised window, tapered (Hann), over its number of samples."""

    def size(self, window: int) -> int:
        """As many lags as samples."""
        return window

    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, window)` to `(batch, window)`, for lags from 0."""
        return autocorrelation(_tapered(audio)) / audio.shape[-1]


def _tapered(audio: Tensor) -> Tensor:
    audio = audio.float()
    return standardise_windows(audio) * torch.hann_window(audio.shape[-1], device=audio.device)
