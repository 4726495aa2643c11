"""Mix a rendered voice with accompaniment and noise at given levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datamodules.corpora.base import Audio

LEVEL = 0.1  # root mean square of the voice where it sounds, relative to full scale
PEAK = 0.99  # relative to full scale


def mix(
    voice: NDArray[np.float64],
    *,
    rate: int,
    generator: np.random.Generator,
    accompaniment: NDArray[np.float64] | None = None,
    accompaniment_db: float = 0.0,
    snr_db: float | None = None,
) -> Audio:
    """Mix to one channel, in which the voice has a root mean square of 0.1, or less where a peak would be clipped.

    Args:
        voice: `(samples,)`, exactly 0 where it is silent; levels are measured where it is not.
        rate: samples per second.
        generator: of the noise.
        accompaniment: `(samples,)`, at any level, or None.
        accompaniment_db: level of the accompaniment relative to the voice, dB.
        snr_db: level of the voice relative to noise, which is white or pink, dB; None: no noise.
    """
    total = _at_level(voice, LEVEL)
    if accompaniment is not None:
        total += _at_level(accompaniment, LEVEL * 10.0 ** (accompaniment_db / 20.0))
    if snr_db is not None:
        noise = _noise(generator, len(voice), pink=bool(generator.integers(2)))
        total += _at_level(noise, LEVEL * 10.0 ** (-snr_db / 20.0))
    peak = float(np.abs(total).max(initial=0.0))
    if peak > PEAK:
        total *= PEAK / peak
    return Audio(total.astype(np.float32), rate)


def _at_level(signal: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """The signal with this root mean square where it sounds; silence stays silence."""
    sounding = np.count_nonzero(signal)
    if not sounding:
        return np.zeros_like(signal)
    return np.asarray(signal * (level / np.sqrt(np.sum(signal**2) / sounding)))


def _noise(generator: np.random.Generator, samples: int, *, pink: bool) -> NDArray[np.float64]:
    # A power of two, because a Fourier transform is slow if the length, that of a contour, is a large prime.
    white = generator.standard_normal(1 << (max(samples, 2) - 1).bit_length())
    if not pink:
        return white[:samples]
    spectrum = np.fft.rfft(white)
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum)[:samples]
