"""Spectrograms that are computed once, over whole recordings, when shards are prepared.

A spectrogram's value at a frame depends on the whole recording (its maximum is the reference of the decibels), so
that excerpts of it are not the spectrogram of an excerpt. Values are between 0 and 1 and stored as 16-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import librosa
import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError

C1 = 32.70319566257483  # Hz
FULL_SCALE = 65535
HANN_BANDWIDTH = 1.50018310546875  # bins of a spectrum: the equivalent noise bandwidth as librosa has it


class Spectrogram(Protocol):
    """What `prepare` can store beside or instead of nothing: channels of frequency bins for each label frame."""

    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        """The spectrogram of a whole recording.

        Args:
            samples: `(samples,)`, full scale at 1.
            rate: samples per second.
            hop: samples between frames; frame t is centred on sample t * hop.

        Returns:
            `(channels, bins, frames)`, 0 to 1, with at least one frame for every `hop` samples begun.

        Raises:
            DataError: it does not exist at this rate; names the parameter to change.
        """
        ...


class ConstantQ:
    """Constant-Q transforms in decibels, one channel for each filter scale, each relative to its own maximum.

    A filter scale below 1 widens the filters: less frequency resolution, more time resolution (Schörkhuber and
    Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010; computed by librosa).

    Args:
        minimum: Hz, centre of the lowest bin.
        bins_per_octave: bins in an octave.
        octaves: how many.
        filter_scales: one channel each.
        top_dbs: dB below the maximum at which each channel reaches 0.
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
        self.minimum, self.bins_per_octave, self.octaves = minimum, bins_per_octave, octaves
        self.filter_scales, self.top_dbs = list(filter_scales), list(top_dbs)

    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        """See Spectrogram."""
        shape = self.minimum, self.bins_per_octave, self.octaves
        return np.stack(
            [
                _decibels(magnitude, float(magnitude.max()), top_db)
                for scale, top_db in zip(self.filter_scales, self.top_dbs, strict=True)
                for magnitude in [_constant_q(samples, rate, hop, *shape, scale)]
            ]
        )


class HarmonicConstantQ:
    """Constant-Q transforms with lowest bins at multiples of one frequency: a pitch's harmonics share a bin number.

    Decibels are relative to the maximum over all channels (Bittner, McFee, Salamon, Li, Bello, "Deep salience
    representations for f0 estimation in polyphonic music", ISMIR 2017).

    Args:
        minimum: Hz, centre of the lowest bin of harmonic 1.
        bins_per_octave: bins in an octave.
        octaves: how many.
        harmonics: one channel each.
        top_db: dB below the maximum at which values reach 0.
    """

    def __init__(
        self,
        minimum: float = C1,
        bins_per_octave: int = 60,
        octaves: int = 6,
        harmonics: Sequence[float] = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
        top_db: float = 80.0,
    ) -> None:
        self.minimum, self.bins_per_octave, self.octaves = minimum, bins_per_octave, octaves
        self.harmonics, self.top_db = list(harmonics), top_db

    def compute(self, samples: NDArray[np.float32], rate: int, hop: int) -> NDArray[np.float32]:
        """See Spectrogram."""
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
    # A filter reaches beyond its centre by half its bandwidth, that of a Hann window of as many periods as it is long.
    spacing = 2 ** (2 / per_octave)
    periods = scale * (spacing + 1) / (spacing - 1)
    highest = minimum * 2 ** (octaves - 1 / per_octave) * (1 + HANN_BANDWIDTH / 2 / periods)
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
    """20 log10 of the ratio to `loudest`, mapped from -top_db ... 0 to 0 ... 1; silence is 0 throughout."""
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
