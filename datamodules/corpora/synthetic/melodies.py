"""Random melodies rendered as audio, whose f0 is exact by construction."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, require
from datamodules.corpora.synthetic.computed import ComputedCorpus, ComputedRecording
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.phrases import Melody, MelodyStyle, draw_melody
from datamodules.corpora.synthetic.timbres import SteadyTimbres

VERSION = 1  # part of cache keys: raise it when the same parameters give other audio or another contour


@dataclass(frozen=True)
class SyntheticRecording(ComputedRecording):
    """Parameters of a random melody.

    Attributes:
        style: distribution of the melody.
        seconds: length.
        rate: samples per second.
        harmonics: number of harmonics of every voice.
        accompaniment_db: level of the accompaniment relative to the melody, dB; None: none.
        snr_db: level of the melody relative to noise, dB; None: no noise.
        stream: seed, hash of the split's name, and number: the seed of the recording's random numbers.
    """

    style: MelodyStyle
    seconds: float
    rate: int
    harmonics: int
    accompaniment_db: float | None
    snr_db: float | None
    stream: tuple[int, int, int]

    @override
    def fingerprint(self) -> str:
        return json.dumps({"SyntheticMelody": VERSION, **asdict(self)}, sort_keys=True)

    @override
    def contour(self) -> F0Series:
        return self._melody().contour

    @override
    def audio(self) -> Audio:
        generator = np.random.default_rng([*self.stream, 1])
        melody = self._voice(self._melody(), generator)
        accompaniment = None
        if self.accompaniment_db is not None:
            others = [self._other_voice(generator) for _ in range(generator.integers(2, 4))]
            accompaniment = np.sum(others, axis=0)
        return mix(
            melody,
            rate=self.rate,
            generator=generator,
            accompaniment=accompaniment,
            accompaniment_db=self.accompaniment_db or 0.0,
            snr_db=self.snr_db,
        )

    def _melody(self) -> Melody:
        return draw_melody(np.random.default_rng([*self.stream, 0]), self.style, self.seconds)

    def _other_voice(self, generator: np.random.Generator) -> NDArray[np.float64]:
        return self._voice(draw_melody(generator, self.style, self.seconds), generator)

    def _voice(self, melody: Melody, generator: np.random.Generator) -> NDArray[np.float64]:
        samples = round(self.seconds * self.rate)
        return SteadyTimbres(self.harmonics).play_melody(melody, generator, samples=samples, rate=self.rate)


class SyntheticMelody(ComputedCorpus):
    """Random melodies of harmonic tones.

    Args:
        recordings: how many in each split, by the split's name.
        seconds: length of each.
        rate: samples per second.
        lowest_note: MIDI.
        highest_note: MIDI.
        notes_per_second: slowest and fastest tempo; one is drawn for each melody.
        vibrato_cents: largest deviation of vibrato from the note.
        glide_probability: that a note begins with a glide from the previous one of its phrase.
        rest_probability: that a rest follows a note.
        harmonics: number of harmonics of every voice.
        accompaniment_db: level of two or three other voices together, relative to the melody, dB; null: none.
        snr_db: level of the melody relative to white or pink noise, dB; null: no noise.
        seed: of all random numbers, 0 or more.
    """

    def __init__(
        self,
        recordings: dict[str, int],
        seconds: float,
        rate: int = 16000,
        lowest_note: float = 40.0,
        highest_note: float = 84.0,
        notes_per_second: tuple[float, float] = (1.5, 6.0),
        vibrato_cents: float = 50.0,
        glide_probability: float = 0.3,
        rest_probability: float = 0.15,
        harmonics: int = 12,
        accompaniment_db: float | None = None,
        snr_db: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(recordings, seconds, rate, seed)
        self.lowest_note = lowest_note
        self.highest_note = highest_note
        self.notes_per_second = notes_per_second
        self.vibrato_cents = vibrato_cents
        self.glide_probability = glide_probability
        self.rest_probability = rest_probability
        self.harmonics = harmonics
        self.accompaniment_db = accompaniment_db
        self.snr_db = snr_db
        self._check_levels()
        self._check_notes()

    @override
    def computed(self, stream: tuple[int, int, int]) -> SyntheticRecording:
        style = MelodyStyle(
            lowest_note=self.lowest_note,
            highest_note=self.highest_note,
            notes_per_second=(self.notes_per_second[0], self.notes_per_second[1]),
            vibrato_cents=self.vibrato_cents,
            glide_probability=self.glide_probability,
            rest_probability=self.rest_probability,
        )
        return SyntheticRecording(
            style=style,
            seconds=self.seconds,
            rate=self.rate,
            harmonics=self.harmonics,
            accompaniment_db=self.accompaniment_db,
            snr_db=self.snr_db,
            stream=stream,
        )

    def _check_levels(self) -> None:
        require(self, "harmonics", self.harmonics >= 1, "at least 1")
        for key in ("accompaniment_db", "snr_db"):
            level = getattr(self, key)
            require(self, key, level is None or math.isfinite(level), "it must be finite; null leaves it out")

    def _check_notes(self) -> None:
        require(self, "vibrato_cents", 0 <= self.vibrato_cents < math.inf, "it must be finite and not negative")
        require(self, "lowest_note", math.isfinite(self.lowest_note), "it must be a finite MIDI note")
        in_order = self.lowest_note <= self.highest_note
        require(self, "highest_note", in_order, f"it must not be below lowest_note, {self.lowest_note:g}")
        limit = FADE_BEGINS * self.rate / 2  # Hz
        audible = self.highest_note + self.vibrato_cents / 100.0 <= 69.0 + 12.0 * math.log2(limit / 440.0)
        require(self, "highest_note", audible, f"with vibrato it goes beyond {limit:g} Hz; raise rate")
        slowest, fastest = self.notes_per_second
        require(self, "notes_per_second", 0 < slowest <= fastest < math.inf, "slowest and fastest tempo, above 0")
        for key in ("glide_probability", "rest_probability"):
            require(self, key, 0 <= getattr(self, key) <= 1, "it must lie between 0 and 1")
