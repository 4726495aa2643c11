"""Mel spectrograms of clips of fixed length, and what is made of their power.

Whole clips alone are meant: the whole padded signal counts as the clip, its zeros included, as in the systems that are
repeated here. Clips must therefore be equally long, which `data.seconds` sees to; a clip's features then do not depend
on the rest of the batch.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional

from architectures.base import FrontEnd, Sequences
from architectures.layers import check_positive, same_padding

TINY = 1e-20  # of power; its root is 1e-10, far below one bit of 16


class Compression(nn.Module):
    """What a network is shown of the power in mel bands, of each clip by itself."""

    @abstractmethod
    def forward(self, power: Tensor) -> Tensor:
        """`(batch, frames, bins)` power, at least 0, to the same shape."""


class Power(Compression):
    """The power as it is."""

    def forward(self, power: Tensor) -> Tensor:
        """The same."""
        return power


class Amplitude(Compression):
    """The root of the power, an amplitude; Kapre's `power_melgram=1.0`."""

    def forward(self, power: Tensor) -> Tensor:
        """At least 1e-10, so that it has a gradient in silence."""
        return power.clamp(min=TINY).sqrt()


class LogPower(Compression):
    """The natural logarithm of the power and a little more.

    Args:
        offset: added to the power; greater than 0.

    Raises:
        ValueError: it is not.
    """

    def __init__(self, offset: float = 1e-4) -> None:
        super().__init__()
        if not offset > 0:
            raise ValueError(f"offset: {offset} is not positive")
        self.offset = offset

    def forward(self, power: Tensor) -> Tensor:
        """`log(power + offset)`."""
        return (power + self.offset).log()


class Decibels(Compression):
    """`10 log10` of the amplitude, which is the root of the power, below the clip's own maximum.

    Kapre subtracts the maximum of the batch, by which the features of a clip depend on the others.

    Args:
        floor: least value, in decibels below 0.

    Raises:
        ValueError: the floor is not negative.
    """

    def __init__(self, floor: float = -80.0) -> None:
        super().__init__()
        if not floor < 0:
            raise ValueError(f"floor: {floor} dB is not below the maximum, which is 0 dB")
        self.floor = floor

    def forward(self, power: Tensor) -> Tensor:
        """From the floor to 0."""
        decibels = 5 * power.clamp(min=TINY).log10()
        return (decibels - decibels.amax((1, 2), keepdim=True)).clamp(min=self.floor)


class Standardised(Compression):
    """Another compression, less its mean over the clip's frames and bins, over their standard deviation.

    Args:
        compression: the other one.
    """

    def __init__(self, compression: Compression) -> None:
        super().__init__()
        self.compression = compression

    def forward(self, power: Tensor) -> Tensor:
        """Of mean 0 and, unless it is constant, variance 1."""
        values: Tensor = self.compression(power)
        variance, mean = torch.var_mean(values, (1, 2), correction=0, keepdim=True)
        return (values - mean) * variance.clamp(min=TINY).rsqrt()


class MelSpectrogram(FrontEnd):
    """Mel bands of the power spectrum of Hann windows (periodic); for clips of equal length, see the module.

    Args:
        rate: samples per second.
        bins: mel bands.
        n_fft: samples of a frame and of its Fourier transform.
        hop: samples between frames.
        window: samples of the Hann window in the middle of a frame; None: `n_fft`.
        low: lower edge of the lowest band, in Hz.
        high: upper edge of the highest band, in Hz; None: half of `filterbank_rate`.
        scale: formula of the mel scale.
        norm: `slaney` divides each band by its width in Hz, None leaves its peak at 1.
        filterbank_rate: samples per second that the bands are computed for; None: `rate`. Another one shifts the bands:
            a band meant for f Hz stands at `f * rate / filterbank_rate`.
        compression: what is made of the power.

    Raises:
        ValueError: an argument is out of range; the message names it.
    """

    rate: int
    fft_window: Tensor
    filter_bank: Tensor

    def __init__(
        self,
        rate: int,
        bins: int,
        n_fft: int,
        hop: int,
        window: int | None,
        low: float,
        high: float | None,
        scale: Literal["htk", "slaney"],
        norm: Literal["slaney"] | None,
        filterbank_rate: int | None,
        compression: Compression,
    ) -> None:
        super().__init__()
        filterbank_rate, window = filterbank_rate or rate, n_fft if window is None else window
        high = filterbank_rate / 2 if high is None else high
        check_positive(rate=rate, bins=bins, n_fft=n_fft, hop=hop, window=window, filterbank_rate=filterbank_rate)
        if window > n_fft:
            raise ValueError(f"window: {window} samples are more than the frame has (n_fft: {n_fft})")
        if not 0 <= low < high <= filterbank_rate / 2:
            raise ValueError(f"low, high: {low:g} to {high:g} Hz is not a range from 0 to {filterbank_rate / 2:g} Hz")
        self.rate, self.bins, self.n_fft, self.hop, self.window = rate, bins, n_fft, hop, window
        self.compression = compression
        self.register_buffer("fft_window", torch.hann_window(window), persistent=False)
        bank = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, low, high, bins, filterbank_rate, norm, scale)
        self.register_buffer("filter_bank", bank, persistent=False)

    def extra_repr(self) -> str:
        """Rate and sizes."""
        return f"{self.rate} Hz, bins={self.bins}, n_fft={self.n_fft}, hop={self.hop}, window={self.window}"

    @abstractmethod
    def pad(self, signal: Tensor) -> Tensor:
        """`(batch, samples)` with what the first and last frames read beyond both ends."""

    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """Features of whole clips.

        Args:
            signal: `(batch, samples)` float, full scale at 1.
            lengths: `(batch,)`; not read, for all clips count as long as the longest.

        Returns:
            `(batch, frames(samples), bins)` float32; all frames belong to each clip.
        """
        # Powers span more than half precision holds.
        with torch.autocast(signal.device.type, enabled=False):
            spectrum = torch.stft(
                self.pad(signal.float()), self.n_fft, self.hop, self.window, self.fft_window, False, return_complex=True
            )
            power = spectrum.real.square() + spectrum.imag.square()
            values: Tensor = self.compression(power.transpose(1, 2) @ self.filter_bank)
        return Sequences(values, torch.full_like(lengths, values.shape[1]))


class SlaneyMelSpectrogram(MelSpectrogram):
    """Bands of equal area on Slaney's mel scale, `ceil(samples / hop)` frames over zeros at both ends: Kapre's.

    Equals Kapre 0.1 with `padding='same'` and librosa's filters. For 5 s at 16 kHz and 512 samples, 192 zeros stand on
    both sides with a hop of 256 samples (313 frames), 216 with a hop of 360 (223 frames). Many bands from a short
    frame leave some of them empty: 23 of 223 bands up to 5.5 kHz from 512 samples; use `n_fft: 2048` with `window: 512`
    or fewer bands.

    Args:
        rate: samples per second.
        bins: mel bands.
        n_fft: samples of a frame and of its Fourier transform.
        hop: samples between frames.
        window: samples of the Hann window in the middle of a frame; None: `n_fft`.
        low: lower edge of the lowest band, in Hz.
        high: upper edge of the highest band, in Hz; None: half of `rate`.
        compression: what is made of the power; None: Amplitude, as published.

    Raises:
        ValueError: an argument is out of range; the message names it.
    """

    def __init__(
        self,
        rate: int = 16000,
        bins: int = 32,
        n_fft: int = 512,
        hop: int = 256,
        window: int | None = None,
        low: float = 0.0,
        high: float | None = None,
        compression: Compression | None = None,
    ) -> None:
        super().__init__(
            rate, bins, n_fft, hop, window, low, high, "slaney", "slaney", None, compression or Amplitude()
        )

    def frames(self, samples: int) -> int:
        """`ceil(samples / hop)`."""
        return -(-samples // self.hop)

    def pad(self, signal: Tensor) -> Tensor:
        """Zeros, TensorFlow's 'same'."""
        return functional.pad(signal, same_padding(signal.shape[1], self.n_fft, self.hop))


class HTKMelSpectrogram(MelSpectrogram):
    """Bands of equal peaks on HTK's mel scale, `samples // hop + 1` frames over a clip mirrored at both ends.

    Equals `torchaudio.transforms.MelSpectrogram`, whose defaults these are but for the compression. At 16 kHz
    4 of the 128 bands are empty, for 400 samples tell no frequencies apart that are less than 40 Hz from each other.

    Args:
        rate: samples per second.
        bins: mel bands.
        n_fft: samples of a frame and of its Fourier transform.
        hop: samples between frames.
        window: samples of the Hann window in the middle of a frame; None: `n_fft`.
        low: lower edge of the lowest band, in Hz.
        high: upper edge of the highest band, in Hz; None: half of `filterbank_rate`.
        filterbank_rate: samples per second that the bands are computed for; None: `rate`. The published keyword
            networks "at 8 kHz" read audio of 16 kHz through bands for 8 kHz: `rate: 16000, filterbank_rate: 8000`.
        compression: what is made of the power; None: LogPower. Most published networks read the power itself: Power.

    Raises:
        ValueError: an argument is out of range; the message names it.
    """

    def __init__(
        self,
        rate: int = 16000,
        bins: int = 128,
        n_fft: int = 400,
        hop: int = 200,
        window: int | None = None,
        low: float = 0.0,
        high: float | None = None,
        filterbank_rate: int | None = None,
        compression: Compression | None = None,
    ) -> None:
        super().__init__(
            rate, bins, n_fft, hop, window, low, high, "htk", None, filterbank_rate, compression or LogPower()
        )

    def frames(self, samples: int) -> int:
        """`samples // hop + 1`."""
        return samples // self.hop + 1

    def pad(self, signal: Tensor) -> Tensor:
        """The clip mirrored at its first and last sample.

        Raises:
            ValueError: it is too short for that.
        """
        if signal.shape[1] <= self.n_fft // 2:
            raise ValueError(
                f"signal: {signal.shape[1]} samples, but {self.n_fft // 2 + 1} are needed to mirror them; "
                "set data.seconds to the length of the clips"
            )
        return functional.pad(signal, (self.n_fft // 2, self.n_fft // 2), mode="reflect")
