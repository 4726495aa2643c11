"""Levels of spectrograms and saliences along a scale of notes, as what lies behind a contour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

STEP = 0.0125  # s from one column to the next
BINS = 3  # of a semitone
MELS = 96  # bins of `mel_spectrogram`
_PITCH_WINDOW = 0.08  # s: harmonics of voices above 60 Hz stand apart
_SPEECH_WINDOW = 0.025
_RANGE = 60.0  # dB below the loudest that is still seen


def spectrogram(samples: NDArray[np.float32], rate: int, lowest: float, highest: float) -> NDArray[np.uint8]:
    """Levels in dB, 0 for what is 60 dB below the loudest and less, 255 for that.

    Args:
        samples: `(samples,)`.
        rate: Hz.
        lowest: MIDI note of the lowest bin.
        highest: of the highest.

    Returns:
        `(columns, bins)`: column k is centred on `STEP` * k seconds, bins are a third of a semitone apart.
    """
    return _levels(samples, rate, 440 * 2 ** ((np.arange(lowest, highest, 1 / BINS) - 69) / 12), _PITCH_WINDOW)


def mel_spectrogram(samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Levels as of `spectrogram`, `(columns, MELS)`, and the frequency of each bin, Hz, equally far apart in mel.

    Mel as in S. S. Stevens, J. Volkmann and E. B. Newman, 1937, by O'Shaughnessy's formula.
    """
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), MELS + 1)[1:]
    hertz = 700 * (10 ** (mels / 2595) - 1)
    return _levels(samples, rate, hertz, _SPEECH_WINDOW), hertz


def _levels(samples: NDArray[np.float32], rate: int, hertz: NDArray[np.float64], window: float) -> NDArray[np.uint8]:
    length = int(window * rate)
    size = 1 << (2 * length - 1).bit_length()
    hop = max(round(STEP * rate), 1)
    transform = ShortTimeFFT(hann(length, sym=False), hop, rate, mfft=size)
    padded = np.pad(samples.astype(np.float64), (0, max(length - len(samples), 0)))
    power = np.abs(transform.stft(padded, p0=0, p1=max(-(-len(samples) // hop), 1))) ** 2
    place = np.clip(hertz * size / rate, 0, len(power) - 2)
    below = place.astype(int)
    share = (place - below)[:, None]
    bins = (1 - share) * power[below] + share * power[below + 1]
    bins[hertz > rate / 2] = 0
    loudest = bins.max(initial=0.0)
    if loudest == 0:
        return np.zeros(bins.T.shape, np.uint8)
    decibels = 10 * np.log10(np.maximum(bins / loudest, 1e-12))
    return np.asarray(np.round(255 * np.clip(1 + decibels / _RANGE, 0, 1)), np.uint8).T


def on_notes(
    salience: NDArray[np.uint8], notes: NDArray[np.float64], lowest: float, highest: float
) -> NDArray[np.uint8]:
    """Salience of bins at any notes on the bins of `spectrogram`, the nearest bin each, 0 beyond the outermost.

    Args:
        salience: `(frames, bins)`.
        notes: `(bins,)`, MIDI notes, increasing.
        lowest: as of `spectrogram`.
        highest: likewise.
    """
    wanted = np.arange(lowest, highest, 1 / BINS)
    middles = (notes[1:] + notes[:-1]) / 2
    found = salience[:, np.searchsorted(middles, wanted)]
    spacing = float(np.diff(notes).max(initial=1.0))
    found[:, (wanted < notes[0] - spacing) | (wanted > notes[-1] + spacing)] = 0
    return found
