"""Recordings that nobody means to hand over: a sensible answer, or one line that names the file and what is wrong."""

import os

import numpy as np
import pytest
import soundfile

from datamodules.annotations.f0_tables import read_f0
from experiments import load


def tone(rate, seconds=0.5, channels=1):
    times = np.arange(int(seconds * rate)) / rate
    return np.tile(0.3 * np.sin(2 * np.pi * 220 * times)[:, None], (1, channels))


def with_rate(path, rate):
    """A WAV file of eight thousand samples, whose header says something else about their rate."""
    soundfile.write(path, np.zeros(8000), 16000)
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content)


GOOD = {
    "high.wav": lambda path: soundfile.write(path, tone(192000), 192000),
    "eight.wav": lambda path: soundfile.write(path, tone(48000, channels=8), 48000),
    "low.wav": lambda path: soundfile.write(path, tone(4000), 4000),
    "lossy.mp3": lambda path: soundfile.write(path, tone(44100), 44100, format="MP3"),
    "coarse.wav": lambda path: soundfile.write(path, tone(16000), 16000, subtype="PCM_U8"),
    "loud.wav": lambda path: soundfile.write(path, 30 * tone(16000), 16000, subtype="FLOAT"),
    "silence.wav": lambda path: soundfile.write(path, np.zeros(8000), 16000),
    "constant.wav": lambda path: soundfile.write(path, np.full(8000, 0.5), 16000),
    "sample.wav": lambda path: soundfile.write(path, np.ones(1), 16000),
}
BAD = {
    "empty.wav": (lambda path: soundfile.write(path, np.zeros(0), 16000), "no samples in it"),
    "nothing.wav": (lambda path: path.write_bytes(b""), "nothing.wav"),
    "text.wav": (lambda path: path.write_text("la la la\n"), "text.wav"),
    "broken.flac": (lambda path: path.write_bytes(b"fLaC" + bytes(40)), "broken.flac"),
    "nan.wav": (
        lambda path: soundfile.write(path, np.array([0.0, np.nan] * 4000), 16000, subtype="FLOAT"),
        "not a finite number",
    ),
    "slow.wav": (lambda path: with_rate(path, 1), "its header states 1 samples per second"),
    "fast.wav": (lambda path: with_rate(path, 2**31 - 1), "its header states 2147483647 samples per second"),
    "circle.wav": (lambda path: path.symlink_to(path.name), "no such audio file"),
    "pipe.wav": (os.mkfifo, "Is a named pipe"),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in (GOOD | {name: make for name, (make, _) in BAD.items()}).items():
        make(folder / name)
    return folder


def test_what_can_be_heard_is_and_the_rest_is_named_in_a_line_each(hostile, tmp_path, melisma):
    outcome = melisma("transcribe", hostile, "--out", tmp_path)
    assert outcome.code == 1
    lines = [line for line in outcome.err.splitlines() if line.startswith("  ")]
    assert len(lines) == len(BAD)
    for name, (_, reason) in BAD.items():
        (line,) = (line for line in lines if name in line)
        assert reason in line and "Traceback" not in line
    assert {path.stem for path in tmp_path.glob("*.csv")} == {name.partition(".")[0] for name in GOOD}
    for name in GOOD:
        table = read_f0(tmp_path / f"{name.partition('.')[0]}.csv")
        assert np.isfinite(table.f0).all()
        if name in ("silence.wav", "constant.wav", "sample.wav"):
            assert not (table.f0 > 0).any(), name
        else:
            inside = table.f0[10:-10]
            assert np.abs(1200 * np.log2(np.abs(inside) / 220)).max() < 30, name
            assert (inside > 0).mean() > 0.9, name


def test_a_folder_that_cannot_be_written_is_one_line(hostile, tmp_path, melisma):
    (tmp_path / "file").write_text("not a folder\n")
    outcome = melisma("transcribe", hostile / "low.wav", "--out", tmp_path / "file" / "out")
    assert outcome.code == 1 and len(outcome.err.strip().splitlines()) == 1 and "file" in outcome.err


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(16000), np.full(16000, 1.0), 1e-30 * np.ones(1000)])
def test_in_python_as_well(samples):
    found = load("tracker", threads=1)(samples, 16000)
    assert np.isfinite(found.f0).all() and np.isfinite(found.confidence).all() and not found.voiced.any()
