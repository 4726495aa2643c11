"""What lies between a voice and the recording: equaliser, high-pass, low-pass, room.

No filter moves sound in time, so labels stay true; see `acoustics.filters` and `acoustics.rooms`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from typing_extensions import override

from datamodules.acoustics import filters, rooms
from datamodules.augment.base import Sounds, WaveformAugmentation
from datamodules.augment.draws import Doubles, Draws


class Equaliser(WaveformAugmentation):
    """Raises and lowers frequencies along a smooth curve.

    Args:
        db: range of the curve at its points, dB, drawn uniformly at each.
        octaves: between the points, of which the lowest is at 31.25 Hz.
    """

    def __init__(self, db: tuple[float, float] = (-12.0, 12.0), octaves: float = 1.0, p: float = 1.0) -> None:
        super().__init__(p)
        self.db, self.octaves = db, octaves
        self._require_bounds("db", -60.0, 60.0)
        self._require("octaves", 0.5 <= octaves <= 10, "0.5 to 10 octaves")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items, rate = np.flatnonzero(self.chosen(draws)), sounds.hertz
        points = range(filters.equaliser_points(rate, self.octaves))
        db = np.stack([draws.uniform(*self.db)[items] for _ in points], axis=1)
        frequency = filters.frequencies(sounds.audio.shape[1], rate)
        gains = filters.equaliser(frequency, db, self.octaves)
        self._put(sounds, items, filters.scale_spectrum(sounds.audio[items], gains, rate))


class _Pass(WaveformAugmentation):
    """A Butterworth filter of some cutoff and slope."""

    def __init__(self, cutoff: tuple[float, float], slope: tuple[float, float], p: float) -> None:
        super().__init__(p)
        self.cutoff, self.slope = cutoff, slope
        self._require_bounds("cutoff", least=20.0)
        self._require_bounds("slope", 6.0, 36.0)

    def _apply(self, sounds: Sounds, draws: Draws, curve: Callable[[Doubles, Doubles, Doubles], Doubles]) -> None:
        items, rate = np.flatnonzero(self.chosen(draws)), sounds.hertz
        cutoff = np.exp(draws.uniform(*map(float, np.log(self.cutoff))))[items]
        slope = draws.uniform(*self.slope)[items]
        gains = curve(filters.frequencies(sounds.audio.shape[1], rate), cutoff, slope)
        self._put(sounds, items, filters.scale_spectrum(sounds.audio[items], gains, rate))


class HighPass(_Pass):
    """Takes away low frequencies.

    Args:
        cutoff: range of the frequency where the level is 3 dB lower, Hz, drawn uniformly in octaves.
        slope: range of the slope below it, dB an octave, drawn uniformly.
    """

    def __init__(
        self, cutoff: tuple[float, float] = (40.0, 400.0), slope: tuple[float, float] = (12.0, 36.0), p: float = 1.0
    ) -> None:
        super().__init__(cutoff, slope, p)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        self._apply(sounds, draws, filters.high_pass)


class LowPass(_Pass):
    """Takes away high frequencies.

    Args:
        cutoff: range of the frequency where the level is 3 dB lower, Hz, drawn uniformly in octaves.
        slope: range of the slope above it, dB an octave, drawn uniformly.
    """

    def __init__(
        self, cutoff: tuple[float, float] = (2000.0, 7500.0), slope: tuple[float, float] = (12.0, 36.0), p: float = 1.0
    ) -> None:
        super().__init__(cutoff, slope, p)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        self._apply(sounds, draws, filters.low_pass)


class Reverb(WaveformAugmentation):
    """Lets items sound in a room; the direct sound stays where it is.

    The echo of what was before the item is missing, and what sounds on after it is lost.

    Args:
        seconds: range of the reverberation time, in which sound falls by 60 dB, s, drawn uniformly; low frequencies
            last somewhat longer and high ones half as long.
        direct_db: range of the ratio of the direct sound to all reflections, dB, drawn uniformly. Close microphones
            have 10 dB and more, distant ones 0 and less.
    """

    def __init__(
        self, seconds: tuple[float, float] = (0.2, 1.0), direct_db: tuple[float, float] = (-3.0, 15.0), p: float = 1.0
    ) -> None:
        super().__init__(p)
        self.seconds, self.direct_db = seconds, direct_db
        self._require_bounds("seconds", 0.05, 10.0)
        self._require_bounds("direct_db")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items, rate = np.flatnonzero(self.chosen(draws)), sounds.hertz
        made = rooms.Rooms(
            draws.uniform(*self.seconds)[items],
            draws.uniform(*self.direct_db)[items],
            np.stack([draws.uniform()[items] for _ in range(rooms.REFLECTIONS)], axis=1),
            draws.normal(items, rooms.REFLECTIONS),
            draws.normal(items, rooms.taps(self.seconds[1], rate)),
        )
        responses = rooms.impulse_responses(made, rate)
        self._put(sounds, items, rooms.convolve(sounds.audio[items], responses))
