import numpy as np
import pytest
from numpy.testing import assert_array_equal

from datamodules.corpora.sources.audio_files import AudioClip, AudioFile, cut
from datamodules.errors import DataError


@pytest.fixture
def noise(tmp_path, write_tone):
    """2.5 s at 8 kHz that no two samples have in common."""
    return AudioFile(write_tone(tmp_path / "noise.wav", np.linspace(-0.9, 0.9, 20000), subtype="FLOAT"))


def test_clips_are_the_file_without_its_end(noise):
    clips = cut(noise, 1.0)
    assert [clip.start for clip in clips] == [0.0, 1.0]
    together = np.concatenate([clip.read().samples for clip in clips])
    assert clips[0].read().rate == 8000
    assert_array_equal(together, noise.read().samples[:16000])


def test_a_file_that_is_too_short_gives_no_clip(noise):
    assert cut(noise, 3.0) == []


def test_fingerprints_tell_clips_apart(noise, write_tone):
    clips = cut(noise, 0.5)
    before = {clip.fingerprint() for clip in clips}
    assert len(before) == 5
    write_tone(noise.path)
    assert before.isdisjoint(clip.fingerprint() for clip in clips)


@pytest.mark.parametrize("start", [2.0, 2.5, 3.0])
def test_a_clip_that_reaches_beyond_the_end_is_refused(noise, start):
    with pytest.raises(DataError, match=f"noise.wav: it ends before {start + 1:g} s"):
        AudioClip(noise, start, 1.0).read()


def test_what_is_no_audio_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.wav: there is no such audio file"):
        cut(AudioFile(tmp_path / "none.wav"), 1.0)
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(DataError, match=r"text\.wav: cannot be decoded"):
        cut(AudioFile(tmp_path / "text.wav"), 1.0)
