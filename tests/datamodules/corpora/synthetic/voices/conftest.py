import numpy as np
import pytest
from scipy.signal import fftconvolve, lfilter

from datamodules.corpora.synthetic.voices.analysis import FRAME, Voice, runs
from datamodules.corpora.synthetic.voices.rendering import _analysis, _render

RATE = 16000
RESONANCES = ((600.0, 150.0), (1100.0, 170.0), (2500.0, 250.0))  # frequency and width, Hz


def resonate(signal):
    for frequency, width in RESONANCES:
        radius, angle = np.exp(-np.pi * width / RATE), 2 * np.pi * frequency / RATE
        signal = lfilter([1.0], [1.0, -2.0 * radius * np.cos(angle), radius**2], signal)
    return signal


def spoken(*parts, seed=0):
    """What these parts sound like: seconds, and f0 at begin and end, Hz; no f0 is noise, 0 is silence."""
    generator = np.random.default_rng(seed)
    pieces = []
    for seconds, f0 in parts:
        samples = round(seconds * RATE)
        if f0 is None:
            pieces.append(0.03 * generator.standard_normal(samples))
        elif not f0:
            pieces.append(np.zeros(samples))
        else:
            cycles = np.cumsum(np.linspace(*f0, samples)) / RATE
            harmonics = range(1, int(RATE / 2 / max(f0)) + 1)
            sound = resonate(sum(np.cos(2 * np.pi * number * cycles) for number in harmonics))
            pieces.append(0.5 * sound / np.abs(sound).max())
    audio = np.concatenate(pieces)
    return audio + 1e-4 * generator.standard_normal(len(audio))


SENTENCE = ((0.2, 0), (0.15, None), (0.6, (110.0, 160.0)), (0.15, None), (0.4, (150.0, 120.0)), (0.2, 0))


@pytest.fixture
def speak():
    return spoken


@pytest.fixture
def folder(tmp_path, write_tone):
    """A recording of one sentence."""
    write_tone(tmp_path / "anna_01.wav", spoken(*SENTENCE), RATE)
    return tmp_path


@pytest.fixture
def forget():
    """Empties the caches of analyses and renderings."""

    def clear():
        _analysis.cache_clear()
        _render.cache_clear()

    clear()
    return clear


@pytest.fixture
def steady_voice():
    """A voice in WORLD's parameters: half a second of silence, a second at 150 Hz, half a second of silence."""
    f0 = np.zeros(400)
    f0[100:300] = 150.0 * 2.0 ** (0.1 * np.sin(np.arange(200) / 20.0))
    envelope = np.full((400, 513), 1e-8)
    envelope[100:300] = 1e-3 * np.exp(-np.arange(513) / 60.0)
    aperiodicity = np.where(f0[:, None] > 0, 0.01, 1.0 - 1e-12) * np.ones(513)
    return Voice(f0, envelope, aperiodicity, np.where(f0 > 0, 0.0, 1.0))


class Heterodyne:
    """Measures f0 without WORLD: harmonics, brought to 0 Hz by the phase of the truth, stand still where it is right.

    Attributes:
        cents: deviation of the measured f0 in frames that lie 25 ms inside of voiced runs.
        delay: by which the measured contour comes later than the truth, s.
    """

    def __init__(self, readings):
        deviations, slopes, cents = [], [], []
        for audio, truth in readings:
            inside = self._inside(truth.f0 > 0)
            measured = truth.f0 + self._beat(np.asarray(audio.samples, float), audio.rate, truth)
            deviations.append((measured - truth.f0)[inside])
            slopes.append((np.gradient(truth.f0) / FRAME)[inside])
            cents.append(1200.0 * np.log2(measured[inside] / truth.f0[inside]))
        self.cents = np.abs(np.concatenate(cents))
        usual = self.cents < np.percentile(self.cents, 95)
        deviation, slope = np.concatenate(deviations)[usual], np.concatenate(slopes)[usual]
        self.delay = -(deviation @ slope) / (slope @ slope)

    @staticmethod
    def _inside(voiced):
        inside = np.zeros_like(voiced)
        for start, stop in runs(voiced):
            inside[start + 5 : stop - 5] = True
        return inside

    @staticmethod
    def _beat(samples, rate, truth):
        voiced = truth.f0 > 0
        f0 = np.interp(np.arange(len(samples)) / rate, truth.times[voiced], truth.f0[voiced])
        phase = 2 * np.pi * np.cumsum(f0) / rate
        window = np.hanning(round(max(0.03, 4.0 / np.median(f0)) * rate) | 1)  # parts neighbouring harmonics
        turn = power = np.zeros(len(samples))
        for harmonic in range(1, 5):
            still = fftconvolve(samples * np.exp(-1j * harmonic * phase), window, mode="same")
            step = still * np.conj(np.roll(still, 1))
            turn = turn + harmonic * step.imag * rate / (2 * np.pi)
            power = power + harmonic**2 * np.abs(still) ** 2
        at = np.minimum(np.rint(truth.times * rate).astype(int), len(samples) - 1)
        return (turn / power)[at]


@pytest.fixture
def heterodyne():
    return Heterodyne
