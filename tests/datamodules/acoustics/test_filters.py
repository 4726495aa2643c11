"""Filters have the gains that they should have, move nothing, and let nothing in at the other end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.acoustics import filters

RATE = 16000


def click(place, samples=16000):
    audio = np.zeros((1, samples), np.float32)
    audio[0, place] = 1
    return audio


def gain_db(change, hertz, rate=RATE):
    """Measured gain of a filter for a long tone, dB."""
    tone = np.sin(2 * np.pi * hertz * np.arange(4 * rate) / rate).astype(np.float32)[None]
    inner = slice(rate, 3 * rate)
    return 10 * np.log10((change(tone)[0, inner] ** 2).mean() / (tone[0, inner] ** 2).mean())


def passing(kind, cutoff, slope, rate=RATE):
    def change(audio):
        frequency = filters.frequencies(audio.shape[1], rate)
        return filters.scale_spectrum(audio, kind(frequency, np.array([cutoff]), np.array([slope])), rate)

    return change


@pytest.mark.parametrize("slope", [12.0, 24.0, 36.0])
def test_a_pass_is_3_db_down_at_its_cutoff_and_falls_by_its_slope(slope):
    high, low = passing(filters.high_pass, 800.0, slope), passing(filters.low_pass, 800.0, slope)
    assert gain_db(high, 800) == pytest.approx(-3.01, abs=0.1) == gain_db(low, 800)
    assert gain_db(high, 400) - gain_db(high, 200) == pytest.approx(slope, abs=0.3)
    assert gain_db(low, 1600) - gain_db(low, 3200) == pytest.approx(slope, abs=0.3)
    assert abs(gain_db(high, 4000)) < 0.1 and abs(gain_db(low, 200)) < 0.1


def test_a_high_pass_removes_a_constant():
    assert np.abs(passing(filters.high_pass, 50.0, 24.0)(np.ones((1, 48000), np.float32))[0, 16000:32000]).max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([filters.high_pass, filters.low_pass]),
    st.floats(20, 8000),
    st.floats(6, 36),
    st.sampled_from([1000, 4001, 16000]),
)
def test_a_click_stays_where_it_is_and_does_not_appear_at_the_other_end(kind, cutoff, slope, samples):
    for place in (0, samples // 2, samples - 1):
        heard = passing(kind, cutoff, slope)(click(place, samples))[0]
        assert np.abs(heard).argmax() == place or np.abs(heard).max() < 1.02 * abs(heard[place])
    # The same as with seconds of silence behind it: nothing comes round.
    alone = passing(kind, cutoff, slope)(click(samples - 1, samples + 3 * RATE))[0, :samples]
    np.testing.assert_allclose(passing(kind, cutoff, slope)(click(samples - 1, samples))[0], alone, atol=2e-4)


def test_responses_are_symmetric_in_time():
    heard = passing(filters.high_pass, 200.0, 24.0)(click(8000))[0]
    np.testing.assert_allclose(heard[8001:12000], heard[7999:4000:-1], atol=1e-6)


@pytest.mark.parametrize("octaves", [0.5, 1.0, 2.0])
def test_an_equaliser_has_its_levels_at_its_points(octaves):
    points = filters.equaliser_points(RATE, octaves)
    assert filters.LOWEST * 2 ** (octaves * (points - 2)) < RATE / 2 <= filters.LOWEST * 2 ** (octaves * (points - 1))
    db = np.random.default_rng(0).uniform(-12, 12, (1, points))
    place = np.array([0.0, *filters.LOWEST * 2 ** (octaves * np.arange(points - 1))])
    got = 20 * np.log10(filters.equaliser(place, db, octaves)[0])
    np.testing.assert_allclose(got, [db[0, 0], *db[0, :-1]], atol=1e-6)


def test_an_equalisers_curve_is_smooth_and_within_its_points():
    db = np.array([[12.0, -12, 12, -12, 12, -12, 12, -12, 12]])
    curve = 20 * np.log10(filters.equaliser(filters.frequencies(64000, RATE), db, 1.0)[0])
    assert -12.001 < curve.min() < -11.9 and 11.9 < curve.max() < 12.001
    octave = np.log2(np.maximum(filters.frequencies(64000, RATE), filters.LOWEST))
    steep = np.diff(curve)[500:] / np.diff(octave)[500:]
    assert np.abs(steep).max() < 24 * np.pi / 2 + 0.1


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_curves_reach_half_of_any_rate(rate):
    points = filters.equaliser_points(rate, 1.0)
    gains = filters.equaliser(filters.frequencies(3000, rate), np.full((1, points), 6.0), 1.0)
    np.testing.assert_allclose(20 * np.log10(gains), 6.0)
