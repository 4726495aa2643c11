"""Random melodies as f0 contours: phrases of notes on a scale, with glides, vibrato and rests."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series

FRAME = 0.002  # s between points of the contour
SHORTEST_NOTE = 0.06  # s
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "chromatic": tuple(range(12)),
}
STEPS = (-4, -3, -2, -1, 1, 2, 3, 4)  # notes of the scale
STEP_PROBABILITIES = (0.03, 0.05, 0.14, 0.28, 0.28, 0.14, 0.05, 0.03)


@dataclass(frozen=True)
class MelodyStyle:
    """The distribution of melodies.

    Attributes:
        lowest_note: MIDI, may be fractional.
        highest_note: MIDI, may be fractional.
        notes_per_second: slowest and fastest tempo; one is drawn for each melody.
        vibrato_cents: largest deviation of vibrato from the note; it may leave the range of notes.
        glide_probability: that a note begins with a glide from the previous one of its phrase.
        rest_probability: that a rest follows a note, which ends the phrase.
    """

    lowest_note: float
    highest_note: float
    notes_per_second: tuple[float, float]
    vibrato_cents: float
    glide_probability: float
    rest_probability: float


class Melody(NamedTuple):
    """Pitch and loudness of a melody.

    Attributes:
        contour: f0 every 2 ms from 0 to at least the end of the recording.
        loudness: float64 `(frames,)`, amplitude relative to a note of average loudness, at the contour's times.
    """

    contour: F0Series
    loudness: NDArray[np.float64]


class Note(NamedTuple):
    """A tone of a melody.

    Attributes:
        start: s.
        stop: s.
        pitch: MIDI, may be fractional.
        origin: MIDI, where the glide begins; equal to the pitch without a glide.
        glide: s.
        vibrato_depth: semitones.
        vibrato_rate: Hz.
        loudness: dB.
        vibrato_onset: s in which vibrato grows.
        drift: semitones that the pitch moves by in a second.
    """

    start: float
    stop: float
    pitch: float
    origin: float
    glide: float
    vibrato_depth: float
    vibrato_rate: float
    loudness: float
    vibrato_onset: float = 0.2
    drift: float = 0.0

    def pitches(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """MIDI pitch at these times, s."""
        age = times - self.start
        still_to_go = 0.5 + 0.5 * np.cos(np.pi * np.clip(age / self.glide, 0.0, 1.0))
        depth = self.vibrato_depth * np.clip(age / self.vibrato_onset, 0.0, 1.0)  # it grows, as players do it
        vibrato = depth * np.sin(2.0 * np.pi * self.vibrato_rate * age)
        return np.asarray(self.pitch + (self.origin - self.pitch) * still_to_go + vibrato + self.drift * age)


def draw_melody(generator: np.random.Generator, style: MelodyStyle, seconds: float) -> Melody:
    """A random melody.

    Args:
        generator: of all random numbers.
        style: range, tempo and ornaments.
        seconds: length.
    """
    return melody_of(_draw_notes(generator, style, seconds), seconds)


def melody_of(notes: Iterable[Note], seconds: float) -> Melody:
    """A melody of notes that do not overlap.

    Args:
        notes: in their order; what lies beyond the end is cut off.
        seconds: length.
    """
    times = FRAME * np.arange(math.ceil(seconds / FRAME) + 1)
    f0 = np.zeros(len(times))
    loudness = np.zeros(len(times))  # dB
    for note in notes:
        first, last = np.searchsorted(times, (note.start, note.stop))
        f0[first:last] = 440.0 * 2.0 ** ((note.pitches(times[first:last]) - 69.0) / 12.0)
        loudness[first:] = note.loudness
    return Melody(F0Series(times, f0), _smooth(10.0 ** (loudness / 20.0)))


def _draw_notes(generator: np.random.Generator, style: MelodyStyle, seconds: float) -> list[Note]:
    scale = draw_scale(generator, style.lowest_note, style.highest_note)
    tempo = generator.uniform(*style.notes_per_second)
    vibrato_rate = generator.uniform(4.5, 7.0)
    degree = int(generator.integers(len(scale)))
    phrase_loudness = generator.normal(0.0, 4.0)
    previous: Note | None = None
    time = _draw_duration(generator, tempo) if generator.random() < style.rest_probability else 0.0
    notes = []
    while time < seconds:
        degree = next_degree(generator, degree, len(scale))
        duration = _draw_duration(generator, tempo)
        pitch = float(scale[degree])
        glides = generator.random() < style.glide_probability and previous is not None
        previous = Note(
            start=time,
            stop=time + duration,
            pitch=pitch,
            origin=previous.pitch if previous is not None and glides else pitch,
            glide=min(generator.uniform(0.03, 0.2), 0.6 * duration),
            vibrato_depth=generator.uniform(0.0, style.vibrato_cents) / 100.0,
            vibrato_rate=vibrato_rate * generator.uniform(0.95, 1.05),
            loudness=phrase_loudness + generator.normal(0.0, 1.5),
        )
        notes.append(previous)
        time = previous.stop
        if generator.random() < style.rest_probability:
            time += _draw_duration(generator, tempo)
            previous = None
            degree = int(generator.integers(len(scale)))
            phrase_loudness = generator.normal(0.0, 4.0)
    return notes


def draw_scale(generator: np.random.Generator, lowest: float, highest: float) -> NDArray[np.float64]:
    """The notes of a scale, MIDI. Its root is any pitch, also between the keys of a piano.

    Args:
        generator: of all random numbers.
        lowest: no note is below, MIDI.
        highest: no note is above, MIDI; without a note of the scale between them there is one of no scale.
    """
    intervals = SCALES[str(generator.choice(list(SCALES)))]
    root = generator.uniform(0.0, 12.0)
    octaves = 12.0 * np.arange(math.floor(lowest / 12.0) - 1, math.ceil(highest / 12.0) + 1)
    notes = np.sort(np.add.outer(octaves, root + np.array(intervals)).ravel())
    inside = notes[(notes >= lowest) & (notes <= highest)]
    return inside if len(inside) else np.array([generator.uniform(lowest, highest)])


def _draw_duration(generator: np.random.Generator, tempo: float) -> float:
    return max(SHORTEST_NOTE, float(generator.lognormal(0.0, 0.4)) / tempo)


def next_degree(generator: np.random.Generator, degree: int, notes: int) -> int:
    """A step on the scale, most often to a neighbour; a step out of the range is reversed.

    Args:
        generator: of all random numbers.
        degree: place in the scale, from 0.
        notes: number of notes of the scale.
    """
    step = int(generator.choice(STEPS, p=STEP_PROBABILITIES))
    return degree + step if 0 <= degree + step < notes else min(max(degree - step, 0), notes - 1)


def _smooth(amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over 18 ms, so that a change of loudness does not click."""
    width = 9
    padded = np.pad(amplitudes, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
