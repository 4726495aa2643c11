import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datamodules.corpora.synthetic.voices.variation import STYLES, Compass, Style, vary

RANGES = Compass(40.0, 1000.0, 0.45)


def contours(voice, count=150):
    return [vary(voice, RANGES, np.random.default_rng([1, number])) for number in range(count)]


def cents(f0):
    return 1200.0 * np.log2(f0[f0 > 0])


@pytest.fixture
def varied(steady_voice):
    small = steady_voice._replace(envelope=steady_voice.envelope[:, :8], aperiodicity=steady_voice.aperiodicity[:, :8])
    return small, contours(small)


def test_shares_add_up():
    assert sum(style.share for style in STYLES) == pytest.approx(1.0)


def test_some_keep_the_natural_contour(varied):
    voice, made = varied
    natural = cents(voice.f0)
    shifts = [
        np.mean(cents(other.f0) - natural)
        for other in made
        if np.count_nonzero(other.f0) == len(natural) and np.ptp(cents(other.f0) - natural) < 1e-6
    ]
    assert 0.1 < len(shifts) / len(made) < 0.28
    assert max(np.abs(shifts)) <= 200
    assert np.std(shifts) > 50


def test_some_are_low_some_high_some_long(varied):
    _, made = varied
    medians = np.array([np.median(other.f0[other.f0 > 0]) for other in made])
    assert 0.1 < np.mean((medians > 45) & (medians < 90)) < 0.35
    assert np.mean(medians > 250) > 0.1
    lengths = np.array([len(other.f0) for other in made])
    assert np.mean(lengths > 1.4 * 400) > 0.1
    assert np.mean(lengths == 400) > 0.4


def test_singing_makes_only_the_voice_longer(steady_voice):
    sung = [other for other in contours(steady_voice, 60) if len(other.f0) > 800]
    assert sung
    for other in sung:
        voiced = np.flatnonzero(other.f0)
        assert voiced[0] < 250
        assert len(other.f0) - voiced[-1] < 250
        assert other.envelope.shape == other.aperiodicity.shape == (len(other.f0), 513)


def test_everything_stays_in_range(varied):
    for other in varied[1]:
        f0 = other.f0[other.f0 > 0]
        assert 40 <= f0.min() <= f0.max() <= 1000
        assert other.aperiodicity.min() > 0
        assert other.aperiodicity.max() <= 1
        assert np.isfinite(other.envelope).all()
        assert other.envelope.min() > 0


def test_the_voice_given_stays_as_it_is(steady_voice):
    before = [values.copy() for values in steady_voice]
    contours(steady_voice, 10)
    for values, copy in zip(steady_voice, before, strict=True):
        assert_array_equal(values, copy)


def test_the_generator_decides_everything(steady_voice):
    one, other = (vary(steady_voice, RANGES, np.random.default_rng(7)) for _ in range(2))
    for name in one._fields:
        assert_array_equal(getattr(one, name), getattr(other, name))


def test_breath_becomes_noise(steady_voice):
    breathy = steady_voice._replace(breath=np.full(400, 0.5))
    for seed in range(5):
        plain, other = (vary(voice, RANGES, np.random.default_rng(seed)) for voice in (steady_voice, breathy))
        voiced = other.f0 > 0
        assert other.aperiodicity[voiced].mean() > 2 * plain.aperiodicity[plain.f0 > 0].mean()


def test_a_voice_without_f0_keeps_none(steady_voice):
    silent = steady_voice._replace(f0=np.zeros(400), breath=np.ones(400))
    assert not any(other.f0.any() for other in contours(silent, 10))


@given(st.lists(st.floats(-20000, 20000), min_size=1), st.floats(30, 60), st.floats(500, 2000))
def test_bent_contours_keep_to_the_limits_and_their_order(values, lowest, highest):
    values = np.sort(np.array(values))
    held = Compass(lowest, highest, 0.0).hold(values)
    low, high = 1200 * np.log2(lowest), 1200 * np.log2(highest)
    assert low <= held.min() <= held.max() <= high
    assert (np.diff(held) >= 0).all()
    inside = (values > low + 150) & (values < high - 150)
    assert_array_equal(held[inside], values[inside])


def test_a_style_that_changes_nothing(steady_voice, monkeypatch):
    still = Style(
        share=1.0,
        semitones=0.0,
        scale=(1.0, 1.0),
        fluctuation=0.0,
        glides=0.0,
        vibrato=0.0,
        drift=0.0,
        overshoot=0.0,
        level=0.0,
        fades=0.0,
        warp=0.0,
    )
    monkeypatch.setattr("datamodules.corpora.synthetic.voices.variation.STYLES", (still,))
    other = vary(steady_voice, RANGES, np.random.default_rng(0))
    np.testing.assert_allclose(other.f0, steady_voice.f0)
    np.testing.assert_allclose(other.envelope, steady_voice.envelope)
