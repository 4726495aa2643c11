"""A real voice in the parameters of WORLD, and which of its frames count as voiced.

M. Morise, F. Yokomori, K. Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications", IEICE Transactions on Information and Systems, 2016; M. Morise, "D4C, a band-aperiodicity estimator for
high-quality speech synthesis", Speech Communication 84, 2016.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError

FRAME = 0.005  # s
LOWEST, HIGHEST = 50.0, 800.0  # Hz, of the f0 that is looked for
LOW_BAND = 1200.0  # Hz; where a voice repeats even if it is breathy
REPEATS = 0.5  # least correlation of neighbouring periods of a voice's low band
QUIET = 38.0  # dB; a voice that is so far under its loud frames counts as silent
SHORTEST_RUN = 0.03  # s
SHORTEST_WINDOW = 0.006  # s; periods of high voices are compared in groups
DITHER = 1e-5  # relative to full scale; WORLD divides by the power, which must not be 0


class Voice(NamedTuple):
    """Parameters of WORLD, from which a voice can be synthesised.

    Attributes:
        f0: float64 `(frames,)`, Hz, 0 where unvoiced; every 5 ms from time 0.
        envelope: float64 `(frames, bins)`, power of the spectral envelope at equally spaced frequencies from 0 to half
            the rate.
        aperiodicity: float64 `(frames, bins)`, amplitude of the noise relative to the envelope, 0 to 1.
        breath: float64 `(frames,)`, share of the power that does not repeat from one period to the next, 0 to 1.
    """

    f0: NDArray[np.float64]
    envelope: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    breath: NDArray[np.float64]


def world() -> ModuleType:
    """The module `pyworld`, which is loaded by the first voice.

    Raises:
        DataError: it is not installed.
    """
    try:
        import pyworld
    except ImportError as error:
        raise DataError(
            f"VoiceResynthesis needs pyworld, which cannot be imported ({error}): pip install 'melisma[world]'"
        ) from error
    module: ModuleType = pyworld
    return module


def analyse(samples: NDArray[np.float64], rate: int) -> Voice:
    """Analyse a recording of one voice.

    A frame counts as voiced if its low band repeats from period to period and it is no more than 38 dB under the loud
    frames; runs of voiced frames have at least 30 ms.

    Args:
        samples: `(samples,)`, at least 0.1 s.
        rate: samples per second.

    Raises:
        DataError: pyworld is not installed.
    """
    import scipy.ndimage  # here: `melisma prepare --help` names every corpus without it
    import scipy.signal

    pyworld = world()
    noise = np.random.default_rng(0).standard_normal(len(samples))
    samples = np.asarray(samples, np.float64) + DITHER * noise
    f0, times = pyworld.dio(
        samples, rate, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=1000.0 * FRAME, allowed_range=0.2
    )
    f0 = pyworld.stonemask(samples, f0, times, rate)
    size = pyworld.get_cheaptrick_fft_size(rate, LOWEST)
    envelope = pyworld.cheaptrick(samples, f0, times, rate, fft_size=size)
    aperiodicity = pyworld.d4c(samples, f0, times, rate, threshold=0.0, fft_size=size)
    low = scipy.signal.sosfiltfilt(scipy.signal.butter(4, LOW_BAND, fs=rate, output="sos"), samples)
    voiced = scipy.ndimage.median_filter(repetition(low, f0, rate), 3) >= REPEATS
    voiced &= (f0 > 0) & loud(10.0 * np.log10(envelope.sum(axis=1)))
    breath = 1.0 - np.clip(repetition(samples, f0, rate), 0.0, 1.0)
    return Voice(np.where(without_short_runs(voiced), f0, 0.0), envelope, aperiodicity, breath)


def repetition(samples: NDArray[np.float64], f0: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Normalised cross-correlation of the two neighbouring periods around each frame.

    Args:
        samples: `(samples,)`.
        f0: `(frames,)`, Hz; the frames are 5 ms apart.
        rate: samples per second.

    Returns:
        float64 `(frames,)`, -1 to 1, 0 where f0 is 0.
    """
    found = np.zeros(len(f0))
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return found
    period = rate / f0[voiced]
    width = np.maximum(period, SHORTEST_WINDOW * rate).astype(int)
    margin = int(width.max() + period.max()) + 2
    padded = np.pad(samples, margin)
    centre = np.rint(voiced * FRAME * rate).astype(int) + margin
    offsets = np.arange(width.max())
    inside = offsets < width[:, None]
    best = np.full(len(voiced), -1.0)
    for lag in (period.astype(int), period.astype(int) + 1):
        first = (centre - (width + lag) // 2)[:, None] + offsets
        one, other = padded[first] * inside, padded[first + lag[:, None]] * inside
        power = np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", other, other)
        best = np.maximum(best, np.einsum("ij,ij->i", one, other) / np.sqrt(power + 1e-20))
    found[voiced] = best
    return found


def loud(level: NDArray[np.float64], reference: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Which frames are not far under the loud ones.

    Args:
        level: `(frames,)`, dB.
        reference: levels among which the loud ones are looked for, dB; None: those of all frames.
    """
    among = level if reference is None else reference
    return np.asarray(level > np.percentile(among, 95) - QUIET)


def runs(voiced: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First frame of every voiced run, and the frame after its last, `(runs, 2)`."""
    return np.flatnonzero(np.diff(voiced, prepend=False, append=False)).reshape(-1, 2)


def without_short_runs(voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same voicing `(frames,)`, without runs of less than 30 ms."""
    kept = voiced.copy()
    for start, stop in runs(voiced):
        if stop - start < round(SHORTEST_RUN / FRAME):
            kept[start:stop] = False
    return kept
