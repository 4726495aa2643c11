import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.harmonics import Articulation, Timbre, render

RATE = 16000
STEADY = Articulation(attack=0.003, decay=1.0, sustain=1.0)
PURE = Timbre((np.sqrt(2.0),), (0.0,))
RICH = Timbre(tuple(1.0 / np.arange(1, 13)), tuple(np.linspace(0.0, 6.0, 12)))


def vibrato(seconds=1.0):
    times = np.arange(0.0, seconds + 0.006, 0.0058)
    return F0Series(times, 300.0 * 2.0 ** (np.sin(2.0 * np.pi * 5.0 * times) / 12.0))


def magnitudes(audio):
    """One value a hertz for one second of audio."""
    return np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) * 4.0 / len(audio)


def test_the_instantaneous_frequency_is_the_truth():
    truth = vibrato()
    sine, cosine = (
        render(truth, Timbre((1.0,), (phase,)), STEADY, samples=RATE, rate=RATE) for phase in (0.0, np.pi / 2.0)
    )
    phase = np.unwrap(np.angle(cosine + 1j * sine))
    between_samples = (np.arange(RATE - 1) + 0.5) / RATE
    cents = 1200.0 * np.log2(np.diff(phase) * RATE / (2.0 * np.pi) / truth.at(between_samples))
    assert np.abs(cents).max() < 0.02


def test_harmonics_are_those_of_the_timbre():
    truth = F0Series(np.array([0.0, 1.0]), np.array([300.0, 300.0]))
    found = magnitudes(render(truth, RICH, STEADY, samples=RATE, rate=RATE))
    assert_allclose(found[300:3601:300], RICH.amplitudes, rtol=0.03)


def test_nothing_sounds_beyond_half_the_rate():
    truth = F0Series(np.array([0.0, 1.0]), np.array([3000.0, 3000.0]))
    found = magnitudes(render(truth, RICH, STEADY, samples=RATE, rate=RATE))
    assert_allclose(found[[3000, 6000]], RICH.amplitudes[:2], rtol=0.03)
    found[[*range(2900, 3101), *range(5900, 6101)]] = 0.0
    assert found.max() < 1e-3


def test_a_rising_harmonic_fades_rather_than_stops():
    truth = F0Series(np.array([0.0, 1.0]), np.array([3000.0, 5000.0]))
    second = Timbre((0.0, 1.0), (0.0, 0.0))
    audio = render(truth, second, STEADY, samples=RATE, rate=RATE)
    assert np.abs(audio[2000:4000]).max() > 0.99
    assert 0.4 < np.abs(audio[6300:6500]).max() < 0.6  # 3800 Hz: half-way from 0.9 to 1 of half the rate
    assert np.abs(audio[8001:]).max() == 0.0


def test_unvoiced_samples_are_exactly_silent_and_voiced_ones_are_not():
    truth = F0Series(np.arange(0.0, 1.0, 0.1), np.array([0, 0, 200, 220, 0, -300, 0, 400, 0, 0.0]))
    audio = render(truth, RICH, STEADY, samples=RATE, rate=RATE)
    f0 = truth.at(np.arange(RATE) / RATE)
    assert_array_equal(audio[f0 == 0], 0.0)
    assert np.count_nonzero(audio[f0 > 0]) > 0.99 * np.count_nonzero(f0)


def test_runs_begin_and_end_without_a_click():
    truth = F0Series(np.array([0.0, 0.5, 0.8, 1.0]), np.array([0.0, 100.0, 0.0, 0.0]))
    audio = render(truth, PURE, STEADY, samples=RATE, rate=RATE)
    assert np.abs(np.diff(audio)).max() < 1.1 * np.sqrt(2.0) * 2.0 * np.pi * 100.0 / RATE


def test_a_run_of_one_sample_and_an_empty_recording():
    assert STEADY.gain(np.array([False, True, False]), RATE).shape == (3,)
    assert render(vibrato(), RICH, STEADY, samples=0, rate=RATE).shape == (0,)


def test_a_run_decays_to_the_sustained_level():
    gain = Articulation(attack=0.01, decay=0.1, sustain=0.5).gain(np.ones(RATE, dtype=bool), RATE)
    assert_allclose(gain[1600], 0.5 + 0.5 * np.exp(-1.0), rtol=1e-6)
    assert_allclose(gain[-200], 0.5, rtol=1e-3)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_timbres_have_unit_power_and_are_reproducible(seed, harmonics):
    timbre = Timbre.draw(np.random.default_rng(seed), harmonics)
    assert len(timbre.amplitudes) == len(timbre.phases) == harmonics
    assert np.sum(np.square(timbre.amplitudes)) == pytest.approx(2.0)
    assert timbre == Timbre.draw(np.random.default_rng(seed), harmonics)


def test_timbres_differ():
    generator = np.random.default_rng(0)
    levels = np.log10([Timbre.draw(generator, 8).amplitudes for _ in range(50)]) * 20.0
    assert (levels.std(axis=0) > 2.0).all()
