"""Audio in blocks as int16 of one channel: to the last bit what the whole recording gives."""

import numpy as np
import pytest

from datamodules.corpora.base import Audio
from datamodules.preparation.mono import mono_int16_blocks, to_mono_int16


def noise(samples, channels=1):
    values = np.random.default_rng(0).normal(size=(samples, channels)).astype(np.float32) * 0.4
    return values[:, 0] if channels == 1 else values


def blocks(audio, length):
    return [Audio(audio.samples[start : start + length], audio.rate) for start in range(0, len(audio.samples), length)]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize(("samples", "length"), [(1, 1), (5, 2), (3001, 17), (60000, 8192)])
def test_blocks_give_the_samples_of_the_whole(rate, samples, length):
    for channels in (1, 2):
        audio = Audio(noise(samples, channels), rate)
        together = np.concatenate(list(mono_int16_blocks(blocks(audio, length), 16000)))
        assert together.dtype == np.int16
        assert np.array_equal(together, to_mono_int16(audio, 16000))


def test_a_recording_is_never_held_as_a_whole():
    audio = Audio(noise(400000), 44100)
    parts = list(mono_int16_blocks(blocks(audio, 10000), 16000))
    assert len(parts) == 41 and max(map(len, parts)) < 10000


def test_nothing_comes_of_nothing():
    assert list(mono_int16_blocks([], 16000)) == []
