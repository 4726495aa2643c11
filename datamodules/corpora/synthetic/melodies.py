"""Random melodies rendered as audio, whose f0 is exact by construction."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import (
    Audio,
    AudioSource,
    Corpus,
    PitchSource,
    Recording,
    Source,
    require,
    unique_and_sorted,
)
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS, Articulation, Timbre, render
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.phrases import Melody, MelodyStyle, draw_melody
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same parameters give other audio or another contour


@dataclass(frozen=True)
class SyntheticRecording:
    """Parameters of one recording, from which its audio and f0 are computed.

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

    def fingerprint(self) -> str:
        """All parameters as canonical JSON."""
        return json.dumps({"SyntheticMelody": VERSION, **asdict(self)}, sort_keys=True)

    def melody(self) -> Melody:
        """The melody, always the same. Rendering draws other random numbers, so the f0 is known without it."""
        return draw_melody(np.random.default_rng([*self.stream, 0]), self.style, self.seconds)


@dataclass(frozen=True)
class _Rendered(Source):
    recording: SyntheticRecording

    @override
    def fingerprint(self) -> str:
        return self.recording.fingerprint()


class SyntheticAudio(_Rendered, AudioSource):
    """Melody, accompaniment and noise of a synthetic recording."""

    @override
    def read(self) -> Audio:
        generator = np.random.default_rng([*self.recording.stream, 1])
        melody = self._voice(self.recording.melody(), generator)
        accompaniment = None
        if self.recording.accompaniment_db is not None:
            others = [self._other_voice(generator) for _ in range(generator.integers(2, 4))]
            accompaniment = np.sum(others, axis=0)
        return mix(
            melody,
            rate=self.recording.rate,
            generator=generator,
            accompaniment=accompaniment,
            accompaniment_db=self.recording.accompaniment_db or 0.0,
            snr_db=self.recording.snr_db,
        )

    def _other_voice(self, generator: np.random.Generator) -> NDArray[np.float64]:
        melody = draw_melody(generator, self.recording.style, self.recording.seconds)
        return self._voice(melody, generator)

    def _voice(self, melody: Melody, generator: np.random.Generator) -> NDArray[np.float64]:
        rate = self.recording.rate
        samples = round(self.recording.seconds * rate)
        timbre = Timbre.draw(generator, self.recording.harmonics)
        audio = render(melody.contour, timbre, Articulation.draw(generator), samples=samples, rate=rate)
        return audio * np.interp(np.arange(samples) / rate, melody.contour.times, melody.loudness)


class SyntheticTruth(_Rendered, PitchSource):
    """The f0 of a synthetic recording's melody, every 2 ms."""

    @override
    def read(self) -> F0Series:
        return self.recording.melody().contour


class SyntheticMelody(Corpus):
    """Random melodies of harmonic tones.

    A recording depends only on the seed, the name of its split and its number. So splits share no phrase, and a split
    can grow, or a new one be added, without a change to the others. Every recording, `<split>_<number>`, is a group.

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
        self.counts = dict(recordings)
        self.seconds = seconds
        self.rate = rate
        self.lowest_note = lowest_note
        self.highest_note = highest_note
        self.notes_per_second = notes_per_second
        self.vibrato_cents = vibrato_cents
        self.glide_probability = glide_probability
        self.rest_probability = rest_probability
        self.harmonics = harmonics
        self.accompaniment_db = accompaniment_db
        self.snr_db = snr_db
        self.seed = seed
        self._check_sizes()
        self._check_notes()

    @override
    def recordings(self) -> Sequence[Recording]:
        return unique_and_sorted(
            (self._recording(split, number) for split, count in self.counts.items() for number in range(count)),
            "SyntheticMelody",
        )

    def _recording(self, split: str, number: int) -> Recording:
        style = MelodyStyle(
            lowest_note=self.lowest_note,
            highest_note=self.highest_note,
            notes_per_second=(self.notes_per_second[0], self.notes_per_second[1]),
            vibrato_cents=self.vibrato_cents,
            glide_probability=self.glide_probability,
            rest_probability=self.rest_probability,
        )
        parameters = SyntheticRecording(
            style=style,
            seconds=self.seconds,
            rate=self.rate,
            harmonics=self.harmonics,
            accompaniment_db=self.accompaniment_db,
            snr_db=self.snr_db,
            stream=(self.seed, zlib.crc32(split.encode()), number),
        )
        name = f"{split}_{number:05d}"
        return Recording(name, SyntheticAudio(parameters), SyntheticTruth(parameters), group=name, split=split)

    def _check_sizes(self) -> None:
        if min(self.counts.values(), default=0) < 0 or sum(self.counts.values()) < 1:
            raise DataError(f"SyntheticMelody: recordings = {self.counts}: at least one is needed, and none negative")
        require(self, "rate", self.rate >= 1, "samples per second, at least 1")
        require(self, "seconds", 1 <= self.seconds * self.rate < math.inf, "it must be finite and hold a sample")
        require(self, "harmonics", self.harmonics >= 1, "at least 1")
        require(self, "seed", self.seed >= 0, "it must not be negative")
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
