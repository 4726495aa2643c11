"""Mel spectrograms of clips of equal length.

As in the systems that are repeated here, the padding of a clip counts as part of it. All clips must therefore have one
length, which `data.seconds` sees to. The features of a clip then do not depend on the rest of the batch.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.functional import melscale_fbanks, spectrogram
from typing_extensions import override

from architectures.base import FrontEnd, Sequences
from architectures.front_ends.compression import Amplitude, Compression, LogPower
from architectures.layers import check_positive, same_padding


class MelSpectrogram(FrontEnd):
    """Mel bands of the power spectrum of Hann windows (periodic), for clips of equal length.

    Takes `(batch, samples)` float, full scale at 1, whose lengths are not read; gives `(batch, frames(samples), bins)`
    float32, all of whose frames count.

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
            a band meant for f Hz lies at `f * rate / filterbank_rate`.
        compression: of the power.

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
        # The modules of torchaudio would store both in checkpoints.
        self.register_buffer("fft_window", torch.hann_window(window), persistent=False)
        bank = melscale_fbanks(n_fft // 2 + 1, low, high, bins, filterbank_rate, norm=norm, mel_scale=scale)
        self.register_buffer("filter_bank", bank, persistent=False)

    @override
    def extra_repr(self) -> str:
        return f"{self.rate} Hz, bins={self.bins}, n_fft={self.n_fft}, hop={self.hop}, window={self.window}"

    @abstractmethod
    def pad(self, signal: Tensor) -> Tensor:
        """`(batch, samples)` with what the first and last frames read beyond both ends."""

    @override
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        # Powers span more than half precision holds.
        with torch.autocast(signal.device.type, enabled=False):
            power = spectrogram(
                self.pad(signal.float()),
                pad=0,
                window=self.fft_window,
                n_fft=self.n_fft,
                hop_length=self.hop,
                win_length=self.window,
                power=2.0,
                normalized=False,
                center=False,
            )
            values: Tensor = self.compression(power.transpose(1, 2) @ self.filter_bank)
        return Sequences(values, torch.full_like(lengths, values.shape[1]))


class SlaneyMelSpectrogram(MelSpectrogram):
    """Bands of equal area on Slaney's mel scale, `ceil(samples / hop)` frames, zeros beyond both ends: Kapre's.

    Equals Kapre 0.1 with `padding='same'` and librosa's filters. For 5 s at 16 kHz and frames of 512 samples, there are
    192 zeros at both ends with a hop of 256 samples (313 frames), and 216 with a hop of 360 (223 frames). Many bands
    from a short frame leave some of them empty: 23 of 223 bands up to 5.5 kHz from 512 samples; use `n_fft: 2048` with
    `window: 512` or fewer bands.

    All other arguments are those of MelSpectrogram.

    Args:
        high: upper edge of the highest band, in Hz; None: half of `rate`.
        compression: of the power; None: Amplitude, as published.

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
            rate=rate,
            bins=bins,
            n_fft=n_fft,
            hop=hop,
            window=window,
            low=low,
            high=high,
            scale="slaney",
            norm="slaney",
            filterbank_rate=None,
            compression=compression or Amplitude(),
        )

    @override
    def frames(self, samples: int) -> int:
        return -(-samples // self.hop)

    @override
    def pad(self, signal: Tensor) -> Tensor:
        return functional.pad(signal, same_padding(signal.shape[1], self.n_fft, self.hop))


class HTKMelSpectrogram(MelSpectrogram):
    """Bands of equal peaks on HTK's mel scale, `samples // hop + 1` frames, the clip mirrored at both ends.

    Equals `torchaudio.transforms.MelSpectrogram` and has its defaults, except for the compression. At 16 kHz 4 of the
    128 bands are empty, because 400 samples resolve no frequencies closer than 40 Hz. A clip of at most `n_fft // 2`
    samples cannot be mirrored, which raises a ValueError.

    All other arguments are those of MelSpectrogram.

    Args:
        filterbank_rate: samples per second that the bands are computed for; None: `rate`. The published keyword
            networks "at 8 kHz" read audio of 16 kHz through bands for 8 kHz: `rate: 16000, filterbank_rate: 8000`.
        compression: of the power; None: LogPower. Most published networks read the power itself: Power.

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
            rate=rate,
            bins=bins,
            n_fft=n_fft,
            hop=hop,
            window=window,
            low=low,
            high=high,
            scale="htk",
            norm=None,
            filterbank_rate=filterbank_rate,
            compression=compression or LogPower(),
        )

    @override
    def frames(self, samples: int) -> int:
        return samples // self.hop + 1

    @override
    def pad(self, signal: Tensor) -> Tensor:
        if signal.shape[1] <= self.n_fft // 2:
            raise ValueError(
                f"signal: {signal.shape[1]} samples, but {self.n_fft // 2 + 1} are needed to mirror them; "
                "set data.seconds to the length of the clips"
            )
        return functional.pad(signal, (self.n_fft // 2, self.n_fft // 2), mode="reflect")
