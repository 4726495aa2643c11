import os

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora.sources import audio_files
from datamodules.corpora.sources.audio_files import AudioClip, AudioFile, cut
from datamodules.errors import DataError


def refusal(path):
    with pytest.raises(DataError) as error:
        AudioFile(path).read()
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64"])
def test_formats(tmp_path, write_tone, extension):
    audio = AudioFile(write_tone(tmp_path / f"tone.{extension}")).read()
    assert audio.rate == 8000
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == (8000,)
    assert_allclose(np.sqrt(np.mean(audio.samples**2)), 0.5 / np.sqrt(2.0), rtol=0.02)


def test_channels(tmp_path, write_tone):
    assert AudioFile(write_tone(tmp_path / "a.wav", np.zeros((100, 2)))).read().samples.shape == (100, 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_are_the_file_in_pieces(tmp_path, write_tone, channels):
    file = AudioFile(write_tone(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, (2500, channels))))
    blocks = list(file.blocks(1000))
    assert [(len(block.samples), block.rate) for block in blocks] == [(1000, 8000), (1000, 8000), (500, 8000)]
    assert_array_equal(np.concatenate([block.samples for block in blocks]), file.read().samples)


def test_a_sample_that_is_no_number_is_counted_over_all_blocks_and_a_lost_end_is_found_at_the_end(tmp_path, write_tone):
    samples = np.zeros(100)
    samples[71] = np.nan
    file = AudioFile(write_tone(tmp_path / "a.wav", samples, subtype="FLOAT"))
    with pytest.raises(DataError, match="sample 71 is not a finite number"):
        list(file.blocks(10))
    path = write_tone(tmp_path / "b.flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"b\.flac"):
        list(AudioFile(path).blocks(100))


def test_the_fingerprint_is_that_of_the_bytes(tmp_path, write_tone):
    one, same = write_tone(tmp_path / "a.wav"), write_tone(tmp_path / "b.wav")
    other = write_tone(tmp_path / "c.wav", np.zeros(10))
    assert AudioFile(one).fingerprint() == AudioFile(same).fingerprint() != AudioFile(other).fingerprint()


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "aiff", "au", "w64", "caf"])
def test_half_a_file_is_refused(tmp_path, write_tone, extension):
    path = write_tone(tmp_path / f"tone.{extension}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert any(reason in refusal(path) for reason in ("truncated", "cannot be decoded", "no samples"))


def test_how_much_of_a_truncated_file_is_there_is_said(tmp_path, write_tone):
    path = write_tone(tmp_path / "tone.wav")
    path.write_bytes(path.read_bytes()[:-2])
    assert "truncated: 15998 of 16000 bytes" in refusal(path)


def test_a_wav_from_a_pipe_states_no_length_and_is_whole(tmp_path, write_tone):
    path = write_tone(tmp_path / "tone.wav")
    content = path.read_bytes()
    path.write_bytes(content.replace((16000).to_bytes(4, "little"), b"\xff\xff\xff\xff"))
    assert path.read_bytes() != content
    assert AudioFile(path).read().samples.shape == (8000,)


def test_a_file_without_samples_is_refused(tmp_path, write_tone):
    assert "no samples" in refusal(write_tone(tmp_path / "a.wav", np.zeros(0)))


@pytest.mark.parametrize("content", [b"", b"this is not audio" * 10])
def test_what_is_not_audio_is_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert "cannot be decoded" in refusal(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(100,), (100, 2)])
def test_samples_that_are_not_numbers_are_refused(tmp_path, write_tone, wrong, shape):
    samples = np.zeros(shape)
    samples[7] = wrong
    assert "sample 7 is not a finite number" in refusal(write_tone(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_a_missing_file_is_named(tmp_path):
    assert "no such audio file" in refusal(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"a\.wav: there is no such audio file"):
        AudioFile(tmp_path / "a.wav").fingerprint()


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


def test_a_named_pipe_with_the_name_of_audio_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.wav")
    for read in (AudioFile.read, AudioFile.length, AudioFile.fingerprint):
        with pytest.raises(DataError, match=r"x\.wav: cannot be read: Is a named pipe"):
            read(AudioFile(tmp_path / "x.wav"))


def test_a_folder_with_the_name_of_audio_is_said_to_be_one(tmp_path):
    (tmp_path / "x.wav").mkdir()
    with pytest.raises(DataError, match=r"x\.wav: cannot be read: Is a directory"):
        AudioFile(tmp_path / "x.wav").read()


def test_bare_samples_are_refused_with_what_they_lack(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    with pytest.raises(DataError, match=r"x\.raw: bare samples, without a header that states rate and channels"):
        AudioFile(tmp_path / "x.raw").read()


@pytest.mark.parametrize("name", ["x.au", "x.snd"])
def test_a_name_that_stands_for_a_header_does_not_replace_it(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(1000))
    for read in (AudioFile.read, AudioFile.length, AudioFile.fingerprint):
        with pytest.raises(DataError, match=rf"/{name}: bare samples, without a header that states rate and channels"):
            read(AudioFile(tmp_path / name))


def test_gigabytes_that_are_no_audio_are_not_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_files, "sha256_of", lambda path: pytest.fail(f"{path} is read as a whole"))
    with open(tmp_path / "x.wav", "wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(DataError, match=r"x\.wav: cannot be decoded"):
        AudioFile(tmp_path / "x.wav").fingerprint()


@pytest.mark.parametrize("rate", [1, 999, (1 << 31) - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path, rate):
    soundfile.write(tmp_path / "x.wav", np.zeros(100), rate)
    for read in (AudioFile.read, AudioFile.length):
        with pytest.raises(DataError, match=rf"x\.wav: its header states {rate} samples per second"):
            read(AudioFile(tmp_path / "x.wav"))
