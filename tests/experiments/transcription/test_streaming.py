"""Pitch of audio as it arrives is that of the whole recording, in Python and from a pipe."""

import contextlib
import io
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from datamodules.errors import DataError
from experiments import load
from experiments.transcription.pipe import transcribe_pipe
from experiments.transcription.streaming import streamed
from lightning_modules import Viterbi
from tests.experiments.transcription.test_transcriber import transcriber

ROOT = Path(__file__).parents[3]


def glide(seconds, rate, channels=1):
    times = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * (200 * times + 20 * times**2)) * (times % 1 < 0.8)
    return np.repeat(tone[:, None], channels, axis=1) if channels > 1 else tone


def agree(ours, theirs):
    assert np.array_equal(ours[0], theirs.times)
    assert np.abs(ours[2] - theirs.confidence).max() < 1e-5
    assert np.abs(np.log(ours[1] / theirs.f0))[theirs.confidence > 0.01].max() < 1e-5


@pytest.mark.parametrize(("rate", "channels", "block"), [(16000, 1, 160), (44100, 2, 1000), (8000, 1, 40_000)])
def test_what_is_pushed_gives_what_the_whole_gives(rate, channels, block):
    tracker = load("tracker_live", threads=1)
    samples = glide(2.5, rate, channels)
    whole = tracker(samples, rate)
    stream = tracker.stream(rate)
    parts = list(streamed(stream, (samples[start : start + block] for start in range(0, len(samples), block))))
    agree([np.concatenate(columns) for columns in zip(*parts, strict=True)], whole)


def test_frames_come_with_the_stated_latency():
    tracker = load("tracker_live", threads=1)
    samples, stream, done = glide(2.0, 44100), tracker.stream(44100, frames=1), 0
    assert 0.144 < stream.latency < 0.25
    for start in range(0, len(samples), 441):
        done += len(stream.push(samples[start : start + 441]).times)
        heard = (start + 441) / 44100
        assert heard - done * 0.01 <= stream.latency + 0.011
    assert done > 170


def test_the_latency_at_its_own_rate_is_that_of_the_network():
    tracker = load("tracker_live", threads=1)
    assert tracker.stream(16000, frames=1).latency == pytest.approx(0.144)
    assert tracker.stream(16000, frames=11).latency == pytest.approx(0.244)


def test_a_network_of_windows_streams_as_well(trained_run):
    tracker = load(trained_run, threads=1)
    samples = glide(3.0, 8000)
    parts = list(streamed(tracker.stream(8000, frames=7), np.array_split(samples, 50)))
    agree([np.concatenate(columns) for columns in zip(*parts, strict=True)], tracker(samples, 8000))


def test_what_needs_the_whole_is_refused():
    with pytest.raises(DataError, match=r"Viterbi decodes whole recordings; .* such as tracker_live"):
        transcriber(Viterbi()).stream(8000)


def table(text):
    return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1).T


def as_wave(samples, rate, width=2):
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.rint(samples * (2 ** (8 * width - 1) - 1))
        file.writeframes((whole + 128).astype("u1").tobytes() if width == 1 else whole.astype(f"<i{width}").tobytes())
    return content.getvalue()


@pytest.mark.parametrize(("rate", "channels", "width"), [(16000, 1, 2), (44100, 2, 4), (22050, 1, 1)])
def test_a_wave_file_from_a_pipe(rate, channels, width):
    samples, sink = glide(1.5, rate, channels), io.StringIO()
    transcribe_pipe(io.BytesIO(as_wave(samples, rate, width)), sink, None, None)
    assert sink.getvalue().startswith("time,frequency,confidence,voiced\n0,")
    times, f0, _, voiced = table(sink.getvalue())
    assert len(times) == 150 and np.allclose(np.diff(times), 0.01)
    inside = (times > 0.2) & (times < 0.7)
    assert voiced[inside].all() and np.abs(1200 * np.log2(f0[inside] / (200 + 40 * times[inside]))).max() < 20


def test_bare_samples_are_those_of_the_wave_file():
    samples, outputs = glide(1.0, 16000), []
    content = as_wave(samples, 16000)
    for source, rate in ((content, None), (content[44:] + b"\0", 16000)):
        sink = io.StringIO()
        transcribe_pipe(io.BytesIO(source), sink, None, rate)
        outputs.append(sink.getvalue())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("content", "rate", "message"),
    [
        (b"", None, "no WAV file of integers"),
        (b"fLaC and more of it", None, "of bare samples of 16 bits, say --rate"),
        (as_wave(np.zeros(0), 16000), None, "no samples in it"),
        (b"", 16000, "no samples in it"),
    ],
)
def test_what_is_no_audio_is_said(content, rate, message):
    with pytest.raises(DataError, match=f"standard input: .*{message}"):
        transcribe_pipe(io.BytesIO(content), io.StringIO(), None, rate)


def test_classes_are_not_heard_in_a_pipe(clip_run):
    with pytest.raises(DataError, match="answers about whole recordings"):
        transcribe_pipe(io.BytesIO(b""), io.StringIO(), clip_run, None)


@pytest.mark.parametrize("words", [("-", "a.wav"), ("a.wav", "--rate", 8000), ("-", "--rate", 0)])
def test_a_pipe_stands_alone(words, melisma):
    outcome = melisma("transcribe", *words)
    assert outcome.code in (1, 2) and "--rate" in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.slow  # loads torch
def test_rows_are_printed_before_the_pipe_ends_and_a_reader_may_leave():
    command = [sys.executable, "-m", "experiments", "transcribe", "-", "--rate", "16000"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        process.stdin.write(as_wave(glide(1.0, 16000), 16000)[44:])
        process.stdin.flush()
        rows = [process.stdout.readline() for _ in range(60)]
        assert rows[0] == b"time,frequency,confidence,voiced\n" and rows[-1].startswith(b"0.58,")
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(as_wave(glide(2.0, 16000), 16000)[44:])
            process.stdin.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
