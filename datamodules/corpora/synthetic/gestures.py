"""Random lines of music as f0 contours: phrases, isolated and steady tones, long glissandi, with rests between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.dynamics import slow_noise
from datamodules.corpora.synthetic.phrases import Melody, Note, draw_scale, melody_of, next_degree

SHORTEST, LONGEST = 0.06, 3.0  # s of a note
SHORTEST_REST, LONGEST_REST = 0.05, 6.0  # s between gestures; in the long ones what accompanies is alone
PERIODS = 4.0  # a note has at least as many periods
WIDEST = 1.5  # semitones of vibrato to each side
LOUDNESS = (-10.0, 6.0)  # dB; so that the softest note is heard
PHRASE, TONES, GLISSANDI = 0.65, 0.2, 0.15  # probabilities of the gestures


def draw_line(generator: np.random.Generator, lowest: float, highest: float, seconds: float) -> Melody:
    """A random line within a register: gestures of one player, one after the other.

    Args:
        generator: of all random numbers.
        lowest: Hz; about the lowest f0.
        highest: Hz; about the highest f0.
        seconds: length.
    """
    player = _Player.draw(generator, lowest, highest)
    notes: list[Note] = []
    time = generator.uniform(0.0, 0.5)
    while time < seconds:
        gesture = generator.choice(3, p=(PHRASE, TONES, GLISSANDI))
        notes += (player.phrase, player.tones, player.glissandi)[gesture](generator, time)
        time = notes[-1].stop + _between(generator, SHORTEST_REST, LONGEST_REST)
    return player.performed(generator, melody_of(notes, seconds), notes)


@dataclass(frozen=True)
class _Player:
    """Range and habits of a player.

    Attributes:
        scale: MIDI, rising.
        vibrato: semitones to each side, at most.
        vibrato_rate: Hz.
        gliding: probability that a note glides from the one before.
        staccato: share of a note that is silent, at most.
        unsteadiness: semitones, standard deviation of small changes of pitch.
        dynamics: dB, standard deviation of crescendo and decrescendo.
    """

    scale: NDArray[np.float64]
    vibrato: float
    vibrato_rate: float
    gliding: float
    staccato: float
    unsteadiness: float
    dynamics: float

    @classmethod
    def draw(cls, generator: np.random.Generator, lowest: float, highest: float) -> _Player:
        bottom, top = (69.0 + 12.0 * math.log2(frequency / 440.0) for frequency in (lowest, highest))
        width = min(generator.uniform(5.0, 26.0), top - bottom)
        start = generator.uniform(bottom, top - width)
        return cls(
            scale=draw_scale(generator, start, start + width),
            vibrato=WIDEST * generator.random() ** 1.5 if generator.random() < 0.7 else 0.0,
            vibrato_rate=generator.uniform(4.0, 8.0),
            gliding=generator.choice((0.0, 0.15, 0.5, 0.9)),
            staccato=generator.uniform(0.0, 0.6) if generator.random() < 0.4 else 0.0,
            unsteadiness=generator.uniform(0.0, 0.12) if generator.random() < 0.7 else 0.0,
            dynamics=generator.uniform(0.0, 5.0),
        )

    def phrase(self, generator: np.random.Generator, time: float) -> list[Note]:
        """Notes of a scale at one tempo."""
        tempo = _between(generator, 0.5, 12.0)  # notes a second
        degree = int(generator.integers(len(self.scale)))
        loudness = generator.normal(0.0, 3.0)
        notes: list[Note] = []
        for _ in range(int(generator.integers(2, 16))):
            length = float(np.clip(generator.lognormal(0.0, 0.4) / tempo, SHORTEST, LONGEST))
            pitch, before = float(self.scale[degree]), notes[-1] if notes else None
            note = self._note(generator, time, length, pitch, loudness)
            if before is not None and generator.random() < self.gliding and before.stop == time:
                note = note._replace(origin=before.pitch, glide=_glide(generator, note))
            silent = generator.uniform(0.0, self.staccato) * (note.stop - note.start - SHORTEST)
            notes.append(note._replace(stop=note.stop - max(silent, 0.0)))
            time = note.stop
            degree = next_degree(generator, degree, len(self.scale))
            if self.scale[degree] == pitch:
                time += generator.uniform(0.02, 0.08)  # a repeated note has to be heard as one
        return notes

    def tones(self, generator: np.random.Generator, time: float) -> list[Note]:
        """One to four tones of any pitch with silence between them; half of them are steady."""
        notes = []
        for _ in range(int(generator.integers(1, 5))):
            pitch = generator.uniform(self.scale[0], self.scale[-1])
            note = self._note(
                generator, time, _between(generator, SHORTEST, LONGEST), pitch, generator.normal(0.0, 4.0)
            )
            notes.append(note._replace(vibrato_depth=0.0, drift=0.0) if generator.random() < 0.5 else note)
            time = note.stop + _between(generator, 0.03, 0.6)
        return notes

    def glissandi(self, generator: np.random.Generator, time: float) -> list[Note]:
        """One to four glides in a row, each of up to two octaves."""
        loudness, origin = generator.normal(0.0, 3.0), generator.uniform(self.scale[0], self.scale[-1])
        notes = []
        for _ in range(int(generator.integers(1, 5))):
            pitch = float(np.clip(origin + generator.normal(0.0, 10.0), self.scale[0], self.scale[-1]))
            length = _between(generator, 0.2, LONGEST)
            note = self._note(generator, time, length, pitch, loudness)
            notes.append(note._replace(origin=origin, glide=length, drift=0.0))
            time, origin = note.stop, pitch
        return notes

    def _note(self, generator: np.random.Generator, time: float, length: float, pitch: float, loudness: float) -> Note:
        period = 1.0 / (440.0 * 2.0 ** ((pitch - 69.0) / 12.0))
        trembles = length > 0.25 and generator.random() < 0.7
        return Note(
            start=time,
            stop=time + max(length, PERIODS * period),
            pitch=pitch,
            origin=pitch,
            glide=SHORTEST,
            vibrato_depth=self.vibrato * generator.uniform(0.3, 1.0) if trembles else 0.0,
            vibrato_rate=self.vibrato_rate * generator.uniform(0.9, 1.1),
            loudness=float(np.clip(loudness + generator.normal(0.0, 1.5), *LOUDNESS)),
            vibrato_onset=generator.uniform(0.02, 0.6),
            drift=float(np.clip(generator.normal(0.0, 0.15), -0.4, 0.4)) / max(length, 0.3),
        )

    def performed(self, generator: np.random.Generator, melody: Melody, notes: list[Note]) -> Melody:
        """The melody with crescendo, and with small changes of pitch where notes are not steady."""
        times, f0 = melody.contour
        steady = np.zeros(len(times), dtype=bool)
        for note in notes:
            if not note.vibrato_depth and not note.drift and note.origin == note.pitch:
                first, last = np.searchsorted(times, (note.start, note.stop))
                steady[first:last] = True
        changes = slow_noise(generator, times, _between(generator, 4.0, 25.0)).clip(-2.5, 2.5)
        semitones = np.where(steady, 0.0, self.unsteadiness * changes)
        swell = (self.dynamics * slow_noise(generator, times, 0.7)).clip(*LOUDNESS)
        loudness = melody.loudness * 10.0 ** (swell / 20.0)
        return Melody(F0Series(times, f0 * 2.0 ** (semitones / 12.0)), loudness)


def _glide(generator: np.random.Generator, note: Note) -> float:
    """Most glides are short; some take most of the note."""
    length = note.stop - note.start
    return min(generator.uniform(0.03, 0.2), 0.6 * length) if generator.random() < 0.75 else 0.9 * length


def _between(generator: np.random.Generator, lowest: float, highest: float) -> float:
    """A number between two that is as likely in every octave."""
    return float(lowest * (highest / lowest) ** generator.random())
