"""f0 to listen to: the right pitch at the right time, equally loud, without clicks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks.drawing.sonified import RATE, sonified

HOP = 0.01


def of_frames(f0):
    return sonified(HOP * np.arange(len(f0)), f0) / 32768


@pytest.mark.parametrize("f0", [55.0, 220.0, 1760.0])
def test_the_strongest_frequency_is_f0(f0):
    sound = of_frames(np.full(200, f0))
    assert len(sound) == 2 * RATE
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.fft.rfftfreq(len(sound), 1 / RATE)[spectrum.argmax()] == pytest.approx(f0, abs=1)


def test_a_tone_glides_with_f0():
    times = HOP * np.arange(400)
    sound = of_frames(220 * 2 ** (times / 4))
    for second in (0.5, 3.5):
        part = sound[int((second - 0.1) * RATE) : int((second + 0.1) * RATE)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
        found = spectrum.argmax() * RATE / (8 * len(part))
        assert found == pytest.approx(220 * 2 ** (second / 4), rel=0.01)


def test_it_sounds_where_it_is_voiced_and_nowhere_else():
    f0 = np.zeros(100)
    f0[20:50], f0[50:60], f0[80] = 220.0, -220.0, 300.0
    sounds = np.flatnonzero(of_frames(f0)) / RATE  # frame k lasts from k to k + 1 hops after the first one begins
    assert sounds.min() == pytest.approx(20 * HOP, abs=0.002)
    first = sounds[sounds < 70 * HOP]
    assert first.max() == pytest.approx(50 * HOP, abs=0.002)
    rest = sounds[sounds > 70 * HOP]
    assert 80 * HOP <= rest.min() < rest.max() <= 81 * HOP


def test_all_pitches_are_equally_loud():
    powers = [np.square(of_frames(np.full(100, f0))[800:-800]).mean() for f0 in (60.0, 220.0, 1000.0)]
    np.testing.assert_allclose(powers, powers[0], rtol=0.02)


def test_what_the_rate_cannot_hold_is_silent_instead_of_folded():
    assert not of_frames(np.full(100, 4000.0)).any()
    sound = of_frames(np.full(100, 3000.0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert spectrum[: int(2900 / RATE * len(sound))].max() < 0.001 * spectrum.max()


# Voiced and unvoiced runs of any length, with leaps between voiced frames.
@given(st.lists(st.sampled_from([0.0, -200.0, 60.0, 110.0, 400.0]), min_size=1, max_size=60))
def test_nothing_clicks(f0):
    sound = np.concatenate([[0.0], of_frames(np.array(f0)), [0.0]])
    # The harmonics of 400 Hz with the amplitudes 1, 1/2 and 1/4 of 7/4, and fades of 8 ms.
    steepest = 0.5 * (2 * np.pi * 400 * (1 + 1 + 0.75) / 1.75 + np.pi / 2 / 0.008) / RATE
    assert np.abs(np.diff(sound)).max() <= 1.1 * steepest + 2 / 32768
    assert np.abs(sound).max() <= 0.5 + 1 / 32768


def test_a_tone_swells_and_dies_away():
    sound = np.abs(of_frames(np.full(100, 400.0)))
    millisecond = RATE // 1000
    peak = sound.max()
    assert sound[: 2 * millisecond].max() < 0.2 * peak > sound[-2 * millisecond :].max()
    assert sound[8 * millisecond : 12 * millisecond].max() > 0.9 * peak


def test_uneven_and_missing_frames_are_no_mistake():
    assert len(sonified([], [])) == 0
    assert len(sonified([1.0], [220.0])) == 0.01 * RATE
    sound = sonified([0.0, 0.1, 0.5], [0.0, 220.0, 0.0])
    sounds = np.flatnonzero(sound) / RATE  # begins half a hop before the first frame
    assert sounds.min() == pytest.approx(0.1, abs=0.002) and sounds.max() == pytest.approx(0.35, abs=0.002)
