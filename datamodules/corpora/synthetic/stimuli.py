"""Sounds of psychoacoustics by which pitch trackers are stressed: one function for each family.

Bands and levels are those of a public benchmark (github.com/lars76/pitch-benchmark). On the pitch of harmonics that the
ear does not resolve and of iterated rippled noise: W. A. Yost, "Pitch of iterated rippled noise", J. Acoust. Soc. Am.
100, 1996; C. J. Plack, A. J. Oxenham, R. R. Fay, A. N. Popper (editors), "Pitch", Springer 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS
from datamodules.corpora.synthetic.partials import Course, sum_of_partials
from datamodules.corpora.synthetic.phrases import FRAME

# First three formants of a man's vowels, Hz: G. E. Peterson, H. L. Barney, "Control methods used in a study of the
# vowels", J. Acoust. Soc. Am. 24, 1952.
VOWELS = ((270.0, 2290.0, 3010.0), (530.0, 1840.0, 2480.0), (730.0, 1090.0, 2440.0), (300.0, 870.0, 2240.0))
BANDWIDTHS = (100.0, 150.0, 250.0)  # Hz, wide as those of whispered vowels
ITERATIONS = 8  # of delay and add
UNRESOLVED = (10, 17)  # lowest and highest harmonic
VIBRATO = 6.0  # Hz
SILENCE = 1e-6  # root mean square

Array = NDArray[np.float64]


class Stimulus(NamedTuple):
    """A sound and its truth.

    Attributes:
        f0: `(points,)`, Hz, every 2 ms from the beginning to the end; 0 where unvoiced.
        samples: `(samples,)`.
        levelled: whether the level is to be set to that of all others.
    """

    f0: Array
    samples: Array
    levelled: bool = True


@dataclass(frozen=True)
class Draw:
    """What an item of a family is made of, apart from its case.

    Attributes:
        item: number of the item within its case, from 0.
        generator: of all random numbers.
        seconds: length.
        rate: samples per second.
    """

    item: int
    generator: np.random.Generator
    seconds: float
    rate: int

    @property
    def samples(self) -> int:
        """Length in samples."""
        return round(self.seconds * self.rate)

    @property
    def times(self) -> Array:
        """Those of the truth, s, `(points,)`."""
        return FRAME * np.arange(round(self.seconds / FRAME) + 1)

    def steady(self, low: float, high: float) -> Array:
        """An f0 of a band, constant: item 0 is at its lower end, item 1 at the upper one, others are drawn."""
        share = float(self.item) if self.item < 2 else self.generator.random()
        return np.full(len(self.times), low * (high / low) ** share)

    def vibrato(self, f0: float, semitones: float) -> Array:
        """An f0 that swings by so many semitones to each side, from a random phase."""
        phase = self.generator.uniform(0.0, 2.0 * np.pi)
        return np.asarray(f0 * 2.0 ** (semitones / 12.0 * np.sin(2.0 * np.pi * VIBRATO * self.times + phase)))

    def tone(self, f0: Array, level: Callable[[Array, Array], Array]) -> Array:
        """Harmonics of an f0 in random phases.

        Args:
            f0: `(points,)`, Hz.
            level: amplitudes of harmonics by their numbers and their frequencies, Hz, at the highest f0.
        """
        number = np.arange(1.0, max(1.0, FADE_BEGINS * self.rate / 2 / f0.max()) + 1e-9)
        amplitudes = level(number, number * f0.max()).astype(np.float32)
        course = Course.of(F0Series(self.times, f0), samples=self.samples, rate=self.rate)
        phases = self.generator.uniform(0.0, 2.0 * np.pi, len(number))
        return sum_of_partials(course, lambda at: np.tile(amplitudes, (at.stop - at.start, 1)), phases)

    def noise(self) -> Array:
        """White noise."""
        return self.generator.standard_normal(self.samples)

    def unvoiced(self) -> Array:
        """The truth of what has no pitch."""
        return np.zeros(len(self.times))


def _reciprocal(number: Array, _: Array) -> Array:
    return 1.0 / number


def sine(band: Sequence[float], draw: Draw) -> Stimulus:
    """A sinusoid of a band, Hz."""
    f0 = draw.steady(*band)
    return Stimulus(f0, draw.tone(f0, lambda number, _: np.asarray(number == 1.0)))


def harmonic(band: Sequence[float], draw: Draw) -> Stimulus:
    """All harmonics below half the rate, with amplitude 1/k, of a band, Hz."""
    f0 = draw.steady(*band)
    return Stimulus(f0, draw.tone(f0, _reciprocal))


def tilt(band: Sequence[float], draw: Draw) -> Stimulus:
    """As `harmonic`, through a filter of +6 dB an octave about 1 kHz."""
    f0 = draw.steady(*band)
    return Stimulus(f0, draw.tone(f0, lambda number, frequency: _reciprocal(number, number) * frequency / 1000.0))


def missing_fundamental(band: Sequence[float], draw: Draw) -> Stimulus:
    """As `harmonic`, without the first."""
    f0 = draw.steady(*band)
    return Stimulus(f0, draw.tone(f0, lambda number, _: (number > 1.0) / number))


def unresolved(band: Sequence[float], draw: Draw) -> Stimulus:
    """Harmonics 10 to 17 alone, of equal amplitude."""
    f0 = draw.steady(*band)
    low, high = UNRESOLVED
    return Stimulus(f0, draw.tone(f0, lambda number, _: np.asarray((number >= low) & (number <= high))))


def rippled_noise(f0: Sequence[float], draw: Draw) -> Stimulus:
    """White noise to which itself is added after a period of f0, Hz, eight times over."""
    spectrum = np.fft.rfft(draw.noise())
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(draw.samples, 1.0 / draw.rate) / f0[0])
    return Stimulus(draw.steady(f0[0], f0[0]), np.fft.irfft(spectrum * (1.0 + delay) ** ITERATIONS, draw.samples))


def vibrato(swing: Sequence[float], draw: Draw) -> Stimulus:
    """Harmonics 1/k whose f0 swings: f0, Hz, and semitones to each side."""
    f0 = draw.vibrato(*swing)
    return Stimulus(f0, draw.tone(f0, _reciprocal))


def glide(ends: Sequence[float], draw: Draw) -> Stimulus:
    """Harmonics 1/k whose f0 goes evenly, in octaves, from one f0 to another, Hz."""
    first, last = ends
    f0 = first * (last / first) ** (draw.times / draw.times[-1])
    return Stimulus(f0, draw.tone(f0, _reciprocal))


def level(peak: Sequence[float], draw: Draw) -> Stimulus:
    """Harmonics 1/k of 220 Hz with this peak, dB relative to full scale."""
    f0 = draw.steady(220.0, 220.0)
    tone = draw.tone(f0, _reciprocal)
    return Stimulus(f0, tone * 10.0 ** (peak[0] / 20.0) / np.abs(tone).max(), levelled=False)


def interference(other: Sequence[float], draw: Draw) -> Stimulus:
    """220 Hz with a vibrato of a semitone, and a sinusoid of 50 Hz at this level relative to it, dB."""
    f0 = draw.vibrato(220.0, 1.0)
    tone = draw.tone(f0, _reciprocal)
    hum = np.sqrt(2.0) * np.sin(2.0 * np.pi * 50.0 * np.arange(draw.samples) / draw.rate)
    return Stimulus(f0, tone + hum * (10.0 ** (other[0] / 20.0) * np.sqrt(np.mean(tone**2))))


def white_noise(_: Sequence[float], draw: Draw) -> Stimulus:
    """White noise."""
    return Stimulus(draw.unvoiced(), draw.noise())


def whisper(_: Sequence[float], draw: Draw) -> Stimulus:
    """Noise in the formants of a vowel."""
    import scipy.signal  # here: `melisma prepare --help` names every corpus without it

    samples = draw.noise()
    for centre, width in zip(VOWELS[draw.item % len(VOWELS)], BANDWIDTHS, strict=True):
        radius, angle = np.exp(-np.pi * width / draw.rate), 2.0 * np.pi * centre / draw.rate
        samples = scipy.signal.lfilter([1.0], [1.0, -2.0 * radius * np.cos(angle), radius**2], samples)
    return Stimulus(draw.unvoiced(), np.asarray(samples))


def near_silence(_: Sequence[float], draw: Draw) -> Stimulus:
    """White noise that is not heard."""
    return Stimulus(draw.unvoiced(), SILENCE * draw.noise(), levelled=False)
