"""Spectrograms of whole recordings, stored in shards.

They are computed by `prepare`, not while training, because the reference of the decibels is the maximum over the whole
recording: a spectrogram of an excerpt has other values. Values between 0 and 1 are stored as 16-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import librosa
import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.errors import DataError, check_range

C1 = 32.70319566257483  # Hz
FULL_SCALE = 65535


class Spectrogram(Protocol):
    """A spectrogram that `prepare` can store: channels of frequency bins for each label frame."""

    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        """The spectrogram of a whole recording.

        Args:
            samples: `(samples,)`, full scale at 1.
            rate: samples per second.
            hop: samples between frames; frame t is centred on sample t * hop.

        Returns:
            `(channels, bins, frames)`, 0 to 1, with a frame for every label frame, or more.

        Raises:
            DataError: the rate is too low for it; names the parameter to change.
        """
        ...


class ConstantQ(Spectrogram):
    """Constant-Q transforms in decibels, one channel for each filter scale, each relative to its own maximum.

    A filter scale below 1 widens the filters: less frequency resolution, more time resolution (Schörkhuber and
    Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010; computed by librosa).

    Args:
        minimum: centre of the lowest bin, Hz.
        bins_per_octave: bins of an octave.
        octaves: number of octaves.
        filter_scales: scale of the filters' length; each is a channel.
        top_dbs: range of each channel: its maximum is 1, this many dB below it is 0.
    """

    def __init__(
        self,
        minimum: float = C1,
        bins_per_octave: int = 60,
        octaves: int = 9,
        filter_scales: Sequence[float] = (1.0,),
        top_dbs: Sequence[float] = (80.0,),
    ) -> None:
        if len(filter_scales) != len(top_dbs) or not filter_scales:
            raise DataError("spectrogram.top_dbs: give one value for each of spectrogram.filter_scales")
        check_range("spectrogram.octaves", octaves, 1, 20)
        check_range("spectrogram.bins_per_octave", bins_per_octave, 1, 1200)
        self.minimum, self.bins_per_octave, self.octaves = minimum, bins_per_octave, octaves
        self.filter_scales, self.top_dbs = list(filter_scales), list(top_dbs)

    @override
    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        shape = self.minimum, self.bins_per_octave, self.octaves
        return np.stack(
            [
                _decibels(magnitude, float(magnitude.max()), top_db)
                for scale, top_db in zip(self.filter_scales, self.top_dbs, strict=True)
                for magnitude in [_constant_q(samples, rate, hop, *shape, scale)]
            ]
        )


class HarmonicConstantQ(Spectrogram):
    """Harmonic constant-Q transform: in the channel of harmonic h the lowest bin is at h times the minimum.

    So the harmonics of a pitch have the same bin in all channels. Decibels are relative to the maximum over all
    channels (Bittner, McFee, Salamon, Li, Bello, "Deep salience representations for f0 estimation in polyphonic music",
    ISMIR 2017).

    Args:
        minimum: centre of the lowest bin of harmonic 1, Hz.
        bins_per_octave: bins of an octave.
        octaves: number of octaves.
        harmonics: multiples of the minimum; each is a channel.
        top_db: the maximum is 1, this many dB below it is 0.
    """

    def __init__(
        self,
        minimum: float = C1,
        bins_per_octave: int = 60,
        octaves: int = 6,
        harmonics: Sequence[float] = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
        top_db: float = 80.0,
    ) -> None:
        check_range("spectrogram.octaves", octaves, 1, 20)
        check_range("spectrogram.bins_per_octave", bins_per_octave, 1, 1200)
        self.minimum, self.bins_per_octave, self.octaves = minimum, bins_per_octave, octaves
        self.harmonics, self.top_db = list(harmonics), top_db

    @override
    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        magnitudes = [
            _constant_q(samples, rate, hop, self.minimum * harmonic, self.bins_per_octave, self.octaves, 1.0)
            for harmonic in self.harmonics
        ]
        shortest = min(magnitude.shape[1] for magnitude in magnitudes)
        loudest = max(float(magnitude.max()) for magnitude in magnitudes)
        return np.stack([_decibels(magnitude[:, :shortest], loudest, self.top_db) for magnitude in magnitudes])


def _constant_q(
    samples: NDArray[np.float32], rate: int, hop: int, minimum: float, per_octave: int, octaves: int, scale: float
) -> NDArray[np.float32]:
    # A filter extends beyond its centre by half its bandwidth, that of a Hann window of as many periods as it is long.
    spacing = 2 ** (2 / per_octave)
    periods = scale * (spacing + 1) / (spacing - 1)
    highest = minimum * 2 ** (octaves - 1 / per_octave) * (1 + librosa.filters.window_bandwidth("hann") / 2 / periods)
    if highest > rate / 2:
        raise DataError(
            f"spectrogram: its highest bin reaches {highest:.0f} Hz, beyond what a rate of {rate} Hz holds; lower "
            "spectrogram.octaves or spectrogram.minimum, or raise rate"
        )
    spectrum = librosa.cqt(
        np.asarray(samples, np.float32),
        sr=rate,
        hop_length=hop,
        fmin=minimum,
        n_bins=octaves * per_octave,
        bins_per_octave=per_octave,
        filter_scale=scale,
    )
    magnitude: NDArray[np.float32] = np.abs(spectrum)
    return magnitude


def _decibels(magnitude: NDArray[np.float32], loudest: float, top_db: float) -> NDArray[np.float32]:
    """20 log10 of the ratio to `loudest`, mapped from -top_db ... 0 to 0 ... 1; 0 for silence."""
    if loudest == 0:
        return np.zeros_like(magnitude)
    with np.errstate(divide="ignore"):
        decibels = 20 * np.log10(magnitude / loudest)
    scaled: NDArray[np.float32] = np.clip(1 + decibels / top_db, 0, 1).astype(np.float32)
    return scaled


def quantise(spectrum: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Values of 0 to 1 as 16-bit integers; `spectrum * 65535` rounded."""
    whole: NDArray[np.float32] = np.rint(spectrum * FULL_SCALE)
    return whole.astype(np.uint16)
