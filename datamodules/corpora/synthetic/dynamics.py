"""Envelopes, breath and attack noise of instruments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.corpora.synthetic.harmonics import Articulation
from datamodules.corpora.synthetic.partials import Course


@dataclass(frozen=True)
class Dynamics:
    """How loud an instrument is in the course of a note, and what noise it makes.

    Attributes:
        attack: s of raised-cosine onset after a rest.
        decay: dB a second.
        depth: dB; the most that a note decays by, so that it stays audible.
        damping: dB a second by which each harmonic decays faster than the one below.
        swell: dB by which a note begins softer.
        swelling: s.
        tremolo: dB, largest deviation.
        tremolo_rate: Hz.
        wavering: dB, standard deviation of slow random changes.
        accent: dB, standard deviation of the level of notes.
        breath: amplitude of noise, relative to the tone.
        pulsing: how far breath follows the period of the tone, 0 to 1.
        knock: amplitude of noise at the beginning of a note, relative to the tone.
        knocking: s; time constant of its decay.
    """

    attack: float
    decay: float
    depth: float
    damping: float
    swell: float
    swelling: float
    tremolo: float
    tremolo_rate: float
    wavering: float
    accent: float
    breath: float
    pulsing: float
    knock: float
    knocking: float

    @classmethod
    def draw(cls, generator: np.random.Generator, *, plucked: float, breathy: float) -> Dynamics:
        """Random dynamics.

        Args:
            generator: of all random numbers.
            plucked: probability that notes decay.
            breathy: probability of breath noise.
        """
        plucks = generator.random() < plucked
        bowed = not plucks and generator.random() < 0.5
        trembling = generator.random() < 0.2
        breathes = generator.random() < breathy
        knocks = generator.random() < (0.7 if plucks else 0.2)
        return cls(
            attack=generator.uniform(0.002, 0.008) if plucks else generator.uniform(0.005, 0.04),
            decay=10.0 ** generator.uniform(0.7, 2.0) if plucks else 0.0,
            depth=generator.uniform(6.0, 18.0),
            damping=10.0 ** generator.uniform(-0.5, 1.3) if plucks else 0.0,
            swell=generator.uniform(0.0, 15.0) if bowed else 0.0,
            swelling=generator.uniform(0.05, 0.4),
            tremolo=generator.uniform(0.5, 6.0) if trembling else 0.0,
            tremolo_rate=generator.uniform(3.0, 9.0),
            wavering=generator.uniform(0.0, 2.0),
            accent=generator.uniform(0.0, 3.0),
            breath=10.0 ** (generator.uniform(-45.0, -10.0) / 20.0) if breathes else 0.0,
            pulsing=generator.uniform(0.0, 1.0),
            knock=10.0 ** (generator.uniform(-25.0, 0.0) / 20.0) if knocks else 0.0,
            knocking=generator.uniform(0.005, 0.03),
        )

    def shape(self, tones: NDArray[np.float64], course: Course, generator: np.random.Generator) -> NDArray[np.float64]:
        """Add the noise to tones whose root mean square is 1, and give them the envelope; 0 where unvoiced.

        Args:
            tones: `(samples,)`.
            course: of the voice.
            generator: of all random numbers.

        Returns:
            `(samples,)`.
        """
        envelope = course.at_samples(10.0 ** (self._level(course, generator) / 20.0))
        ends = Articulation(attack=self.attack, decay=1.0, sustain=1.0).gain(course.f0 > 0, course.rate)
        audio = tones
        if self.breath:
            pulses = 1.0 + self.pulsing * np.cos(2.0 * np.pi * (course.cycles + generator.random()))
            audio = audio + self.breath * pulses * coloured_noise(generator, len(tones), course.rate)
        if self.knock:
            decay = course.at_samples(np.exp(-course.age / self.knocking))
            audio = audio + self.knock * decay * coloured_noise(generator, len(tones), course.rate)
        shaped: NDArray[np.float64] = audio * envelope * ends
        return shaped

    def _level(self, course: Course, generator: np.random.Generator) -> NDArray[np.float64]:
        """The envelope at control points, dB."""
        accents = generator.normal(0.0, self.accent, course.notes).clip(-5.0, 5.0)
        level = accents[course.note] - np.minimum(self.decay * course.age, self.depth)
        level -= self.swell * np.maximum(1.0 - course.age / self.swelling, 0.0)
        level += self.tremolo * np.sin(2.0 * np.pi * self.tremolo_rate * course.seconds)
        level += self.wavering * slow_noise(generator, course.seconds)
        return np.asarray(level)


def slow_noise(generator: np.random.Generator, times: NDArray[np.float64], rate: float = 4.0) -> NDArray[np.float64]:
    """Smooth random changes with a standard deviation of about 1.

    Args:
        generator: of all random numbers.
        times: s, from 0 and rising.
        rate: points of support a second; they change at up to half of it, Hz.
    """
    support = generator.standard_normal(int(times[-1] * rate) + 4)
    place = times * rate + 1.0
    before = place.astype(np.int64)
    share = place - before
    # Cubic through the points (Catmull-Rom), so that neither value nor slope jumps.
    left, right = support[before], support[before + 1]
    slope_left, slope_right = (right - support[before - 1]) / 2.0, (support[before + 2] - left) / 2.0
    curve = left + share * slope_left + share**2 * (3.0 * (right - left) - 2.0 * slope_left - slope_right)
    curve += share**3 * (2.0 * (left - right) + slope_left + slope_right)
    return np.asarray(curve)


def coloured_noise(generator: np.random.Generator, samples: int, rate: int) -> NDArray[np.float64]:
    """Noise of a random colour, a few points over frequency, with a root mean square of about 1.

    Args:
        generator: of all random numbers.
        samples: how many.
        rate: samples per second.
    """
    gain = generator.normal(0.0, 8.0, 6)  # dB
    # A power of two, because a Fourier transform is slow if the length, that of a contour, is a large prime.
    length = 1 << (max(samples, 2) - 1).bit_length()
    octaves = np.log2(np.maximum(np.fft.rfftfreq(length, 1.0 / rate), 20.0) / (rate / 2))
    curve = 10.0 ** (np.interp(octaves, np.linspace(-6.0, 0.0, len(gain)), gain) / 20.0)
    noise = np.fft.irfft(np.fft.rfft(generator.standard_normal(length)) * curve)
    return np.asarray(noise[:samples] / np.sqrt(np.mean(noise**2)))
