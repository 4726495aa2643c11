"""Noise has its colour, at any rate and length."""

import numpy as np
import pytest

from datamodules.acoustics.noise import LOWEST, coloured_noise, noise_values


def made(exponent, samples, rate, items=30):
    white = np.random.default_rng(0).standard_normal((items, noise_values(samples)), np.float32)
    return coloured_noise(white, np.full(items, exponent), samples, rate)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.7, 2.4])
def test_power_falls_with_frequency_by_the_exponent(exponent, rate):
    samples = 2 * rate
    spectrum = (np.abs(np.fft.rfft(made(exponent, samples, rate) * np.hanning(samples))) ** 2).mean(axis=0)
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    octaves = [10 * np.log10(spectrum[(hertz >= low) & (hertz < 2 * low)].mean()) for low in 40.0 * 2 ** np.arange(6)]
    np.testing.assert_allclose(np.diff(octaves), -exponent * 10 * np.log10(2), atol=0.6)


def test_there_is_nothing_below_the_lowest_frequency():
    noise = made(2.4, 64000, 16000)
    spectrum, hertz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(64000, 1 / 16000)
    assert spectrum[:, hertz < LOWEST - 1].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize("samples", [1, 1009, 32003])
def test_noise_of_any_length_is_finite(samples):
    noise = made(2.0, samples, 16000)
    assert noise.shape == (30, samples) and noise.dtype == np.float32 and np.isfinite(noise).all()


def test_noise_of_an_item_does_not_depend_on_the_others():
    white = np.random.default_rng(0).standard_normal((5, noise_values(4000)), np.float32)
    exponent = np.linspace(0, 2.4, 5)
    whole = coloured_noise(white, exponent, 4000, 16000)
    np.testing.assert_array_equal(coloured_noise(white[3:4], exponent[3:4], 4000, 16000), whole[3:4])
