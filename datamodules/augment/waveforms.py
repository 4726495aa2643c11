"""Augmentations of the waveform alone: gain, level, polarity, noise, mixing, time shift."""

from __future__ import annotations

from typing import Literal

import numpy as np
from typing_extensions import override

from datamodules.acoustics.levels import amplitude, gain
from datamodules.acoustics.noise import coloured_noise, noise_values
from datamodules.augment.base import Sounds, WaveformAugmentation
from datamodules.augment.draws import ROWS, Draws, Ints, Singles


class Gain(WaveformAugmentation):
    """Makes items louder or softer; samples beyond full scale are clipped, never wrapped.

    Args:
        db: range of the gain, dB, drawn uniformly.
    """

    def __init__(self, db: tuple[float, float], p: float = 1.0) -> None:
        super().__init__(p)
        self.db = db
        self._require_bounds("db")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        factor = np.where(self.chosen(draws), amplitude(draws.uniform(*self.db)), 1.0)
        sounds.audio[:] *= factor[:, None].astype(np.float32)
        sounds.power[:] *= factor**2


class Level(WaveformAugmentation):
    """Brings the recordings of items to a level; samples beyond full scale are clipped.

    The level is that of the whole recording, so that a soft part of it stays softer than a loud one. A silent recording
    stays silent.

    Args:
        dbfs: range of the root mean square, dB relative to full scale, drawn uniformly. Speech and music have peaks of
            12 to 20 dB more.
    """

    def __init__(self, dbfs: tuple[float, float], p: float = 1.0) -> None:
        super().__init__(p)
        self.dbfs = dbfs
        self._require_bounds("dbfs", most=0.0)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        chosen, wanted = self.chosen(draws), (32768 * amplitude(draws.uniform(*self.dbfs))) ** 2
        items = np.flatnonzero(chosen & (sounds.power > 0))
        sounds.audio[items] *= gain(sounds.power[items], wanted[items])
        sounds.power[items] = wanted[items]


class Polarity(WaveformAugmentation):
    """Changes the sign of all samples."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        sounds.audio[:] *= np.where(self.chosen(draws), np.float32(-1), np.float32(1))[:, None]


class Noise(WaveformAugmentation):
    """Adds Gaussian noise; its mean square over the item has exactly the drawn ratio to the power of the recording.

    Args:
        snr_db: range of the ratio of recording to noise, dB, drawn uniformly.
        colour: `white`; `pink`, whose power falls by 3 dB an octave; or `coloured`, whose power falls with frequency by
            a power law from 20 Hz on.
        exponent: range of the exponent of `coloured` noise, drawn uniformly: 0 is white, 1 pink, 2 brown.
    """

    def __init__(
        self,
        snr_db: tuple[float, float],
        p: float = 1.0,
        colour: Literal["white", "pink", "coloured"] = "white",
        exponent: tuple[float, float] = (0.0, 2.4),
    ) -> None:
        super().__init__(p)
        self.snr_db, self.colour, self.exponent = snr_db, colour, exponent
        self._require_bounds("snr_db")
        self._require("colour", colour in ("white", "pink", "coloured"), "white, pink or coloured")
        self._require_bounds("exponent", -3.0, 3.0)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items = np.flatnonzero(self.chosen(draws))
        power = sounds.power[items] / amplitude(draws.uniform(*self.snr_db)[items]) ** 2
        noise = self._noise(items, sounds, draws)
        sounds.audio[items] += noise * gain(np.mean(noise**2, axis=1).astype(np.float64), power)
        sounds.power[items] += power

    def _noise(self, items: Ints, sounds: Sounds, draws: Draws) -> Singles:
        samples = sounds.audio.shape[1]
        if self.colour == "coloured":
            exponent = draws.uniform(*self.exponent)[items]
            return coloured_noise(draws.normal(items, noise_values(samples)), exponent, samples, sounds.hertz)
        white = draws.normal(items, samples)
        return _pink(white) if self.colour == "pink" else white


class Mix(WaveformAugmentation):
    """Adds parts of recordings of other tracks; the labels stay those of the item.

    The other recordings are drawn from the records that are shuffled together with the item's, so they depend on
    `streams` and `group` of the data module too. If these are all of one track, a record of another track is added to
    them.

    Args:
        snr_db: range of the ratio of the item's recording to all that is added, dB, drawn uniformly.
        sources: fewest and most recordings that are added, all of equal power.
    """

    def __init__(self, snr_db: tuple[float, float], p: float = 1.0, sources: tuple[int, int] = (1, 1)) -> None:
        super().__init__(p)
        self.snr_db, self.sources = snr_db, sources
        self._require_bounds("snr_db")
        self._require("sources", 1 <= sources[0] <= sources[1], "two numbers from 1 on, the lower one first")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        assert sounds.others is not None, "Mix needs Sounds.others"
        chosen = self.chosen(draws)
        power = sounds.power / amplitude(draws.uniform(*self.snr_db)) ** 2
        # The first source first, so that one source draws the same numbers whatever is asked for beside it.
        places = [(draws.uniform(), draws.uniform()) for _ in range(self.sources[1])]
        count = np.full(power.size, self.sources[0])
        if self.sources[1] > self.sources[0]:
            count = np.floor(draws.uniform(self.sources[0], self.sources[1] + 1)).astype(np.int64)
        for number, (which, where) in enumerate(places):
            items = np.flatnonzero(chosen & (count > number))
            each = power[items] / count[items]
            audio, stored = sounds.others.draw(items, which[items], where[items])
            sounds.audio[items] += audio * gain(stored, each)
            sounds.power[items] += np.where(stored > 0, each, 0.0)


class TimeShift(WaveformAugmentation):
    """Moves clips earlier or later: zeros fill the gap, and what leaves the clip is lost. For clips of one label only.

    Args:
        part: largest shift in either direction, as a fraction of the clip; shifts are drawn uniformly.
    """

    def __init__(self, part: float = 0.1, p: float = 1.0) -> None:
        super().__init__(p)
        self.part = part
        self._require("part", 0 <= part < 1, "a part of the clip, from 0 to less than 1")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        furthest = int(self.part * sounds.audio.shape[1])
        places = np.floor(draws.uniform() * (2 * furthest + 1)).astype(int) - furthest
        for item in np.flatnonzero(self.chosen(draws) & (places != 0)):
            audio, place = sounds.audio[item], int(places[item])
            audio[:] = np.roll(audio, place)
            audio[slice(0, place) if place > 0 else slice(place, None)] = 0


def _pink(white: Singles) -> Singles:
    """Noise of zero mean whose power is inverse to frequency; the white values become its spectrum."""
    items, samples = white.shape
    bins = (samples - 1) // 2
    amplitude = 1 / np.sqrt(np.arange(1, bins + 1))
    noise = np.empty_like(white)
    for low in range(0, items, ROWS):
        block = white[low : low + ROWS]
        spectrum = np.zeros((len(block), samples // 2 + 1), np.complex128)
        spectrum.real[:, 1 : bins + 1] = amplitude * block[:, :bins]
        spectrum.imag[:, 1 : bins + 1] = amplitude * block[:, bins : 2 * bins]
        noise[low : low + ROWS] = np.fft.irfft(spectrum, n=samples)
    return noise
