"""`melisma transcribe`: formats of each kind of model, recordings at once, and going on where it stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from datamodules.annotations.f0_tables import read_f0

ROOT = Path(__file__).parents[3]
PITCH = ("csv", "sv", "notes", "midi", "jams", "pitchtier", "textgrid", "npz")
SUFFIXES = (".csv", ".sv.csv", ".notes.csv", ".mid", ".jams", ".PitchTier", ".TextGrid", ".npz")


def sung(path, seconds=1.0, rate=16000, pitch=220.0):
    times = np.arange(int(seconds * rate)) / rate
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * times), rate)
    return path


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_f0_in_all_formats(tmp_path, melisma):
    song, out = sung(tmp_path / "a.wav"), tmp_path / "out"
    outcome = melisma("transcribe", song, "--out", out, "--format", ",".join(PITCH))
    assert outcome.code == 0, outcome.err
    assert set(files(out)) == {"transcription.json", *(f"a{suffix}" for suffix in SUFFIXES)}
    table, signed = read_f0(out / "a.csv"), read_f0(out / "a.sv.csv")
    assert np.allclose(table.f0, signed.f0) and np.allclose(table.times, signed.times)
    (line,) = (out / "a.notes.csv").read_text().splitlines()[1:]
    start, end, pitch, _ = map(float, line.split(","))
    assert abs(pitch - 57) < 0.1 and start < 0.1 and end > 0.9
    assert [message.note for message in mido.MidiFile(out / "a.mid") if message.type == "note_on"] == [57]
    assert "xmax = 1.0" in (out / "a.TextGrid").read_text()
    with np.load(out / "a.npz") as salience:
        assert salience["salience"].shape == (len(table.f0), len(salience["notes"]))


def test_the_model_says_what_is_heard(clip_run, phone_run, tmp_path, melisma):
    song = sung(tmp_path / "a b.wav", rate=8000)
    for model, formats, names in (
        (clip_run, "tsv,textgrid", {"a b.tsv", "a b.TextGrid"}),
        (phone_run, "tsv,ctm,TextGrid", {"a b.tsv", "a b.ctm", "a b.TextGrid"}),
    ):
        out = tmp_path / model.parent.name
        outcome = melisma("transcribe", song, "--model", model, "--out", out, "--format", formats)
        assert outcome.code == 0, outcome.err
        assert set(files(out)) == {"transcription.json", *names}
    assert (
        (tmp_path / clip_run.parent.name / "a b.tsv").read_text().startswith("start\tend\tlabel\tno\tyes\tup\n0\t1\t")
    )
    outcome = melisma("transcribe", song, "--model", phone_run, "--out", tmp_path / "none", "--format", "midi")
    assert outcome.code == 1 and "--format: 'midi'; the formats of this model are tsv, ctm, textgrid" in outcome.err
    assert not (tmp_path / "none").exists()


def test_what_is_done_is_kept_until_the_recording_or_the_model_changes(tmp_path, melisma):
    one, two, out = sung(tmp_path / "one.wav"), sung(tmp_path / "two.wav"), tmp_path / "out"
    words = ("transcribe", one, two, "--out", out)
    assert "2 recordings transcribed" in melisma(*words).out
    before = files(out)
    assert "0 recordings transcribed" in melisma(*words).out
    assert files(out) == before
    (out / "one.csv").unlink()
    assert "1 recording transcribed to " in melisma(*words).out
    assert files(out)["two.csv"] == before["two.csv"]
    os.utime(two, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert "1 recording transcribed" in melisma(*words).out
    assert "2 recordings transcribed" in melisma(*words, "--format", "csv,midi").out
    for other in (("--model", "tracker_live"), ("--voicing_threshold", 0.2)):
        outcome = melisma(*words, *other)
        assert outcome.code == 1 and "holds what another model or voicing threshold gave" in outcome.err
        assert outcome.err.count("\n") == 1
    assert "2 recordings transcribed" in melisma(*words, "--voicing_threshold", 0.2, "--again").out
    assert "2 recordings transcribed" not in melisma(*words, "--voicing_threshold", 0.2).out


def test_patterns_are_taken(tmp_path, melisma):
    sung(tmp_path / "in" / "deep" / "one.wav")
    sung(tmp_path / "in" / "two.wav")
    outcome = melisma("transcribe", tmp_path / "in" / "**" / "*.wav", "--out", tmp_path / "out")
    assert outcome.code == 0 and {"one.csv", "two.csv"} < set(files(tmp_path / "out"))
    outcome = melisma("transcribe", tmp_path / "in" / "*.flac", "--out", tmp_path / "out")
    assert outcome.code == 1 and "no file has a name like this" in outcome.err


def test_jobs_are_a_positive_number(tmp_path, melisma):
    outcome = melisma("transcribe", sung(tmp_path / "a.wav"), "--out", tmp_path / "out", "-j", 0)
    assert outcome.code == 1 and "--jobs: 0; a number from 1 to 1000" in outcome.err


@pytest.mark.long  # two processes that load torch
def test_recordings_at_once_give_the_same_in_all_formats(tmp_path, melisma, one_thread):
    """One thread, as those that are transcribed at once have: with more, sums differ in their last bits."""
    songs = [sung(tmp_path / f"{number}.wav", pitch=100.0 + 50 * number) for number in range(4)]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF of nothing")
    words = ("--format", ",".join(PITCH))
    assert melisma("transcribe", *songs, "--out", tmp_path / "alone", *words).code == 0
    outcome = melisma("transcribe", *songs, bad, "--out", tmp_path / "together", *words, "-j", 2)
    assert outcome.code == 1 and f"  {bad}: " in outcome.err and "4 recordings transcribed" in outcome.out
    alone, together = (
        {path.name: path.read_bytes() for path in (tmp_path / place).iterdir()} for place in ("alone", "together")
    )
    assert alone.keys() == together.keys() and len(alone) == 4 * len(PITCH) + 1
    assert [name for name in alone if alone[name] != together[name]] == []


@pytest.mark.long  # loads torch three times
def test_a_command_that_is_killed_leaves_whole_files_and_goes_on(tmp_path):
    songs = [sung(tmp_path / f"{number}.wav", seconds=20.0) for number in range(12)]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "experiments", "transcribe", *map(str, songs), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(out.glob("*.csv")) and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    done = {name: changed for name, changed in files(out).items() if name.endswith(".csv")}
    assert 0 < len(done) < 12
    assert {len(read_f0(out / name).f0) for name in done if not name.startswith(".")} == {2000}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"{len(done)} kept" in printed
    after = files(out)
    assert not [name for name in after if name.endswith(".tmp")]
    assert {name for name in after if name.endswith(".csv")} == {f"{song.stem}.csv" for song in songs}
    assert all(after[name] == changed for name, changed in done.items())
