"""Audio and labels on one grid."""

import numpy as np
import pytest

from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.f0_tables import F0Series
from datamodules.preprocess import Staging, frame_count, preprocess, to_mono_int16


class Given:
    """A source that is what it is given, and counts how often it is read."""

    def __init__(self, value, mark="1"):
        self.value, self.mark, self.reads = value, mark, 0

    def fingerprint(self):
        return self.mark

    def read(self):
        self.reads += 1
        return self.value


def tone(rate=16000, seconds=1.0, hz=440.0, level=0.5):
    return Audio((level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32), rate)


def contour(seconds=1.0):
    return F0Series(np.arange(0, seconds, 0.005), np.linspace(200, 300, int(seconds * 200)))


def test_int16_audio_comes_through_unchanged():
    samples = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(to_mono_int16(Audio((samples / 32768).astype(np.float32), 8000), 8000), samples)


def test_overshoot_is_clipped_and_never_wraps():
    loud = to_mono_int16(Audio(np.array([1.01, -1.01], np.float32), 8000), 8000)
    assert loud.tolist() == [32767, -32768]


def test_channels_are_averaged():
    stereo = np.stack([np.full(10, 0.5), np.full(10, -0.25)], axis=1).astype(np.float32)
    assert to_mono_int16(Audio(stereo, 8000), 8000).tolist() == [4096] * 10


def test_resampling_keeps_the_tone():
    resampled = to_mono_int16(tone(44100), 16000).astype(float) / 32768
    assert resampled.size == pytest.approx(16000, abs=1)
    middle = resampled[2000:14000]
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2000, 14000) / 16000)
    np.testing.assert_allclose(middle, expected, atol=2e-3)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (160, 1), (161, 2), (16000, 100)])
def test_a_frame_exists_if_the_sample_it_is_centred_on_does(samples, frames):
    assert frame_count(samples, 160) == frames


def test_labels_stand_at_the_centre_samples():
    track = preprocess(Recording("a", Given(tone()), Given(contour()), "a"), 16000, 160)
    assert track.f0.size == 100 and track.f0.dtype == np.float32
    np.testing.assert_allclose(track.f0, contour().at(np.arange(100) * 0.01), rtol=1e-6)


def test_an_annotation_that_outlasts_its_audio_is_suspected():
    with pytest.warns(UserWarning, match="'a': the annotation goes on"):
        preprocess(Recording("a", Given(tone()), Given(contour(3.0)), "a"), 16000, 160)


def test_empty_audio_is_refused():
    with pytest.raises(DataError, match="'a'"):
        preprocess(Recording("a", Given(Audio(np.zeros(0, np.float32), 16000)), None, "a"), 16000, 160)


def test_staged_tracks_are_found_again_until_anything_changes(tmp_path):
    audio, truth = Given(tone()), Given(contour())
    staging = Staging(tmp_path, 16000, 160)
    key, samples = staging.put(Recording("a", audio, truth, "a"))
    assert staging.put(Recording("a", audio, truth, "a")) == (key, samples) == (key, 16000)
    assert audio.reads == 1
    assert np.array_equal(staging.get(key).samples, to_mono_int16(tone(), 16000))
    other_audio = Recording("a", Given(tone(), "2"), truth, "a")
    keys = {key, staging.key(other_audio), Staging(tmp_path, 16000, 93).key(Recording("a", audio, truth, "a"))}
    keys |= {
        Staging(tmp_path, 8000, 160).key(Recording("a", audio, truth, "a")),
        staging.key(Recording("a", audio, None, "a")),
    }
    assert len(keys) == 5
    staging.remove()
    assert not tmp_path.exists()
