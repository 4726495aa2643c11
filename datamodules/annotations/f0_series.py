"""`F0Series` and `MultiF0Series`: f0 over time, and its values at other times.

Conventions are those of `mir_eval.melody`: 0 Hz is unvoiced, a negative frequency is unvoiced with a guess of the
pitch, and between two frames voicing holds while the pitch is interpolated linearly (Raffel, McFee, Humphrey, Salamon,
Nieto, Liang, Ellis, "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

TIME_DECIMALS = 10  # s; mir_eval rounds times to these
HIGHEST_F0 = 100_000.0  # Hz; bats call up to 200 kHz with an f0 below 120 kHz, and no rate in use holds more


class F0Series(NamedTuple):
    """The f0 of one voice, frame by frame.

    Attributes:
        times: float64 `(frames,)`, s, increasing.
        f0: float64 `(frames,)`, Hz; 0 is unvoiced, negative is unvoiced with a guess of the pitch.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """The f0 at other times, resampled as mir_eval does to compare two series.

        f0 is linear between voiced frames and constant from the last frame of a voiced run to the next frame; voicing
        is that of the frame before. Guesses in unvoiced frames are dropped. Times before the first and after the last
        frame are unvoiced.

        Args:
            times: s, `(frames,)`, in any order.

        Returns:
            float64 `(frames,)`, Hz, exactly 0 where unvoiced.
        """
        asked = np.round(np.asarray(times, dtype=np.float64), TIME_DECIMALS)
        f0 = np.zeros(asked.shape)
        if len(self.times):
            first, last = np.round(self.times[[0, -1]], TIME_DECIMALS)
            inside = (asked >= first) & (asked <= last)
            f0[inside] = self._resampled(asked[inside])
        return f0

    def _resampled(self, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        import mir_eval.melody  # here, because it loads scipy, and reading tables does without

        # mir_eval takes grids that differ by less than 1e-5 for the same one, and extends the last frame to the last
        # time that is asked for; the extra time after the end prevents both.
        after_the_end = 2.0 * abs(self.times[-1]) + 1.0
        voiced_f0 = np.maximum(self.f0, 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # frames may be uneven: silence is marked, not left out
            resampled, _ = mir_eval.melody.resample_melody_series(
                self.times.copy(), voiced_f0, (voiced_f0 > 0).astype(np.float64), np.append(asked, after_the_end)
            )
        return np.asarray(resampled[:-1], dtype=np.float64)


class MultiF0Series(NamedTuple):
    """The f0 of several voices, frame by frame.

    Attributes:
        times: float64 `(frames,)`, s, increasing.
        f0: float64 `(frames, pitches)`, Hz; a row has the sounding pitches first, in any order, then zeros.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]

    @classmethod
    def from_rows(cls, times: NDArray[np.float64], rows: Sequence[Sequence[float]]) -> MultiF0Series:
        """A series from a list of pitches for each frame.

        Args:
            times: `(frames,)`, s, increasing.
            rows: the f0 of the sounding pitches of each frame, Hz; may be empty.
        """
        f0 = np.zeros((len(rows), max(map(len, rows), default=0)))
        for frame, pitches in zip(f0, rows, strict=True):
            frame[: len(pitches)] = pitches
        return cls(times, f0)

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """The f0 at other times, resampled as mir_eval does to compare two multi-f0 series: that of the nearest frame.

        Before the first and after the last frame nothing sounds.

        Args:
            times: s, `(frames,)`, in any order.

        Returns:
            float64 `(frames, pitches)`, Hz, 0 where fewer pitches sound.
        """
        import mir_eval.multipitch

        asked = np.round(np.asarray(times, dtype=np.float64), TIME_DECIMALS)
        f0 = np.zeros((asked.size, self.f0.shape[1]))
        known = np.round(self.times, TIME_DECIMALS)
        for row, pitches in enumerate(mir_eval.multipitch.resample_multipitch(known, list(self.f0), asked)):
            f0[row, : len(pitches)] = pitches
        return f0
