import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora.synthetic.mixing import mix

RATE = 16000
TONE = np.sin(2.0 * np.pi * 440.0 * np.arange(RATE) / RATE)


def rms(samples):
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64)))


def generator(seed=0):
    return np.random.default_rng(seed)


def test_the_voice_is_set_to_its_level_where_it_sounds():
    voice = np.concatenate([np.zeros(RATE), 7.0 * TONE])
    audio = mix(voice, rate=RATE, generator=generator())
    assert audio.rate == RATE
    assert audio.samples.dtype == np.float32
    assert_array_equal(audio.samples[:RATE], 0.0)
    assert_allclose(rms(audio.samples[RATE:]), 0.1, rtol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_as_far_below_the_voice_as_stated(seed):
    clean = mix(TONE, rate=RATE, generator=generator(seed))
    noisy = mix(TONE, rate=RATE, generator=generator(seed), snr_db=20.0)
    assert_allclose(rms(noisy.samples - clean.samples), 0.01, rtol=1e-4)


def test_noise_is_white_or_pink():
    slopes = []
    for seed in range(8):
        noise = mix(np.zeros(RATE), rate=RATE, generator=generator(seed), snr_db=0.0).samples
        power = np.abs(np.fft.rfft(noise)) ** 2
        slopes.append(round(np.log10(power[2000:4000].mean() / power[200:400].mean())))
    assert set(slopes) == {0, -1}


def test_accompaniment_is_at_its_level():
    other = np.roll(TONE, 10)
    clean = mix(TONE, rate=RATE, generator=generator())
    full = mix(TONE, rate=RATE, generator=generator(), accompaniment=other, accompaniment_db=-6.0)
    assert_allclose(rms(full.samples - clean.samples), 0.1 * 10.0**-0.3, rtol=1e-4)


def test_peaks_are_not_clipped():
    audio = mix(TONE, rate=RATE, generator=generator(), snr_db=-30.0)
    assert np.abs(audio.samples).max() == pytest.approx(0.99)


def test_silence_stays_silent():
    assert_array_equal(mix(np.zeros(100), rate=RATE, generator=generator()).samples, np.zeros(100))
