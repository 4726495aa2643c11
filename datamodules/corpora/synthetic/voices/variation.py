"""Other ways to say or sing the same: contours, tempo, envelope, loudness and breath of a voice, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.corpora.synthetic.voices.analysis import FRAME, Voice, runs

Interval = tuple[float, float]


class Compass(NamedTuple):
    """Where the pitch of a rendering may lie.

    Attributes:
        lowest: limit of f0, Hz.
        highest: limit of f0, Hz.
        transpose: standard deviation of the transposition, octaves.
    """

    lowest: float
    highest: float
    transpose: float

    @property
    def medians(self) -> Interval:
        """Limits of the median of most renderings, Hz: a fifth within those of f0."""
        return 1.5 * self.lowest, self.highest / 1.5

    @property
    def low_medians(self) -> Interval:
        """Limits of the median of low, creaky renderings, Hz: of the lowest octave."""
        return 1.125 * self.lowest, 2.25 * self.lowest

    def hold(self, cents: NDArray[np.float64]) -> NDArray[np.float64]:
        """A contour, cents above 1 Hz, bent so that it approaches the limits and does not cross them."""
        for sign, limit in ((1.0, self.highest), (-1.0, self.lowest)):
            beyond = sign * (cents - _cents(limit)) + KNEE
            bent = sign * (_cents(limit) * sign - KNEE * np.exp(-np.maximum(beyond, 0.0) / KNEE))
            cents = np.where(beyond > 0, bent, cents)
        return cents


KNEE = 150.0  # cents from a limit, where contours begin to bend


@dataclass(frozen=True)
class Style:
    """The distribution of one way to speak or sing; an interval is the range of a uniform distribution.

    Attributes:
        share: of the renderings.
        low: whether the voice lies in the lowest octave.
        semitones: largest transposition; None: as far as the compass says.
        anywhere: probability of a median anywhere in the compass, else it is near that of the recording.
        scale: factor of the contour's deviations from its median.
        fluctuation: largest standard deviation of fast fluctuations, cents.
        glides: probability of slow fluctuations, by up to 120 cents.
        vibrato: probability.
        vibrato_cents: depth of vibrato.
        drift: probability of a slow oscillation, by 50 to 300 cents.
        overshoot: standard deviation of how far the ends of a run lie off, cents.
        melody: whether there is a melody of notes under the contour.
        tempo: factor of all durations.
        sustain: further factor of the durations of steady voiced frames.
        level: largest standard deviation of the fluctuation of loudness, dB.
        fades: probability that a run's beginning or end is faded.
        warp: largest change of the frequencies of formants, octaves.
    """

    share: float
    low: bool = False
    semitones: float | None = None
    anywhere: float = 0.2
    scale: Interval = (0.6, 1.4)
    fluctuation: float = 25.0
    glides: float = 0.6
    vibrato: float = 0.2
    vibrato_cents: Interval = (10.0, 60.0)
    drift: float = 0.4
    overshoot: float = 180.0
    melody: bool = False
    tempo: Interval = (1.0, 1.0)
    sustain: Interval = (1.0, 1.0)
    level: float = 6.0
    fades: float = 0.75
    warp: float = 0.3


STYLES = (
    # The natural contour, with its own small movements.
    Style(
        share=0.18,
        semitones=2.0,
        scale=(1.0, 1.0),
        fluctuation=0.0,
        glides=0.0,
        vibrato=0.0,
        drift=0.0,
        overshoot=0.0,
        level=0.0,
        fades=0.0,
        warp=0.1,
    ),
    Style(share=0.37),
    Style(share=0.13, tempo=(0.6, 1.8)),
    Style(share=0.12, low=True, fluctuation=60.0, vibrato=0.0, tempo=(0.9, 1.3)),
    Style(
        share=0.20,
        anywhere=0.5,
        scale=(0.0, 0.4),
        fluctuation=15.0,
        glides=0.3,
        vibrato=0.7,
        vibrato_cents=(15.0, 120.0),
        drift=0.1,
        overshoot=100.0,
        melody=True,
        sustain=(1.5, 5.0),
    ),
)


def vary(voice: Voice, compass: Compass, generator: np.random.Generator) -> Voice:
    """Another rendering of a voice.

    Args:
        voice: as it was analysed; it stays as it is.
        compass: where its pitch may lie.
        generator: of all random numbers.
    """
    style = STYLES[generator.choice(len(STYLES), p=[style.share for style in STYLES])]
    voice = _stretched(voice, generator.uniform(*style.tempo), generator.uniform(*style.sustain))
    envelope, aperiodicity = _warped(voice, 2.0 ** generator.uniform(-style.warp, style.warp))
    breath = np.clip(voice.breath, 0.0, 0.8) * generator.uniform(0.1, 1.0)
    aperiodicity = np.sqrt(np.maximum(aperiodicity**2, breath[:, None])) ** np.exp(generator.normal(0.2, 0.5))
    voiced = voice.f0 > 0
    if not voiced.any():
        return Voice(voice.f0, envelope, aperiodicity, breath)
    cents = _transposed(voice.f0, style, compass, generator)
    glide = _glide(style, len(voiced), generator)
    cents += glide + _movements(style, len(voiced), generator)
    level = np.clip(glide / 100.0 * generator.normal(1.5, 1.5), -12.0, 12.0)  # dB; a rising voice grows louder
    level += generator.uniform(0.0, style.level) * _wander(generator, len(voiced), generator.uniform(0.02, 0.05))
    gain = 10.0 ** (level / 20.0)
    for start, stop in runs(voiced):
        cents[start:stop] += _overshoot(style.overshoot, stop - start, generator)
        gain[start:stop] *= _fades(style.fades, stop - start, generator)
    f0 = np.where(voiced, 2.0 ** (compass.hold(cents) / 1200.0), 0.0)
    return Voice(f0, envelope * gain[:, None] ** 2, aperiodicity, breath)


def _cents(frequency: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Cents above 1 Hz."""
    return np.asarray(1200.0 * np.log2(frequency))


def _stretched(voice: Voice, tempo: float, sustain: float) -> Voice:
    """The voice at another tempo; steady voiced frames last longer still."""
    import scipy.ndimage  # here: `melisma prepare --help` names every corpus without it

    if tempo == sustain == 1.0:
        return voice
    steady = scipy.ndimage.gaussian_filter1d(
        np.where(voice.f0 > 0, np.clip(2.0 * (0.6 - voice.breath), 0.0, 1.0), 0.0), 2.0
    )
    lasts = np.cumsum(tempo * (1.0 + (sustain - 1.0) * steady))
    place = np.interp(np.arange(round(lasts[-1])), lasts - lasts[0], np.arange(len(lasts)))
    before = np.minimum(place.astype(int), len(lasts) - 2)
    part = place - before
    f0 = np.where(voice.f0[np.rint(place).astype(int)] > 0, _between(_held(voice.f0), before, part), 0.0)
    others = (_between(values, before, part) for values in (voice.envelope, voice.aperiodicity, voice.breath))
    return Voice(f0, *others)


def _between(values: NDArray[np.float64], before: NDArray[np.int64], part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation along the first axis."""
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1.0 - part) * values[before] + part * values[before + 1])


def _held(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """The f0, and in unvoiced frames that of the nearest voiced one."""
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return f0
    middles = (voiced[1:] + voiced[:-1]) / 2.0
    return np.asarray(f0[voiced[np.searchsorted(middles, np.arange(len(f0)))]])


def _warped(voice: Voice, factor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Envelope and aperiodicity whose formants lie `factor` times lower."""
    bins = voice.envelope.shape[1]
    place = np.clip(factor * np.arange(bins), 0.0, bins - 1.0)
    before = np.minimum(place.astype(int), bins - 2)
    part = place - before
    envelope, aperiodicity = (
        values[:, before] * (1.0 - part) + values[:, before + 1] * part
        for values in (voice.envelope, voice.aperiodicity)
    )
    return envelope, aperiodicity


def _transposed(
    f0: NDArray[np.float64], style: Style, compass: Compass, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The contour at another pitch and of another range, cents above 1 Hz; unvoiced frames have the nearest f0."""
    cents = _cents(_held(f0))
    median = float(np.median(cents[f0 > 0]))
    limits = _cents(np.array(compass.low_medians if style.low else compass.medians))
    if style.semitones is not None:
        target = median + 100.0 * generator.uniform(-style.semitones, style.semitones)
    elif style.low or generator.random() < style.anywhere:
        target = generator.uniform(*limits)
    else:
        target = np.clip(median + generator.normal(0.0, 1200.0 * compass.transpose), *limits)
    return np.asarray(target + (cents - median) * generator.uniform(*style.scale))


def _glide(style: Style, frames: int, generator: np.random.Generator) -> NDArray[np.float64]:
    if generator.random() >= style.glides:
        return np.zeros(frames)
    return generator.uniform(20.0, 120.0) * _wander(generator, frames, generator.uniform(0.025, 0.06))


def _movements(style: Style, frames: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Fast fluctuations, vibrato, drift and melody, cents."""
    cents = generator.uniform(0.0, style.fluctuation) * _wander(generator, frames, generator.uniform(0.005, 0.015))
    if generator.random() < style.vibrato:
        rate = generator.uniform(4.0, 7.5) + 0.3 * _wander(generator, frames, 0.2)
        grows = np.clip(0.6 + 0.6 * _wander(generator, frames, 0.15), 0.0, 1.0)
        cents += generator.uniform(*style.vibrato_cents) * grows * _oscillation(generator, rate)
    if generator.random() < style.drift:
        cents += generator.uniform(50.0, 300.0) * _oscillation(generator, np.full(frames, generator.uniform(0.3, 3.0)))
    if style.melody:
        cents += _melody(frames, generator)
    return cents


def _melody(frames: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Notes of 0.1 to 1 s around the voice's pitch, in equal temperament, cents; voices glide between them."""
    import scipy.ndimage

    notes = int(frames * FRAME / 0.1) + 1
    lengths = np.rint(generator.uniform(0.1, generator.uniform(0.3, 1.0), notes) / FRAME).astype(int)
    pitches = 100.0 * np.rint(generator.normal(0.0, generator.uniform(1.0, 5.0), notes))
    glide = generator.uniform(0.005, 0.04) / FRAME
    return np.asarray(scipy.ndimage.gaussian_filter1d(np.repeat(pitches, lengths)[:frames], glide))


def _wander(generator: np.random.Generator, frames: int, width: float) -> NDArray[np.float64]:
    """Noise smoothed by a Gaussian of this standard deviation, s; its own standard deviation is 1."""
    import scipy.ndimage

    sigma = width / FRAME
    noise = scipy.ndimage.gaussian_filter1d(generator.standard_normal(frames), sigma)
    return np.asarray(noise * np.sqrt(max(1.0, 2.0 * np.sqrt(np.pi) * sigma)))


def _oscillation(generator: np.random.Generator, rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sine whose frequency is `rate`, Hz, from a random phase on."""
    return np.asarray(np.sin(2.0 * np.pi * (generator.random() + np.cumsum(rate) * FRAME)))


def _overshoot(cents: float, frames: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How far the beginning of a run lies above its contour, and the end below it, cents."""
    if not cents:
        return np.zeros(frames)
    age = FRAME * np.arange(frames)
    begin, end = cents * (generator.normal((0.2, -0.4), 1.0) * (generator.random(2) < 0.8))
    time_begin, time_end = generator.uniform(0.008, 0.05, 2)
    return np.asarray(begin * np.exp(-age / time_begin) + end * np.exp(-age[::-1] / time_end))


def _fades(probability: float, frames: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Gain of a run that may be faded in and out."""
    age = FRAME * (np.arange(frames) + 0.5)
    gain = np.ones(frames)
    if generator.random() < probability:
        gain *= np.minimum(1.0, age / min(generator.uniform(0.005, 0.05), age[-1]))
    if generator.random() < probability:
        gain *= np.minimum(1.0, age[::-1] / min(generator.uniform(0.01, 0.09), age[-1])) ** generator.uniform(1.0, 2.0)
    return gain
