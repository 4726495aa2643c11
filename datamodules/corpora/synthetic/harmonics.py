"""Harmonic oscillators driven by an f0 contour, which is then the exact f0 of the audio.

Resynthesis from an annotation, as in J. Salamon, R. M. Bittner, J. Bonada, J. J. Bosch, E. Gómez, J. P. Bello, "An
analysis/synthesis framework for automatic f0 annotation of multitrack datasets", ISMIR 2017; there the amplitudes of
the harmonics follow the original recording, here they are drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series

BLOCK = 4096  # samples; the arrays of one block stay in the processor's cache
FADE_BEGINS = 0.9  # relative to half the rate: a harmonic fades from here on and is silent at 1
RELEASE = 0.005  # s


@dataclass(frozen=True)
class Timbre:
    """The spectrum of a voice, the same at every pitch.

    Attributes:
        amplitudes: of harmonic 1, 2, …; if their squares add up to 2, the voice has a root mean square of 1.
        phases: of the same harmonics, rad.
    """

    amplitudes: tuple[float, ...]
    phases: tuple[float, ...]

    @classmethod
    def draw(cls, generator: np.random.Generator, harmonics: int) -> Timbre:
        """A random timbre: spectral tilt, up to three formants, jitter; some have weak even harmonics or fundamentals.

        Args:
            generator: of all random numbers.
            harmonics: how many, at least 1.
        """
        number = np.arange(1, harmonics + 1)
        octaves = np.log2(number)
        level = generator.uniform(-12.0, -3.0) * octaves  # dB
        if generator.random() < 0.4:
            level -= np.where(number % 2 == 0, generator.uniform(3.0, 18.0), 0.0)
        if generator.random() < 0.25:
            level[0] -= generator.uniform(3.0, 18.0)
        for _ in range(generator.integers(0, 4)):
            centre, width = generator.uniform(0.0, octaves[-1] + 0.1), generator.uniform(0.15, 0.5)
            level += generator.uniform(3.0, 12.0) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
        amplitudes = 10.0 ** ((level + generator.normal(0.0, 2.0, harmonics)) / 20.0)
        amplitudes *= np.sqrt(2.0 / np.sum(amplitudes**2))
        return cls(tuple(amplitudes.tolist()), tuple(generator.uniform(0.0, 2.0 * np.pi, harmonics).tolist()))


@dataclass(frozen=True)
class Articulation:
    """The amplitude envelope of each voiced run.

    Attributes:
        attack: s of raised-cosine onset.
        decay: time constant of the decay to the sustained level, s.
        sustain: level after the decay, relative to the level before it.
    """

    attack: float
    decay: float
    sustain: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Articulation:
        """A random articulation between plucked and bowed; the sustained level of at least 0.4 keeps it audible."""
        return cls(generator.uniform(0.003, 0.03), generator.uniform(0.05, 0.5), generator.uniform(0.4, 1.0))

    def gain(self, voiced: NDArray[np.bool_], rate: int) -> NDArray[np.float64]:
        """The envelope at every sample; each voiced run begins and ends without a click.

        Args:
            voiced: `(samples,)`.
            rate: samples per second.

        Returns:
            float64 `(samples,)`, 0 where unvoiced.
        """
        gain = np.zeros(len(voiced))
        edges = np.flatnonzero(np.diff(voiced, prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2):
            gain[start:stop] = self._run(stop - start, rate)
        return gain

    def _run(self, samples: int, rate: int) -> NDArray[np.float64]:
        gain: NDArray[np.float64] = np.exp(-np.arange(samples) / (self.decay * rate))
        gain = self.sustain + (1.0 - self.sustain) * gain
        onset = _half_cosine(min(round(self.attack * rate), samples // 2))
        end = _half_cosine(min(round(RELEASE * rate), samples // 2))
        gain[: len(onset)] *= onset
        gain[samples - len(end) :] *= end[::-1]
        return gain


def render(
    series: F0Series, timbre: Timbre, articulation: Articulation, *, samples: int, rate: int
) -> NDArray[np.float64]:
    """Render a contour: the instantaneous frequency of a sample is `series.at` its time.

    Args:
        series: the f0; sample 0 is at time 0.
        timbre: spectrum of the voice.
        articulation: envelope of each voiced run.
        samples: length of the result.
        rate: samples per second; harmonics above half of it are left out.

    Returns:
        float64 `(samples,)`, exactly 0 where unvoiced; its root mean square in a steady part is about 1.
    """
    f0 = series.at(np.arange(samples) / rate)
    gain = articulation.gain(f0 > 0, rate)
    cycles = np.zeros(samples)
    # The trapezoid rule is exact, because the frequency is linear between samples.
    np.cumsum((f0[1:] + f0[:-1]) / (2.0 * rate), out=cycles[1:])
    audio = np.zeros(samples)
    for start in range(0, samples, BLOCK):
        block = slice(start, start + BLOCK)
        if gain[block].any():
            audio[block] = gain[block] * _sum_of_harmonics(cycles[block], f0[block] / (rate / 2), timbre)
    return audio


def _sum_of_harmonics(
    cycles: NDArray[np.float64], relative_f0: NDArray[np.float64], timbre: Timbre
) -> NDArray[np.float64]:
    """Imaginary part of the polynomial in exp(i phase) whose coefficients are the harmonics, by Horner's rule.

    Args:
        cycles: phase of the first harmonic in cycles, `(samples,)`.
        relative_f0: f0 relative to half the rate, `(samples,)`.
        timbre: amplitudes and phases of the harmonics.
    """
    oscillator = np.exp(2j * np.pi * (cycles % 1.0))
    coefficients = np.array(timbre.amplitudes) * np.exp(1j * np.array(timbre.phases))
    highest_f0 = relative_f0.max()
    total = np.zeros(len(cycles), dtype=np.complex128)
    for number in range(len(coefficients), 0, -1):
        if number * highest_f0 > FADE_BEGINS:
            total += coefficients[number - 1] * _fade(number * relative_f0)
        else:
            total += coefficients[number - 1]
        total *= oscillator
    return total.imag


def _fade(relative_frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip((1.0 - relative_frequency) / (1.0 - FADE_BEGINS), 0.0, 1.0)


def _half_cosine(samples: int) -> NDArray[np.float64]:
    """Rises from above 0 to below 1."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / max(samples, 1)))
