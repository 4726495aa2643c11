"""Rooms have the reverberation time and the direct sound that are asked for."""

import numpy as np
import pytest

from datamodules.acoustics import rooms

RATE = 16000


def responses(seconds, direct_db, items=20, seed=0, rate=RATE):
    generator = np.random.default_rng(seed)
    made = rooms.Rooms(
        np.full(items, seconds),
        np.full(items, float(direct_db)),
        generator.random((items, rooms.REFLECTIONS)),
        generator.standard_normal((items, rooms.REFLECTIONS)).astype(np.float32),
        generator.standard_normal((items, rooms.taps(seconds, rate))).astype(np.float32),
    )
    return rooms.impulse_responses(made, rate)


@pytest.mark.parametrize("direct_db", [-6, 0, 12])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_the_direct_sound_comes_first_at_its_ratio_and_the_energy_is_1(direct_db, rate):
    for response in responses(0.4, direct_db, 5, rate=rate):
        assert (response**2).sum() == pytest.approx(1, abs=1e-5)
        found = 10 * np.log10(response[0] ** 2 / (response[1:] ** 2).sum())
        assert direct_db - 0.01 < found < direct_db + (0.01 if direct_db >= 0 else 1)
        assert np.abs(response[1:]).max() < 0.81 * response[0]


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0])
def test_sound_falls_by_60_db_in_the_reverberation_time(seconds):
    """By backward integration: M. R. Schroeder, "New method of measuring reverberation time", JASA 1965."""
    falls = []
    for response in responses(seconds, 0):
        hertz = np.fft.rfftfreq(4 * response.size, 1 / RATE)
        band = np.exp(-((np.log2(np.maximum(hertz, 1) / 800) / 0.25) ** 2))
        middle = np.fft.irfft(np.fft.rfft(response[1:], 4 * response.size) * band)[: response.size]
        level = 10 * np.log10(np.cumsum(middle[::-1] ** 2)[::-1] / (middle**2).sum())
        begin, end = (int(np.argmax(level < db)) for db in (-5, -25))
        falls.append((end - begin) / RATE * 3)
    assert np.mean(falls) == pytest.approx(seconds, rel=0.1)


def test_high_frequencies_die_away_sooner():
    early, late = [], []
    for response in responses(0.6, 0):
        for part, into in ((response[800:1600], early), (response[4000:4800], late)):
            power = np.abs(np.fft.rfft(part)) ** 2
            into.append(power[power.size // 2 :].sum() / power[: power.size // 8].sum())
    assert 10 * np.log10(np.mean(early) / np.mean(late)) > 10


def test_reflections_are_sparse_at_first_and_noise_later():
    """By kurtosis, which is 3 of noise."""
    pooled = np.stack([response[: RATE // 4] for response in responses(0.5, 0, 60)]).astype(float)

    def kurtosis(begin, end):
        part = pooled[:, int(begin * RATE) : int(end * RATE)]
        part = part / part.std(axis=0)
        return (part**4).mean()

    assert kurtosis(0.005, 0.02) > 8
    assert kurtosis(0.06, 0.1) == pytest.approx(3, abs=0.3)


def test_a_room_before_its_first_reflection_is_silent_and_nothing_comes_round():
    response = responses(0.3, 0, 1)[0]
    assert np.abs(response[1 : int(0.001 * RATE)]).max() < 0.05 * response[0]
    audio = np.zeros((2, 4000), np.float32)
    audio[0, 3999] = audio[1, 100] = 1
    heard = rooms.convolve(audio, [response, response])
    assert np.abs(heard[0, :3999]).max() < 1e-6 and heard[0, 3999] == pytest.approx(response[0], abs=1e-6)
    np.testing.assert_allclose(heard[1, 100:], response[:3900], atol=1e-6)


def test_convolution_is_convolution():
    generator = np.random.default_rng(0)
    audio = generator.standard_normal((2, 3000)).astype(np.float32)
    kernels = [generator.standard_normal(size).astype(np.float32) for size in (700, 5000)]
    expected = [np.convolve(item, kernel)[:3000] for item, kernel in zip(audio.astype(float), kernels, strict=True)]
    np.testing.assert_allclose(rooms.convolve(audio, kernels), expected, atol=2e-3)


def test_a_shorter_room_reads_less_of_the_same_noise():
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((1, 16000)).astype(np.float32)
    parts = (np.zeros(1), generator.random((1, rooms.REFLECTIONS)), np.ones((1, rooms.REFLECTIONS), np.float32))
    response = rooms.impulse_responses(rooms.Rooms(np.array([0.25]), *parts, noise), RATE)[0]
    again = rooms.impulse_responses(rooms.Rooms(np.array([0.25]), *parts, noise[:, :4000]), RATE)[0]
    assert response.size == 4000
    np.testing.assert_array_equal(response, again)
