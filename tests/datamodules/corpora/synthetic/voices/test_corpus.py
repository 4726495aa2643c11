import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.signal import butter, sosfiltfilt

from datamodules.corpora import VoiceResynthesis
from datamodules.corpora.synthetic.voices import rendering
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe


def renderings(folder, count=12, **options):
    return VoiceResynthesis(str(folder), renderings=count, **options).recordings()


def read(recordings):
    return [(recording.audio.read(), recording.truth.read()) for recording in recordings]


def refusal(folder, **options):
    with pytest.raises(DataError) as error:
        VoiceResynthesis(str(folder), **options).recordings()
    return str(error.value)


def periodic(audio, times):
    """Whether 40 ms of the low band around each time repeat at any lag of a voice."""
    low = sosfiltfilt(butter(4, 1200.0, fs=audio.rate, output="sos"), audio.samples)
    found = []
    for time in times:
        start = round((time - 0.02) * audio.rate)
        part = low[max(start, 0) : max(start, 0) + round(0.04 * audio.rate)]
        spectrum = np.fft.rfft(part * np.hanning(len(part)), 2048)
        window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(len(part)), 2048)) ** 2)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:400] / window[:400]
        found.append(correlation[20:].max() / correlation[0] > 0.6)
    return np.array(found)


class TestTruth:
    def test_is_the_f0_of_the_audio(self, folder, heterodyne):
        measured = heterodyne(read(renderings(folder)))
        assert len(measured.cents) > 1000
        assert np.median(measured.cents) < 3
        assert np.percentile(measured.cents, 95) < 15
        assert abs(measured.delay) < 0.001

    def test_the_measurement_would_see_an_error(self, folder, heterodyne):
        """Ten cents, or a delay of 5 ms, in the truth."""
        readings = read(renderings(folder))
        wrong = heterodyne([(audio, truth._replace(f0=truth.f0 * 2 ** (10 / 1200))) for audio, truth in readings])
        late = heterodyne([(audio, truth._replace(f0=np.roll(truth.f0, 1))) for audio, truth in readings])
        assert 8 < np.median(wrong.cents) < 12
        assert late.delay < -0.002

    def test_at_another_rate(self, folder, heterodyne):
        readings = read(renderings(folder, 4, rate=22050))
        assert readings[0][0].rate == 22050
        measured = heterodyne(readings)
        assert np.median(measured.cents) < 3
        assert abs(measured.delay) < 0.001

    def test_voiced_frames_repeat_and_others_do_not(self, folder):
        agree = []
        for audio, truth in read(renderings(folder, 8)):
            f0 = truth.f0
            if np.median(f0[f0 > 0]) < 70:  # 40 ms hold too few periods
                continue
            # At borders a window holds both.
            same = np.array([len(set(f0[max(i - 4, 0) : i + 5] > 0)) == 1 for i in range(len(f0))])
            level = np.array([np.abs(audio.samples[max(i * 80 - 320, 0) :][:640]).max() for i in range(len(f0))])
            asked = np.flatnonzero(same & (level > 1e-3))
            agree.append(periodic(audio, truth.times[asked]) == (f0[asked] > 0))
        assert np.mean(np.concatenate(agree)) > 0.9

    def test_has_a_frame_every_5_ms_up_to_the_end(self, folder):
        for audio, truth in read(renderings(folder, 4)):
            assert_array_equal(truth.times, 0.005 * np.arange(len(truth.f0)))
            assert len(audio.samples) == 80 * len(truth.f0)
            assert np.abs(audio.samples).max() < 1

    def test_of_noise_is_unvoiced(self, tmp_path, write_tone, speak):
        write_tone(tmp_path / "hiss.wav", speak((0.8, None)), 16000)
        for audio, truth in read(renderings(tmp_path, 3)):
            assert not truth.f0.any()
            assert np.sqrt(np.mean(audio.samples**2)) == pytest.approx(0.1, rel=0.01)

    def test_reaches_low_and_high_registers(self, folder):
        made = [truth.f0[truth.f0 > 0] for _, truth in read(renderings(folder, 30))]
        medians = np.array([np.median(f0) for f0 in made])
        assert np.count_nonzero((medians > 45) & (medians < 90)) >= 2
        assert np.count_nonzero(medians > 250) >= 2
        assert 40 <= min(f0.min() for f0 in made) < 50
        assert max(f0.max() for f0 in made) <= 1000

    def test_stays_within_the_limits(self, folder):
        f0 = np.concatenate([truth.f0 for _, truth in read(renderings(folder, 20, lowest=80.0, highest=400.0))])
        assert 80 <= f0[f0 > 0].min() < f0.max() <= 400


class TestRepeatability:
    def test_any_order_gives_the_same_bytes(self, folder, forget):
        made = renderings(folder, 3)
        first = read(made)
        forget()
        again = [(recording.audio.read(), recording.truth.read()) for recording in made[::-1]][::-1]
        for (audio, truth), (same_audio, same_truth) in zip(first, again, strict=True):
            assert audio.samples.tobytes() == same_audio.samples.tobytes()
            assert truth.f0.tobytes() == same_truth.f0.tobytes()
        assert len({audio.samples.tobytes() for audio, _ in first}) == 3

    def test_analyses_a_file_once_and_renders_audio_and_truth_together(self, folder, forget, monkeypatch):
        calls = []

        def counted(name, function):
            return lambda *arguments: (calls.append(name), function(*arguments))[1]

        for name in ("analyse", "synthesise"):
            monkeypatch.setattr(rendering, name, counted(name, getattr(rendering, name)))
        read(pickle.loads(pickle.dumps(renderings(folder, 3))))
        assert calls == ["analyse", "synthesise", "synthesise", "synthesise"]

    def test_a_changed_file_is_read_again(self, folder, write_tone, speak):
        recording = renderings(folder, 1)[0]
        before, key = recording.audio.read(), recording.audio.fingerprint()
        write_tone(folder / "anna_01.wav", speak((0.7, (200.0, 210.0))), 16000)
        assert recording.audio.fingerprint() != key
        assert len(recording.audio.read().samples) != len(before.samples)

    def test_fingerprints_change_with_each_option_and_not_with_the_place(self, folder, tmp_path_factory):
        plain = renderings(folder, 1)[0].audio.fingerprint()
        options = {"rate": 22050, "longest": 1.0, "transpose": 0.2, "lowest": 50.0, "highest": 900.0, "seed": 1}
        others = [renderings(folder, 1, **{key: value})[0].audio.fingerprint() for key, value in options.items()]
        others.append(renderings(folder, 2)[1].audio.fingerprint())
        assert len({plain, *others}) == len(options) + 2
        moved = tmp_path_factory.mktemp("elsewhere") / "anna_01.wav"
        moved.write_bytes((folder / "anna_01.wav").read_bytes())
        assert renderings(moved.parent, 1)[0].truth.fingerprint() == plain

    def test_more_renderings_leave_the_first_as_they_are(self, folder):
        assert_array_equal(renderings(folder, 1)[0].audio.read().samples, renderings(folder, 2)[0].audio.read().samples)


class TestRecordings:
    @pytest.fixture
    def several(self, tmp_path, write_tone):
        for name in ("anna/one.wav", "anna/two.flac", "bert/one.wav"):
            write_tone(tmp_path / name, rate=16000)
        (tmp_path / "notes.txt").write_text("not audio")
        return tmp_path

    def test_are_renderings_in_groups(self, several):
        made = renderings(several, 2, group_pattern="^([a-z]+)_")
        assert [recording.id for recording in made[:3]] == ["anna_one_r0", "anna_one_r1", "anna_two_r0"]
        assert [recording.group for recording in made] == ["anna"] * 4 + ["bert"] * 2
        assert made[1].metadata == {"file": "anna/one.wav", "rendering": 1}
        assert [recording.id for recording in renderings(several, 1, audio="bert/*")] == ["bert_one"]

    def test_have_the_splits_of_a_list(self, several):
        (several / "tracks.json").write_text(json.dumps({"train": ["anna"], "test": ["bert"]}))
        options = {"tracks": str(several / "tracks.json"), "group_pattern": "^([a-z]+)_"}
        assert [recording.split for recording in renderings(several, 1, **options)] == ["train", "train", "test"]
        assert len(renderings(several, 1, splits=["test"], **options)) == 1
        (several / "tracks.json").write_text(json.dumps(["carl"]))
        assert "none of its tracks is a group" in refusal(several, **options)

    def test_no_audio(self, several):
        assert "no audio file matches '*.txt'" in refusal(several, audio="*.txt")

    @pytest.mark.parametrize(
        "options",
        [
            {"rate": 8000},
            {"renderings": 0},
            {"longest": 0.05},
            {"longest": float("nan")},
            {"transpose": -1.0},
            {"lowest": 20.0},
            {"highest": 150.0},
            {"highest": 4000.0},
            {"seed": -1},
            {"splits": ["train"]},
            {"group_pattern": "no group"},
        ],
    )
    def test_impossible_options_are_named(self, several, options):
        assert f"VoiceResynthesis: {next(iter(options))} = " in refusal(several, **options)

    def test_without_pyworld_one_message_says_what_to_install(self, several, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyworld", None)
        assert "pip install 'melisma[world]'" in refusal(several)

    @pytest.mark.parametrize(("samples", "reason"), [(np.zeros(16000), "silent"), (np.ones(800), "shorter than 0.1 s")])
    def test_a_recording_without_sound_is_left_out(self, several, write_tone, samples, reason, tmp_path_factory):
        path = write_tone(several / "carl.wav", samples, 16000)
        out = tmp_path_factory.mktemp("shards")
        corpus = VoiceResynthesis(str(several), renderings=2)
        done = prepare(ShardRecipe(corpus, str(out), splits={"train": 0.7, "validation": 0.3}), progress=False)
        assert set(done.left_out) == {"carl_r0", "carl_r1"}
        assert all(message.startswith(f"{path}: {reason}") for message in done.left_out.values())

    def test_only_the_beginning_of_a_long_one_is_used(self, folder):
        # The natural contour keeps its tempo; among twenty renderings there are some.
        lengths = {len(truth.f0) for _, truth in read(renderings(folder, 20, longest=0.5))}
        assert 101 in lengths
        assert max(lengths) < 101 * 6


VOICES = Path(os.environ.get("MELISMA_TEST_DATA", ""))


@pytest.mark.sampled(1)
@pytest.mark.slow
@pytest.mark.skipif("MELISMA_TEST_DATA" not in os.environ, reason="MELISMA_TEST_DATA names no folder of recordings")
@pytest.mark.parametrize(
    ("folder", "audio"), [("phones_an4/wav", "an4_clstk/f[a-c]*/*[13]-*"), ("emotion_emodb/wav", "03a0*")]
)
def test_real_voices(folder, audio, heterodyne):
    """Formants move there, and breath disturbs the measurement: 5 to 9 cents were measured, and 0.2 to 0.5 ms."""
    readings = read(renderings(VOICES / folder, 3, audio=audio)[:45])
    voiced = [np.mean(truth.f0 > 0) for _, truth in readings]
    assert 0.2 < np.mean(voiced) < 0.8
    measured = heterodyne([reading for reading, share in zip(readings, voiced, strict=True) if share > 0.1])
    assert np.median(measured.cents) < 12
    assert abs(measured.delay) < 0.001
