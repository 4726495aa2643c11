"""Timbres that change with pitch and time: strings, winds, voices, plucked and bowed, from dull to breathy.

Nothing is measured on a real instrument; ranges are wide, so that a network that learns from them meets spectra on
either side of those of real music. The f0 stays that of the contour exactly: harmonics are its multiples in phase, and
amplitudes change slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.dynamics import Dynamics
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS
from datamodules.corpora.synthetic.partials import Course, sum_of_partials
from datamodules.corpora.synthetic.timbres import Timbres

AUDIBLE = 80.0  # dB below the loudest harmonic; weaker ones are left out
OCTAVES = np.linspace(np.log2(20.0), np.log2(48000.0), 256)  # of the grid on which resonances are stated
KEPT = 0.3  # share of the changes of level, in dB, that come from resonances and damping
DECIBEL = np.float32(np.log(10.0) / 20.0)  # of an amplitude, neper

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Instruments(Timbres):
    """Random instruments.

    Attributes:
        harmonics: how many at most. 80 reach 2.4 kHz on a note of 30 Hz.
        plucked: share of instruments whose notes decay, higher harmonics faster.
        breathy: share of those with breath noise.
        pure: share of those that are close to a sinusoid.
    """

    version: ClassVar[int] = 1

    harmonics: int = 80
    plucked: float = 0.3
    breathy: float = 0.5
    pure: float = 0.1

    @override
    def play(self, series: F0Series, generator: np.random.Generator, *, samples: int, rate: int) -> NDArray[np.float64]:
        course = Course.of(series, samples=samples, rate=rate)
        spectrum = _Spectrum.draw(generator, self)
        dynamics = Dynamics.draw(generator, plucked=self.plucked, breathy=self.breathy)
        colour = generator.normal(0.0, dynamics.accent / 3.0, course.notes)[course.note]  # dB an octave
        phases = generator.uniform(0.0, 2.0 * np.pi, self.harmonics)
        tones = sum_of_partials(course, spectrum.amplitudes(course, colour, dynamics.damping), phases)
        return dynamics.shape(tones, course, generator)


@dataclass(frozen=True)
class _Spectrum:
    """Levels of the harmonics, dB: at the beginning and the end of a note, and by frequency.

    Attributes:
        first: `(harmonics,)`, dB.
        last: `(harmonics,)`, dB; the spectrum is halfway after `change` s of a note.
        change: s.
        resonance: dB at the frequencies of `OCTAVES`; it stays where it is when the pitch changes.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    change: float
    resonance: NDArray[np.float64]

    @classmethod
    def draw(cls, generator: np.random.Generator, family: Instruments) -> _Spectrum:
        octaves = np.log2(np.arange(1, family.harmonics + 1))
        pure = generator.random() < family.pure
        tilt = generator.uniform(20.0, 45.0) if pure else generator.uniform(2.0, 11.0)
        first = -tilt * octaves + generator.normal(0.0, generator.uniform(0.0, 4.0), family.harmonics)
        if generator.random() < 0.25:
            first[1::2] -= generator.uniform(6.0, 40.0)
        if not pure and generator.random() < 0.25:
            first[0] -= generator.uniform(6.0, 60.0)
        last = first
        if not pure and generator.random() < 0.4:
            last = first - generator.uniform(-3.0, 6.0) * octaves + generator.normal(0.0, 4.0, family.harmonics)
        resonance = np.zeros(len(OCTAVES))
        if not pure and generator.random() < 0.5:
            resonance = _resonances(generator)
        return cls(first, last, generator.uniform(0.05, 1.0), resonance)

    def amplitudes(self, course: Course, colour: NDArray[np.float64], damping: float) -> Callable[[slice], Array]:
        """What `sum_of_partials` asks for; the root mean square of the sum is about 1.

        Args:
            course: of the voice.
            colour: `(points,)`, dB an octave that the note is brighter by.
            damping: dB a second by which each harmonic decays faster than the one below.
        """
        number = np.arange(1, len(self.first) + 1, dtype=np.float32)
        octaves = np.log2(number)
        audible = np.maximum(self.first, self.last) + self.resonance.max() > self.first.max() - AUDIBLE
        most = int(np.flatnonzero(audible)[-1]) + 1

        def of(points: slice) -> Array:
            f0 = course.f0_at[points].astype(np.float32)
            lowest = f0[f0 > 0].min()
            count = max(1, min(most, int(course.rate / 2 / lowest)))
            age = course.age[points, np.newaxis].astype(np.float32)
            share = age / (age + np.float32(self.change))
            first, last = self.first[:count].astype(np.float32), self.last[:count].astype(np.float32)
            level = first + share * (last - first) + colour[points, np.newaxis].astype(np.float32) * octaves[:count]
            level -= np.minimum(np.float32(damping) * age * (number[:count] - 1), np.float32(AUDIBLE))
            frequency = np.maximum(f0, lowest)[:, np.newaxis] * number[:count]
            level += np.interp(np.log2(frequency), OCTAVES, self.resonance).astype(np.float32)
            fade = np.clip((1.0 - frequency / (course.rate / 2)) / (1.0 - FADE_BEGINS), 0.0, 1.0)
            amplitude: Array = np.exp(DECIBEL * level) * fade.astype(np.float32)
            power = np.sum(amplitude**2, axis=1, keepdims=True) / 2.0
            # A part of the changes of level stays: vibrato through a resonance is heard in the amplitude.
            reference = np.sum(np.exp(2.0 * DECIBEL * first)) / 2.0
            amplitude *= (power / reference) ** (KEPT / 2.0) / np.sqrt(np.maximum(power, 1e-12))
            return amplitude

        return of


def _resonances(generator: np.random.Generator) -> NDArray[np.float64]:
    """Up to five peaks at fixed frequencies, as those of a body or a vocal tract, and sometimes weak lows, dB."""
    level = np.zeros(len(OCTAVES))
    for _ in range(generator.integers(1, 6)):
        centre, width = np.log2(100.0) + generator.uniform(0.0, 5.5), generator.uniform(0.1, 0.5)
        level += generator.uniform(4.0, 20.0) * np.exp(-0.5 * ((OCTAVES - centre) / width) ** 2)
    if generator.random() < 0.3:
        cutoff = np.log2(generator.uniform(100.0, 500.0))
        level -= generator.uniform(6.0, 24.0) * np.maximum(cutoff - OCTAVES, 0.0)
    return level
