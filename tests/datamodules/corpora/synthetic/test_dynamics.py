import numpy as np
import pytest
from numpy.testing import assert_allclose

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.dynamics import Dynamics, coloured_noise, slow_noise
from datamodules.corpora.synthetic.partials import Course

RATE = 16000


def tone(seconds=1.0, f0=200.0):
    return Course.of(F0Series(np.array([0.0, seconds]), np.array([f0, f0])), samples=round(seconds * RATE), rate=RATE)


def shaped(dynamics, course, seed=0):
    sine = np.sqrt(2.0) * np.sin(2.0 * np.pi * course.cycles)
    return dynamics.shape(sine, course, np.random.default_rng(seed))


def rms(samples):
    return np.sqrt(np.mean(np.square(samples)))


def test_slow_changes_are_smooth_and_of_unit_deviation():
    times = np.arange(0.0, 200.0, 0.004)
    curve = slow_noise(np.random.default_rng(0), times, rate=4.0)
    assert 0.7 < curve.std() < 1.1
    assert np.abs(np.diff(curve)).max() < 0.1
    assert np.abs(np.diff(curve, 2)).max() < 0.01


@pytest.mark.parametrize("samples", [1, 1000, 65537])
def test_coloured_noise_has_its_length_and_level(samples):
    assert coloured_noise(np.random.default_rng(1), samples, RATE).shape == (samples,)
    assert rms(coloured_noise(np.random.default_rng(1), 1 << 16, RATE)) == pytest.approx(1.0)


def test_plucked_notes_decay_no_further_than_stated():
    course = tone(3.0)
    for seed in range(20):
        dynamics = Dynamics.draw(np.random.default_rng(seed), plucked=1.0, breathy=0.0)
        assert dynamics.decay > 0 and dynamics.damping > 0 and dynamics.swell == 0
        audio = shaped(dynamics, course, seed)
        loss = 20.0 * np.log10(rms(audio[-4000:-2000]) / rms(audio[500:1500]))
        assert loss < 0 or dynamics.decay < 10.0
        assert loss > -18.0 - 2.0 * dynamics.tremolo - 5.0 * dynamics.wavering


def test_breath_has_its_level_and_pulses_with_the_tone():
    course = tone(4.0, f0=100.0)
    found = []
    for seed in range(100):
        dynamics = Dynamics.draw(np.random.default_rng(seed), plucked=0.0, breathy=1.0)
        if dynamics.knock or dynamics.pulsing < 0.8 or dynamics.swell or dynamics.tremolo:
            continue
        noise = dynamics.shape(np.zeros(len(course.f0)), course, np.random.default_rng(seed))
        assert_allclose(20.0 * np.log10(rms(noise[8000:]) / dynamics.breath), 0.0, atol=8.0)
        power = np.square(noise[:48000]).reshape(-1, 160).mean(axis=0)  # by the phase of the tone
        found.append(np.abs(np.fft.rfft(power)[1]) / power.sum())
    assert len(found) > 2
    assert np.median(found) > 0.2


def test_nothing_sounds_where_unvoiced():
    times = np.arange(0.0, 1.0, 0.002)
    course = Course.of(F0Series(times, np.where(times % 0.3 < 0.2, 300.0, 0.0)), samples=RATE - 40, rate=RATE)
    for seed in range(10):
        audio = shaped(Dynamics.draw(np.random.default_rng(seed), plucked=0.5, breathy=1.0), course, seed)
        assert (audio[course.f0 == 0] == 0).all()
        assert np.count_nonzero(audio[course.f0 > 0]) > 0.99 * np.count_nonzero(course.f0)
