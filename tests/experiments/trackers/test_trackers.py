"""Trackers in processes of their own: what they are asked and answer, and what happens if they cannot."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchcrepe

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora import SyntheticMelody
from datamodules.errors import DataError
from datamodules.preparation.preprocess import to_mono_int16
from experiments.evaluation.tracked import TrackedFolder
from experiments.trackers import worker
from experiments.trackers.base import Tracked
from experiments.trackers.catalogue import HERE, METHODS, Method
from experiments.trackers.kept import KeptTables
from experiments.trackers.public import PublicTracker
from experiments.trackers.whole_tracks import WholeTracks

RATE = 16000
ECHO = """
import os
import time

import numpy as np


class Echo:
    def __init__(self, gain):
        self.gain = gain
        self.calls = 0

    def __call__(self, samples, rate):
        self.calls += 1
        print("what libraries print", flush=True)
        if len(samples) == 13:
            raise ValueError("thirteen samples")
        if len(samples) == 14:
            os._exit(3)
        if len(samples) == 15:
            return np.arange(15) / rate, samples, np.full(15, 1.5)
        if len(samples) == 16:
            deadline = time.process_time() + 0.1
            while time.process_time() < deadline:
                pass
            time.sleep(0.1)
            return np.arange(16) / rate, samples, np.linspace(0, 1 + 1e-9, 16)
        if len(samples) == 17:
            return np.arange(17) / rate, np.full(17, float(os.environ["OMP_NUM_THREADS"]))
        return np.arange(len(samples)) / rate, samples * self.gain + self.calls
"""


@pytest.fixture
def echo(tmp_path):
    (tmp_path / "echo.py").write_text(ECHO)
    method = Method(tmp_path / "echo.py", "Echo", {"gain": 2.0}, "echo", ("numpy",))
    return PublicTracker("echo", method, sys.executable)


def test_samples_go_there_and_f0_comes_back(echo):
    samples = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    with echo as tracker:
        one, other = tracker(samples, 8000), tracker(samples[:7], 100)
    assert np.array_equal(one.series.times, np.arange(100_000) / 8000)
    assert np.array_equal(one.series.f0, samples * 2 + 2.0)  # the first call warmed it up
    assert np.array_equal(other.series.f0, samples[:7] * 2 + 3.0) and other.series.times[1] == 0.01
    assert one.seconds > 0


def test_confidence_is_optional_and_a_number_from_0_to_1(echo):
    with echo as tracker:
        assert tracker(np.zeros(5, np.float32), RATE).confidence is None
        assert np.array_equal(
            tracker(np.zeros(16, np.float32), RATE).confidence, np.linspace(0, 1 + 1e-9, 16).clip(0, 1)
        )
        with pytest.raises(
            DataError, match=r"echo: its confidence, the third value, goes from 0 to 1\.5; wanted: 0 to 1"
        ):
            tracker(np.zeros(15, np.float32), RATE)
        assert len(tracker(np.zeros(5, np.float32), RATE).series.f0) == 5


def test_time_on_processors_is_not_time_asleep_and_there_is_one_thread(echo, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with echo as tracker:
        tracked = tracker(np.zeros(16, np.float32), RATE)
        assert 0.1 <= tracked.cpu_seconds < tracked.seconds - 0.05
        assert set(tracker(np.zeros(17, np.float32), RATE).series.f0) == {1.0}


def test_tables_keep_confidence_and_say_how_much_audio_a_second_of_processors_takes(tmp_path):
    kept = KeptTables(tmp_path / "method", {"method": 1})
    series = F0Series(np.arange(4) / 100, np.array([220.0, -221.0, 0.0, 440.0]))
    kept.keep("sure", Tracked(series, 2.0, 0.5, np.array([0.9, 0.25, 0.0, 1.0])), 10.0)
    kept.keep("mute", Tracked(series, 2.0, 1.5), 10.0)
    folder = TrackedFolder(tmp_path / "method")
    sure, mute = (folder.tracked(tmp_path / "method" / f"{name}.csv") for name in ("sure", "mute"))
    assert sure.confidence.tolist() == [0.9, 0.25, 0.0, 1.0] and mute.confidence is None
    assert sure.series.f0.tolist() == mute.series.f0.tolist() == series.f0.tolist()
    assert kept.speed("cpu_seconds") == 10 and kept.speed("seconds") == 5
    asked = folder.at(0.2)
    assert asked.read(tmp_path / "method" / "sure.csv").f0.tolist() == [220, 221, 0, 440]
    (tmp_path / "method" / "sure.csv").write_text("time,frequency,confidence,voiced\n0,220,1.2,1\n")
    with pytest.raises(DataError, match=r"sure\.csv: its confidence is not a number from 0 to 1 in each of 1 frames"):
        TrackedFolder(tmp_path / "method").tracked(tmp_path / "method" / "sure.csv")


def test_a_failure_on_one_recording_is_told_and_the_next_one_is_tracked(echo):
    with echo as tracker:
        with pytest.raises(DataError, match="echo: ValueError: thirteen samples"):
            tracker(np.zeros(13, np.float32), RATE)
        assert len(tracker(np.zeros(5, np.float32), RATE).series.f0) == 5


def test_a_process_that_ends_is_told_with_its_last_words_and_started_again(echo):
    with echo as tracker:
        with pytest.raises(DataError, match=r"(?s)ended with code 3:.*what libraries print"):
            tracker(np.zeros(14, np.float32), RATE)
        assert len(tracker(np.zeros(5, np.float32), RATE).series.f0) == 5


def test_a_tracker_that_cannot_be_loaded_is_told_with_the_reason(echo):
    echo.method.file.write_text("import no_such_package_at_all\n" + ECHO)
    with pytest.raises(DataError, match="no_such_package_at_all"), echo:
        pass


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    method = Method(METHODS["pesto"].file, "Pesto", {}, "no-such-thing>=2", ("no-such-thing", "numpy"))
    with pytest.raises(DataError) as caught:
        PublicTracker("thing", method, sys.executable).identity()
    assert f"{sys.executable} -m pip install 'no-such-thing>=2'" in str(caught.value)
    assert "has no no-such-thing;" in str(caught.value) and "--environment thing=PYTHON" in str(caught.value)


def test_an_interpreter_that_is_none_is_named(echo, tmp_path):
    echo.python = str(tmp_path / "python")
    with pytest.raises(DataError, match=f"{tmp_path / 'python'} cannot be run"):
        echo.identity()


def test_the_identity_changes_with_settings_and_code(echo):
    before = echo.identity()
    assert before["settings"] == {"gain": 2.0} and before["numpy"] == np.__version__
    assert PublicTracker("echo", echo.method, sys.executable).identity() == before
    echo.method.file.write_text(ECHO + "\n")
    assert echo.identity() != before


def test_what_another_environment_runs_needs_nothing_of_melisma():
    for path in {Path(worker.__file__), *(method.file for method in METHODS.values())}:
        assert path.parent == HERE
        words = {
            line.split()[1].split(".")[0] for line in path.read_text().splitlines() if line[:5] in ("from ", "impor")
        }
        assert not words & {"datamodules", "experiments", "lightning_modules", "architectures", "callbacks"}, path


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name == "pyin" else ())  # which numba compiles
        for name in METHODS
        if "_full" not in name and "viterbi" not in name
    ],
)
def test_a_tone_between_silences_is_tracked(name):
    """Two semitones, off the middle of any bin; voiced in the tone and not in the faint noise about it."""
    tracker = PublicTracker(name, METHODS[name], sys.executable)
    try:
        tracker.identity()
    except DataError as error:
        pytest.skip(str(error).splitlines()[0])
    times = np.arange(2 * RATE) / RATE
    f0 = np.where(times < 1, 196.0, 231.7)
    sung = (times > 0.5) & (times < 1.5)
    harmonics = sum(0.3 / k * np.sin(2 * np.pi * k * np.cumsum(f0) / RATE) for k in range(1, 6))
    noise = 1e-4 * np.random.default_rng(0).standard_normal(times.size)
    with tracker:
        series, _, _, confidence = tracker((harmonics * sung + noise).astype(np.float32), RATE)
    assert series.times[0] < 0.04 and series.times[-1] > 1.95
    for begin, end, pitch in ((0.6, 0.9, 196.0), (1.1, 1.4, 231.7)):
        inside = (series.times > begin) & (series.times < end)
        assert (series.f0[inside] > 0).mean() > 0.95
        assert abs(1200 * np.log2(np.median(np.abs(series.f0[inside])) / pitch)) < 15
    outside = (series.times < 0.3) | (series.times > 1.7)
    assert (series.f0[outside] > 0).mean() < 0.5
    inside = (series.times > 0.6) & (series.times < 1.4)
    assert np.median(confidence[inside]) > 0.1 + np.median(confidence[outside])


def test_tracks_are_put_together_from_their_records(melody_shards):
    tracks = WholeTracks(melody_shards, "validation")
    corpus = SyntheticMelody(
        {"train": 4, "validation": 3, "test": 2}, seconds=3.0, rate=8000, lowest_note=60, highest_note=72
    )
    recordings = {recording.id: recording for recording in corpus.recordings() if recording.split == "validation"}
    assert set(tracks.names) == set(recordings) and len(tracks) == 3
    for track in tracks:
        truth = recordings[track.name]
        assert track.rate == 8000 and np.array_equal(
            np.rint(track.samples * 32768), to_mono_int16(truth.audio.read(), 8000)
        )
        assert np.allclose(track.reference.f0, truth.truth.read().at(track.reference.times), rtol=1e-6)
        assert len(track.reference.times) == 300


def test_data_of_several_splits_want_one_named(melody_shards):
    with pytest.raises(DataError, match=r"it has the splits .*validation.*; say which with --split"):
        WholeTracks(melody_shards, None)


def test_tables_that_nobody_answers_for_are_not_deleted(tmp_path):
    (tmp_path / "mine.csv").write_text("0,220\n")
    with pytest.raises(DataError, match=r"holds tables but no method\.json"):
        KeptTables(tmp_path, {"method": 1})
    assert (tmp_path / "mine.csv").exists()


@pytest.fixture(scope="module")
def glide():
    times = np.arange(RATE // 2) / RATE
    return (0.4 * np.sin(2 * np.pi * (200 * times + 40 * times**2))).astype(np.float32)


def test_crepe_is_decoded_by_the_mean_of_nine_bins_written_down_once_more(glide):
    times, f0, confidence = worker.load(str(HERE / "torchcrepe.py"), "AveragedCrepe")("tiny", 0.01, 0.5)(glide, RATE)
    with torch.inference_mode():
        frames = torch.cat(list(torchcrepe.preprocess(torch.from_numpy(glide)[None], RATE, 160)))
        salience = torchcrepe.infer(frames, "tiny").numpy().astype(np.float64)
    assert np.array_equal(times, np.arange(51) / 100)
    assert np.allclose(confidence, salience.max(axis=1), rtol=1e-6)
    for row, found in zip(salience, f0, strict=True):
        about = slice(max(row.argmax() - 4, 0), row.argmax() + 5)
        cents = np.average(1997.3794084376191 + 20 * np.arange(360)[about], weights=row[about])
        assert abs(found) == pytest.approx(10 * 2 ** (cents / 1200), rel=1e-6)
        assert (found > 0) == (row.max() >= 0.5)
    inside = slice(5, -5)
    assert np.abs(1200 * np.log2(np.abs(f0) / (200 + 80 * times)))[inside].max() < 25


@pytest.mark.long(seconds=6)
def test_torchcrepe_as_it_is_gives_the_same_every_time(glide):
    tracker = worker.load(str(HERE / "torchcrepe.py"), "ShippedCrepe")("tiny", 0.01, 50.0, 2006.0, 0.21)
    times, f0, confidence = tracker(glide, RATE)
    assert np.array_equal(times, np.arange(51) / 100)
    assert np.array_equal(f0 > 0, confidence >= 0.21)
    np.random.random(3)
    assert np.array_equal(tracker(glide, RATE)[1], f0)
    assert len(np.unique(f0)) > 40  # the dither is there


def test_methods_have_caches_of_compiled_functions_of_their_own(tmp_path, monkeypatch):
    """Two processes that share one and compile different versions of a function spoil it for good."""
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = [
        Path(PublicTracker(name, METHODS[name], sys.executable)._environment()["NUMBA_CACHE_DIR"])
        for name in ("pyin", "pesto")
    ]
    assert folders[0] != folders[1]
    assert all(folder.is_dir() and folder.is_relative_to(tmp_path) for folder in folders)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "chosen")
    assert PublicTracker("pyin", METHODS["pyin"], sys.executable)._environment()["NUMBA_CACHE_DIR"] == "chosen"
