"""Noise of any colour."""

from __future__ import annotations

import numpy as np

from datamodules.acoustics.levels import Doubles, Singles

LOWEST = 20.0  # Hz: steep noise would otherwise be all below what is heard


def noise_values(samples: int) -> int:
    """How many random values `coloured_noise` takes for so many samples."""
    import scipy.fft  # here: `melisma prepare --help` names every corpus without it

    return int(scipy.fft.next_fast_len(samples, real=True))


def coloured_noise(white: Singles, exponent: Doubles, samples: int, rate: float) -> Singles:
    """Noise whose power falls with frequency by a power law, from 20 Hz on; nothing is below.

    Args:
        white: `(items, noise_values(samples))` independent standard normal values, which become its spectrum.
        exponent: `(items,)` of the power law: 0 is white, 1 pink (3 dB an octave), 2 brown (6 dB).
        samples: of the noise.
        rate: samples per second.

    Returns:
        `(items, samples)`, of zero mean and no particular level.
    """
    import scipy.fft

    length = white.shape[1]
    bins = (length - 1) // 2
    frequency = np.arange(1, bins + 1) * (rate / length)
    audible, octaves = frequency >= LOWEST, np.log2(frequency / LOWEST)
    noise = np.empty((len(white), samples), np.float32)
    for values, steepness, into in zip(white, exponent, noise, strict=True):
        amplitude = (np.exp2(octaves * (-steepness / 2)) * audible).astype(np.float32)
        spectrum = np.zeros(length // 2 + 1, np.complex64)
        spectrum.real[1 : bins + 1] = amplitude * values[:bins]
        spectrum.imag[1 : bins + 1] = amplitude * values[bins : 2 * bins]
        into[:] = scipy.fft.irfft(spectrum, length)[:samples]
    return noise
