"""Random melodies as f0 contours: phrases of notes on a scale, with glides, vibrato and rests."""

from __future__ import annotations

import math
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


class _Note(NamedTuple):
    start: float  # s
    stop: float  # s
    pitch: float  # MIDI
    origin: float  # MIDI, where the glide begins; equal to the pitch without a glide
    glide: float  # s
    vibrato_depth: float  # semitones
    vibrato_rate: float  # Hz
    loudness: float  # dB

    def pitches(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """MIDI pitch at these times, s."""
        age = times - self.start
        still_to_go = 0.5 + 0.5 * np.cos(np.pi * np.clip(age / self.glide, 0.0, 1.0))
        # Vibrato grows during the first fifth of a second, as players do it.
        depth = self.vibrato_depth * np.clip(age / 0.2, 0.0, 1.0)
        vibrato = depth * np.sin(2.0 * np.pi * self.vibrato_rate * age)
        return np.asarray(self.pitch + (self.origin - self.pitch) * still_to_go + vibrato)


def draw_melody(generator: np.random.Generator, style: MelodyStyle, seconds: float) -> Melody:
    """A random melody.

    Args:
        generator: of all random numbers.
        style: range, tempo and ornaments.
        seconds: length.
    """
    times = FRAME * np.arange(math.ceil(seconds / FRAME) + 1)
    f0 = np.zeros(len(times))
    loudness = np.zeros(len(times))  # dB
    for note in _draw_notes(generator, style, seconds):
        first, last = np.searchsorted(times, (note.start, note.stop))
        f0[first:last] = 440.0 * 2.0 ** ((note.pitches(times[first:last]) - 69.0) / 12.0)
        loudness[first:] = note.loudness
    return Melody(F0Series(times, f0), _smooth(10.0 ** (loudness / 20.0)))


def _draw_notes(generator: np.random.Generator, style: MelodyStyle, seconds: float) -> list[_Note]:
    scale = _draw_scale(generator, style)
    tempo = generator.uniform(*style.notes_per_second)
    vibrato_rate = generator.uniform(4.5, 7.0)
    degree = int(generator.integers(len(scale)))
    phrase_loudness = generator.normal(0.0, 4.0)
    previous: _Note | None = None
    time = _draw_duration(generator, tempo) if generator.random() < style.rest_probability else 0.0
    notes = []
    while time < seconds:
        degree = _next_degree(generator, degree, len(scale))
        duration = _draw_duration(generator, tempo)
        pitch = float(scale[degree])
        glides = generator.random() < style.glide_probability and previous is not None
        previous = _Note(
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


def _draw_scale(generator: np.random.Generator, style: MelodyStyle) -> NDArray[np.float64]:
    """The notes of a scale in the style's range, MIDI. Its root is any pitch, also between the keys of a piano."""
    intervals = SCALES[str(generator.choice(list(SCALES)))]
    root = generator.uniform(0.0, 12.0)
    octaves = 12.0 * np.arange(math.floor(style.lowest_note / 12.0) - 1, math.ceil(style.highest_note / 12.0) + 1)
    notes = np.sort(np.add.outer(octaves, root + np.array(intervals)).ravel())
    inside = notes[(notes >= style.lowest_note) & (notes <= style.highest_note)]
    return inside if len(inside) else np.array([generator.uniform(style.lowest_note, style.highest_note)])


def _draw_duration(generator: np.random.Generator, tempo: float) -> float:
    return max(SHORTEST_NOTE, float(generator.lognormal(0.0, 0.4)) / tempo)


def _next_degree(generator: np.random.Generator, degree: int, notes: int) -> int:
    """A step on the scale, most often to a neighbour; a step out of the range is reversed."""
    step = int(generator.choice(STEPS, p=STEP_PROBABILITIES))
    return degree + step if 0 <= degree + step < notes else min(max(degree - step, 0), notes - 1)


def _smooth(amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over 18 ms, so that a change of loudness does not click."""
    width = 9
    padded = np.pad(amplitudes, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
