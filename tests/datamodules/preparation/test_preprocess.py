"""Audio and labels on one grid."""

import mir_eval
import numpy as np
import pytest
import soundfile

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.preparation.cache import ArrayCache
from datamodules.preparation.preprocess import Preprocessor, Rejected, frame_count, to_mono_int16
from datamodules.preparation.spectrograms import ConstantQ, HarmonicConstantQ
from tests.given_corpus import Given


def tone(rate=16000, seconds=1.0, hz=440.0, level=0.5):
    return Audio((level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32), rate)


def contour(seconds=1.0):
    return F0Series(np.arange(0, seconds, 0.005), np.linspace(200, 300, int(seconds * 200)))


@pytest.mark.parametrize("f0", [np.nan, np.inf, 1e30, -200_000.0])
def test_an_f0_that_a_source_of_ones_own_must_not_give_leaves_the_recording_out(tmp_path, f0):
    series = F0Series(np.array([0.0, 0.5]), np.array([100.0, f0]))
    found = Preprocessor(ArrayCache(tmp_path), 16000, 160).put(Recording("mine", Given(tone()), Given(series), "mine"))
    assert found == Rejected("recording 'mine': its f0 is not finite, or above 100000 Hz")


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


def preprocessor(folder, rate=16000, hop=160, spectrogram=None):
    return Preprocessor(ArrayCache(folder / "arrays"), rate, hop, spectrogram)


def preprocess(folder, recording, **options):
    maker = preprocessor(folder, **options)
    return maker.get(maker.put(recording))


def test_labels_stand_at_the_centre_samples(tmp_path):
    track = preprocess(tmp_path, Recording("a", Given(tone()), Given(contour()), "a"))
    assert track.f0.size == 100 and track.f0.dtype == np.float32
    np.testing.assert_allclose(track.f0, contour().at(np.arange(100) * 0.01), rtol=1e-6)


def test_several_voices_are_resampled_as_mir_eval_does(tmp_path):
    times = np.arange(0, 1, 0.023)
    f0 = np.random.default_rng(0).uniform(100, 400, (times.size, 3)) * (np.arange(3) < 2)
    track = preprocess(tmp_path, Recording("a", Given(tone()), Given(MultiF0Series(times, f0)), "a"))
    expected = mir_eval.multipitch.resample_multipitch(times, list(f0), np.arange(100) * 0.01)
    for row, pitches in zip(track.f0, expected, strict=True):
        np.testing.assert_allclose(row[: len(pitches)], pitches, rtol=1e-6)
        assert not row[len(pitches) :].any()


def test_an_annotation_that_outlasts_its_audio_is_suspected(tmp_path):
    with pytest.warns(UserWarning, match="'a': the annotation goes on"):
        preprocess(tmp_path, Recording("a", Given(tone()), Given(contour(3.0)), "a"))


def test_empty_audio_is_rejected_with_the_reason(tmp_path):
    silent = Recording("a", Given(Audio(np.zeros(0, np.float32), 16000)), None, "a")
    assert preprocessor(tmp_path).put(silent) == Rejected("recording 'a': it is empty")


def test_arrays_are_found_again_until_anything_they_are_made_from_changes(tmp_path):
    audio, truth = Given(tone()), Given(contour())
    first = preprocessor(tmp_path).put(Recording("a", audio, truth, "a"))
    assert preprocessor(tmp_path).put(Recording("a", audio, truth, "a")) == first
    assert audio.reads == truth.reads == 1
    other_audio = preprocessor(tmp_path).put(Recording("a", Given(tone(hz=441.0)), truth, "a"))
    other_truth = preprocessor(tmp_path).put(Recording("a", audio, Given(contour(0.9)), "a"))
    other_hop = preprocessor(tmp_path, hop=93).put(Recording("a", audio, truth, "a"))
    other_rate = preprocessor(tmp_path, rate=8000).put(Recording("a", audio, truth, "a"))
    assert len({each.arrays["samples"] for each in (first, other_audio, other_truth, other_hop, other_rate)}) == 3
    assert len({each.arrays["f0"] for each in (first, other_truth, other_hop, other_rate)}) == 4
    assert audio.reads == 2, "audio is resampled again only for another rate"


def test_spectrograms_are_keyed_by_every_parameter(tmp_path):
    recording = Recording("a", Given(tone()), None, "a")
    kinds = [
        ConstantQ(octaves=5),
        ConstantQ(octaves=6),
        ConstantQ(octaves=5, top_dbs=[60.0]),
        ConstantQ(octaves=5, filter_scales=[0.5]),
        ConstantQ(octaves=5, minimum=55.0),
        HarmonicConstantQ(octaves=5, harmonics=[1.0]),
    ]
    keys = [preprocessor(tmp_path, spectrogram=kind).put(recording).arrays["spectrum"] for kind in kinds]
    for grid in ({"hop": 80}, {"rate": 22050}):
        keys.append(preprocessor(tmp_path, spectrogram=kinds[0], **grid).put(recording).arrays["spectrum"])
    assert len(set(keys)) == len(keys)
    assert preprocessor(tmp_path, spectrogram=ConstantQ(octaves=5)).put(recording).arrays["spectrum"] == keys[0]


def test_a_file_that_was_changed_is_read_again(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(1600), 16000)
    recording = Recording("a", AudioFile(path), None, "a")
    first = preprocessor(tmp_path).note(recording)
    assert first.result.frames == 10
    assert preprocessor(tmp_path).note(recording, first.stamp) is None
    assert preprocessor(tmp_path, hop=80).note(recording, first.stamp).result.frames == 20
    soundfile.write(path, np.zeros(3200), 16000)
    assert preprocessor(tmp_path).note(recording, first.stamp).result.frames == 20


def test_a_file_that_could_not_be_read_is_read_when_it_is_there(tmp_path):
    path = tmp_path / "a.flac"
    recording = Recording("a", AudioFile(path), None, "a")
    rejected = preprocessor(tmp_path).note(recording)
    assert str(path) in rejected.result.reason
    assert preprocessor(tmp_path).note(recording, rejected.stamp) is None
    soundfile.write(path, np.zeros(1600), 16000)
    assert preprocessor(tmp_path).note(recording, rejected.stamp).result.frames == 10
