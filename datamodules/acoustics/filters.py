"""Filters that change how loud frequencies are and nothing else: their phase is zero, so that no sound moves in time.

A real microphone or loudspeaker delays frequencies near its limits by some milliseconds. Labels in time would then be
late, by another time at every frequency.
"""

from __future__ import annotations

import math

import numpy as np

from datamodules.acoustics.levels import Doubles, Singles

REACH = 0.25  # s behind the audio that stay free for responses: 36 dB an octave at 20 Hz have fallen by 70 dB then
LOWEST = 31.25  # Hz of the lowest point of an equaliser's curve


def frequencies(samples: int, rate: float) -> Doubles:
    """Frequencies at which `scale_spectrum` takes gains, from 0 to half the rate.

    Args:
        samples: of the audio.
        rate: samples per second.

    Returns:
        `(bins,)` Hz.
    """
    import scipy.fft  # here: `melisma prepare --help` names every corpus without it

    return np.asarray(scipy.fft.rfftfreq(_padded(samples, rate), 1 / rate), np.float64)


def scale_spectrum(audio: Singles, gains: Doubles, rate: float) -> Singles:
    """Multiply the spectrum of every item by real gains. Nothing that leaves the item comes in at its other end.

    Args:
        audio: `(items, samples)`.
        gains: `(items, bins)` factors of amplitude at `frequencies`.
        rate: samples per second.

    Returns:
        `(items, samples)`.
    """
    import scipy.fft

    samples = audio.shape[1]
    length, changed = _padded(samples, rate), np.empty_like(audio)
    # One by one: the last bits of a transform may depend on how many are computed at once.
    for item, factors, into in zip(audio, gains.astype(np.float32), changed, strict=True):
        into[:] = scipy.fft.irfft(scipy.fft.rfft(item, length) * factors, length)[:samples]
    return changed


def high_pass(frequency: Doubles, cutoff: Doubles, slope: Doubles) -> Doubles:
    """Gains of a Butterworth filter (S. Butterworth, "On the theory of filter amplifiers", Wireless Engineer, 1930).

    Args:
        frequency: `(bins,)` Hz.
        cutoff: `(items,)` Hz, where the level is 3 dB lower.
        slope: `(items,)` dB an octave, far below the cutoff.

    Returns:
        `(items, bins)`.
    """
    safe = np.maximum(frequency, 1e-3)
    gains = _butterworth(cutoff[:, None] / safe, slope)
    gains[:, frequency == 0] = 0.0
    return gains


def low_pass(frequency: Doubles, cutoff: Doubles, slope: Doubles) -> Doubles:
    """As `high_pass`, with the slope above the cutoff."""
    return _butterworth(frequency / cutoff[:, None], slope)


def equaliser_points(rate: float, octaves: float) -> int:
    """How many points there are from 31.25 Hz up to the first one at or above half the rate."""
    return max(math.ceil(round(math.log2(rate / 2 / LOWEST) / octaves, 9)), 1) + 1


def equaliser(frequency: Doubles, db: Doubles, octaves: float) -> Doubles:
    """Gains of a smooth curve through points that are equally far apart in octaves, the lowest one at 31.25 Hz.

    Args:
        frequency: `(bins,)` Hz.
        db: `(items, points)` level at each point, dB.
        octaves: from point to point.

    Returns:
        `(items, bins)`.
    """
    place = np.log2(np.maximum(frequency, LOWEST) / LOWEST) / octaves
    below = np.minimum(place.astype(np.int64), db.shape[1] - 2)
    part = (1 - np.cos(np.pi * np.minimum(place - below, 1.0))) / 2
    curve = db[:, below] + (db[:, below + 1] - db[:, below]) * part
    return np.asarray(np.exp(curve * (math.log(10) / 20)), np.float64)


def _padded(samples: int, rate: float) -> int:
    import scipy.fft

    return int(scipy.fft.next_fast_len(samples + math.ceil(REACH * rate), real=True))


def _butterworth(ratio: Doubles, slope: Doubles) -> Doubles:
    # The power falls by 6.02 dB an octave and order.
    power = slope[:, None] / (10 * math.log10(2))
    with np.errstate(over="ignore"):
        return np.asarray(1 / np.sqrt(1 + ratio.astype(np.float64) ** power), np.float64)
