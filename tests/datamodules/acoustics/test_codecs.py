"""Coders keep the sound, lose something of it, and leave it where it was."""

import numpy as np
import pytest

from datamodules.acoustics.codecs import coded, mu_law
from datamodules.errors import DataError

SETTINGS = [("mp3", 0.0), ("mp3", 0.5), ("mp3", 0.9), ("mp3", 0.95), ("ogg", 0.0), ("ogg", 0.5), ("ogg", 0.95)]


def bursts(rate, seconds=1.0):
    """Tones of 20 ms between silences, each of its own frequency."""
    times, audio = np.arange(round(rate * seconds)) / rate, 0.0
    for number, start in enumerate(np.arange(0.05, seconds - 0.05, 0.137)):
        inside = np.clip((times - start) / 0.02, 0, 1)
        audio = audio + 0.4 * np.sin(np.pi * inside) ** 2 * np.sin(2 * np.pi * (400 + 130 * number) * times)
    return np.asarray(audio, np.float32)


def lateness(late, early):
    """By how many samples one sound comes after the other, from their cross-correlation."""
    length = 2 * early.size
    likeness = np.fft.irfft(np.fft.rfft(late, length) * np.conj(np.fft.rfft(early, length)), length)
    place = int(likeness.argmax())
    return place if place < early.size else place - length


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize(("coder", "compression"), SETTINGS)
def test_a_tone_burst_stays_in_its_place_to_a_millisecond(coder, compression, rate):
    sound = bursts(rate)
    heard = coded(sound, coder, compression, rate)
    assert heard.shape == sound.shape and heard.dtype == np.float32
    assert abs(lateness(heard, sound)) <= rate * 0.0005
    assert np.corrcoef(heard, sound)[0, 1] > 0.9


@pytest.mark.parametrize("coder", ["mp3", "ogg"])
def test_more_compression_loses_more_and_every_time_the_same(coder):
    sound = bursts(16000) + 0.02 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    losses = [((coded(sound, coder, value, 16000) - sound) ** 2).mean() for value in (0.0, 0.5, 0.95)]
    assert 0 < losses[0] < losses[1] < losses[2] < (sound**2).mean()
    np.testing.assert_array_equal(coded(sound, coder, 0.9, 16000), coded(sound, coder, 0.9, 16000))


@pytest.mark.parametrize(("coder", "compression"), SETTINGS)
def test_the_end_of_a_sound_is_not_lost(coder, compression):
    sound = bursts(16000)
    sound[-800:] = 0.4 * np.sin(2 * np.pi * 500 * np.arange(800) / 16000)
    heard = coded(sound, coder, compression, 16000)
    assert (heard[-800:-200] ** 2).mean() > 0.5 * (sound[-800:-200] ** 2).mean()


@pytest.mark.parametrize("coder", ["mp3", "ogg"])
def test_very_short_sounds_pass(coder):
    assert coded(np.full(10, 0.1, np.float32), coder, 0.5, 16000).shape == (10,)


def test_an_impossible_rate_is_refused():
    with pytest.raises(DataError, match="mp3 at 12345 Hz"):
        coded(bursts(12345), "mp3", 0.5, 12345)


def test_mu_law_has_256_steps_and_a_steady_ratio_of_signal_to_error():
    everything = np.arange(-32768, 32768, dtype=np.float32)[None]
    heard = mu_law(everything)
    assert np.unique(heard).size == 255, "positive and negative zero are one"
    np.testing.assert_array_equal(heard[0, 1:], -heard[0, :0:-1])
    assert (np.diff(heard[0]) >= 0).all()
    noise = np.random.default_rng(0).standard_normal(50000)[None]
    ratios = []
    for level in (300, 1000, 3000):
        sound = (level * noise).astype(np.float32)
        ratios.append(10 * np.log10((sound**2).mean() / ((mu_law(sound) - sound) ** 2).mean()))
    np.testing.assert_allclose(ratios, 37, atol=3)


def test_mu_law_clips_beyond_full_scale():
    np.testing.assert_array_equal(mu_law(np.array([[1e6, -1e6]], np.float32)), mu_law(np.array([[32767, -32768.0]])))
