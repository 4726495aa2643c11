"""WORLD's synthesis of a voice whose f0 is then known exactly, and which of its frames one can hear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datamodules.corpora.synthetic.voices.analysis import FRAME, Voice, loud, runs, without_short_runs, world

BEGINS = 12.0  # dB under the loudest neighbour, where a voiced run begins to be heard
ENDS = 20.0  # dB under the loudest neighbour, where it ceases to be heard
NEIGHBOURS = 0.06  # s on either side, of the same run
WEIGHTS = np.hanning(8)[1:-1]  # of blocks of one frame, of which a level is the mean: 30 ms, more than a period


def synthesise(voice: Voice, rate: int) -> NDArray[np.float64]:
    """The sound of a voice, float64 `(samples,)`: one frame of samples for every frame.

    WORLD's f0 falls towards 0 between the last voiced frame and the next. So a frame with the last f0 is put behind
    every run and another before it; they sound as noise, so that the voice does not last longer than its f0.

    Args:
        voice: f0, envelope and aperiodicity.
        rate: samples per second.

    Raises:
        DataError: pyworld is not installed.
    """
    f0, aperiodicity = voice.f0.copy(), voice.aperiodicity.copy()
    for start, stop in runs(voice.f0 > 0):
        for border, edge in ((start - 1, start), (stop, stop - 1)):
            if 0 <= border < len(f0) and not f0[border]:
                f0[border] = voice.f0[edge]
                aperiodicity[border] = 1.0 - 1e-12  # WORLD's own value in unvoiced frames
    sound = world().synthesize(f0, np.ascontiguousarray(voice.envelope), aperiodicity, rate, 1000.0 * FRAME)
    return np.asarray(sound, np.float64)


def audible(f0: NDArray[np.float64], sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The f0 without the frames in which nobody hears it: a faint voice, and the outer ends of fades.

    Args:
        f0: `(frames,)`, Hz, 0 where unvoiced, of the sound's voice.
        sound: `(samples,)`.
        rate: samples per second.

    Returns:
        float64 `(frames,)`, Hz, 0 where unvoiced.
    """
    import scipy.ndimage  # here: `melisma prepare --help` names every corpus without it

    voiced = f0 > 0
    if not voiced.any():
        return f0
    level = levels(sound, len(f0), rate)
    voiced = without_short_runs(voiced & loud(level, level[voiced]))
    width = 2 * round(NEIGHBOURS / FRAME) + 1
    for start, stop in runs(voiced):
        below = scipy.ndimage.maximum_filter1d(level[start:stop], width, mode="nearest") - level[start:stop]
        first = int(np.argmax(below <= BEGINS))
        last = stop - start - int(np.argmax(below[::-1] <= ENDS))
        voiced[start : start + first] = False
        voiced[start + last : stop] = False
    return np.where(voiced, f0, 0.0)


def levels(sound: NDArray[np.float64], frames: int, rate: int) -> NDArray[np.float64]:
    """Level around each frame, dB, `(frames,)`; a weighted mean of power over 30 ms."""
    reach = len(WEIGHTS) // 2
    edges = np.rint(np.arange(-reach, frames + reach) * FRAME * rate).astype(int)
    energy = np.concatenate([[0.0], np.cumsum(sound**2)])
    blocks = np.diff(energy[np.clip(edges, 0, len(sound))])
    power = np.convolve(blocks, WEIGHTS / (WEIGHTS.sum() * FRAME * rate), mode="valid")
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)))
