"""Levels and overdrive."""

import numpy as np
import pytest

from datamodules.acoustics import levels

AUDIO = np.random.default_rng(0).standard_normal((3, 1000)).astype(np.float32)


def test_gains_lead_from_one_power_to_another_and_leave_silence():
    wanted = np.array([4.0, 0.25, 9.0])
    power = levels.power(AUDIO)
    np.testing.assert_allclose(power, (AUDIO.astype(float) ** 2).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(levels.power(AUDIO * levels.gain(power, wanted)), wanted, rtol=1e-5)
    assert levels.gain(np.zeros(1), np.ones(1)) == 0
    assert levels.amplitude(np.array([20.0, -6.0206])) == pytest.approx([10, 0.5], abs=1e-5)


def test_hard_clipping_cuts_at_each_items_limit():
    limit = np.array([0.5, 1.0, 9.0])
    clipped = levels.hard_clip(AUDIO, limit)
    np.testing.assert_allclose(np.abs(clipped).max(axis=1), [0.5, 1.0, np.abs(AUDIO[2]).max()])
    inside = np.abs(AUDIO) <= limit[:, None]
    np.testing.assert_array_equal(clipped[inside], AUDIO[inside])


def test_soft_clipping_bends_towards_the_limit_and_keeps_small_amplitudes():
    clipped = levels.soft_clip(AUDIO, np.array([0.5, 1.0, 1000.0]))
    assert (np.abs(clipped).max(axis=1)[:2] < [0.5, 1.0]).all() and (np.sign(clipped) == np.sign(AUDIO)).all()
    np.testing.assert_allclose(clipped[2], AUDIO[2], rtol=1e-4)
    assert (levels.soft_clip(AUDIO, np.zeros(3)) == 0).all(), "a limit of 0 is silence, not a division by it"
