"""f0 to listen to."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.salience import cell_edges

RATE = 8000  # Hz
_AMPLITUDES = (1.0, 0.5, 0.25)  # of the harmonics: a sine alone is not heard where it is low
_PEAK = 0.5 * 32768
_FADE = 0.008  # s, without which voicing would click


def sonified(times: ArrayLike, f0: ArrayLike) -> NDArray[np.int16]:
    """A tone that follows f0, equally loud wherever it is voiced.

    Each frame lasts from half-way to the one before to half-way to the one after; the first one begins the sound.
    Between voiced frames the tone glides. What lies above 4 kHz cannot be heard.

    Args:
        times: `(frames,)`, s, increasing.
        f0: `(frames,)`, Hz, 0 or less where unvoiced.

    Returns:
        `(samples,)` at `RATE`, full scale at 32768.
    """
    times, f0 = np.asarray(times, dtype=np.float64), np.asarray(f0, dtype=np.float64)
    if not len(times):
        return np.zeros(0, dtype=np.int16)
    edges = cell_edges(times, alone=0.01)
    sound = np.zeros(round((edges[-1] - edges[0]) * RATE))
    at = edges[0] + (np.arange(len(sound)) + 0.5) / RATE
    changes = np.flatnonzero(np.diff(np.concatenate([[False], f0 > 0, [False]])))
    for first, end in changes.reshape(-1, 2):
        part = slice(*np.searchsorted(at, edges[[first, end]]))
        sound[part] = _tone(np.exp2(np.interp(at[part], times[first:end], np.log2(f0[first:end]))))
    samples: NDArray[np.int16] = np.rint(_PEAK * sound).astype(np.int16)
    return samples


def _tone(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """A tone of a frequency for every sample, faded in and out; at most 1."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    tone = np.zeros(len(f0))
    for number, amplitude in enumerate(_AMPLITUDES, start=1):
        audible = np.clip(10 * (1 - 2 * number * f0 / RATE), 0, 1)  # fades out below half the rate, which would fold it
        tone += amplitude * audible * np.sin(number * phase)
    fade = min(round(_FADE * RATE), len(f0) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    tone[:fade] *= ramp
    tone[len(tone) - fade :] *= ramp[::-1]
    return tone / sum(_AMPLITUDES)
