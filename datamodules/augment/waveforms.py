"""Augmentations of the waveform alone: gain, polarity, noise, mixing, time shift."""

from __future__ import annotations

from typing import Literal

import numpy as np
from typing_extensions import override

from datamodules.augment.base import Sounds, WaveformAugmentation
from datamodules.augment.draws import ROWS, Doubles, Draws, Singles


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
        gain = np.where(self.chosen(draws), _ratio(draws.uniform(*self.db)), 1.0)
        sounds.audio[:] *= gain[:, None].astype(np.float32)
        sounds.power[:] *= gain**2


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
        colour: `white`, or `pink`, whose power falls by 3 dB an octave.
    """

    def __init__(self, snr_db: tuple[float, float], p: float = 1.0, colour: Literal["white", "pink"] = "white") -> None:
        super().__init__(p)
        self.snr_db, self.colour = snr_db, colour
        self._require_bounds("snr_db")
        self._require("colour", colour in ("white", "pink"), "white or pink")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items = np.flatnonzero(self.chosen(draws))
        power = sounds.power[items] / _ratio(draws.uniform(*self.snr_db)[items]) ** 2
        noise = draws.normal(items, sounds.audio.shape[1])
        if self.colour == "pink":
            noise = _pink(noise)
        sounds.audio[items] += noise * _gain(np.mean(noise**2, axis=1).astype(np.float64), power)
        sounds.power[items] += power


class Mix(WaveformAugmentation):
    """Adds a part of a recording of another track; the labels stay those of the item.

    The other recording is drawn from the records that are shuffled together with the item's, so it depends on `streams`
    and `group` of the data module too. If these are all of one track, a record of another track is added to them.

    Args:
        snr_db: range of the ratio of the item's recording to the other one, dB, drawn uniformly.
    """

    def __init__(self, snr_db: tuple[float, float], p: float = 1.0) -> None:
        super().__init__(p)
        self.snr_db = snr_db
        self._require_bounds("snr_db")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        assert sounds.others is not None, "Mix needs Sounds.others"
        items = np.flatnonzero(self.chosen(draws))
        power = sounds.power[items] / _ratio(draws.uniform(*self.snr_db)[items]) ** 2
        audio, stored = sounds.others.draw(items, draws.uniform()[items], draws.uniform()[items])
        sounds.audio[items] += audio * _gain(stored, power)
        sounds.power[items] += np.where(stored > 0, power, 0.0)


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


def _ratio(db: Doubles) -> Doubles:
    """The ratio of amplitudes of a level in dB."""
    return np.asarray(10.0 ** (db / 20), np.float64)


def _gain(power: Doubles, wanted: Doubles) -> Singles:
    """The factor of amplitude from one power to another, `(items, 1)`; 0 for silence."""
    ratio = np.divide(wanted, power, out=np.zeros_like(power), where=power > 0)
    return np.asarray(np.sqrt(ratio)[:, None], np.float32)


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
