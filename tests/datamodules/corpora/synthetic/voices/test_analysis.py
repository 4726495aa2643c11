import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora.synthetic.voices.analysis import analyse, loud, repetition, runs, without_short_runs

RATE = 16000


def test_finds_the_voice(speak):
    voice = analyse(speak((0.2, 0), (0.2, None), (0.6, (120.0, 150.0)), (0.2, None)), RATE)
    assert voice.envelope.shape == voice.aperiodicity.shape == (241, 513)
    (start, stop), *others = runs(voice.f0 > 0)
    assert not others
    assert start * 0.005 == pytest.approx(0.4, abs=0.02)
    assert stop * 0.005 == pytest.approx(1.0, abs=0.02)
    inside = np.arange(start + 4, stop - 4)
    assert_allclose(voice.f0[inside], 120.0 + 50.0 * (inside * 0.005 - 0.4), rtol=0.02)
    assert voice.breath[inside].max() < 0.2
    assert voice.breath[: start - 10].min() > 0.7


def test_finds_no_voice_in_noise(speak):
    assert not analyse(speak((1.0, None)), RATE).f0.any()


def test_a_faint_voice_is_silent(speak):
    sound = np.concatenate([speak((0.5, (120.0, 130.0))), 0.005 * speak((0.5, (120.0, 130.0)))])
    f0 = analyse(sound, RATE).f0
    assert np.count_nonzero(f0[:100]) > 80
    assert not f0[110:].any()


def test_is_repeatable(speak):
    one, other = (analyse(speak((0.4, (200.0, 210.0)), (0.2, None)), RATE) for _ in range(2))
    for name in one._fields:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_repetition_is_the_correlation_of_two_periods():
    generator = np.random.default_rng(1)
    samples, f0 = generator.standard_normal(1600), np.array([0.0, 0.0, 0.0, 97.3, 210.0, 0.0, 401.0, 60.0])
    found = repetition(samples, f0, RATE)
    for frame in np.flatnonzero(f0):
        period = RATE / f0[frame]
        width, best = int(max(period, 96)), -1.0
        for lag in (int(period), int(period) + 1):
            start = 80 * frame - (width + lag) // 2
            padded = np.concatenate([np.zeros(1000), samples])[start + 1000 :]
            one, other = padded[:width], padded[lag : lag + width]
            best = max(best, one @ other / np.sqrt((one @ one) * (other @ other)))
        assert found[frame] == pytest.approx(best)
    assert_array_equal(found[f0 == 0], 0.0)


def test_a_period_that_comes_again_correlates_fully():
    samples = np.tile(np.random.default_rng(0).standard_normal(100), 20)
    assert_allclose(repetition(samples, np.full(20, 160.0), RATE)[5:-5], 1.0)
    assert_array_equal(repetition(samples, np.zeros(20), RATE), 0.0)


def test_runs_and_the_short_ones():
    voiced = np.array([True] * 5 + [False] + [True] * 6 + [False] * 2 + [True])
    assert runs(voiced).tolist() == [[0, 5], [6, 12], [14, 15]]
    assert runs(without_short_runs(voiced)).tolist() == [[6, 12]]
    assert runs(np.zeros(3, bool)).shape == (0, 2)


def test_loud_frames_are_less_than_38_db_under_the_loudest():
    level = np.array([0.0] * 10 + [-37.0, -39.0])
    assert loud(level).tolist() == [True] * 11 + [False]
    assert not loud(level, level + 40.0).any()
