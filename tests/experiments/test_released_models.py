"""The models that are shipped: complete, small, in what is installed, and the tracker true to a tone."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.released import CARD, CONFIG, FOLDER, RECORD, WEIGHTS, load_released, released_names
from experiments.transcription.transcriber import Transcriber

ROOT = Path(__file__).parents[2]
LIMIT = 500_000  # bytes of weights
RATE, SECONDS, LOW, HIGH = 44100, 3.0, 220.0, 440.0
SLOPE = (HIGH - LOW) / SECONDS  # Hz/s


def ignored(path):
    return subprocess.run(["git", "check-ignore", "-q", str(path)], cwd=ROOT).returncode == 0


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout of git: nothing says what is ignored")
@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, CARD, RECORD])
def test_git_and_hence_the_wheel_take_the_files_of_a_model(name):
    assert ignored(ROOT / "data" / name)
    assert not ignored(FOLDER / "any" / name)


@pytest.mark.parametrize("name", released_names())
def test_a_released_model_is_complete_and_small(name):
    assert {path.name for path in (FOLDER / name).iterdir()} == {WEIGHTS, CONFIG, CARD, RECORD}
    model = load_released(name).model
    record = json.loads((FOLDER / name / RECORD).read_text())
    assert (FOLDER / name / WEIGHTS).stat().st_size == record["weights_bytes"] < LIMIT
    assert sum(parameter.numel() for parameter in model.network.parameters()) == record["parameters"]
    assert all(value.isfinite().all() for value in model.state_dict().values() if isinstance(value, torch.Tensor))
    card = (FOLDER / name / CARD).read_text()
    assert card.startswith(f"# {name}\n") and "Not stated" not in card


def swept():
    """A tone of 11 harmonics that rises from 220 to 440 Hz in 3 s."""
    times = np.arange(int(RATE * SECONDS)) / RATE
    phase = 2 * np.pi * (LOW * times + SLOPE * times**2 / 2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.3 * tone / np.abs(tone).max()).astype(np.float32)


def errors(result, begin, slope):
    """Hz, of voiced frames that are not at the ends."""
    inside = result.voiced & (result.times > 0.2) & (result.times < SECONDS - 0.2)
    assert inside.sum() > 240
    return result.f0[inside] - (begin + slope * result.times[inside]), result.f0[inside]


@pytest.mark.parametrize(("name", "offset"), [("tracker", 0.001), ("tracker_live", 0.004)])
def test_the_trackers_follow_a_swept_tone_without_bias_or_delay(name, offset):
    tracker, tone = Transcriber.released(name), swept()
    rising, f0 = errors(tracker(tone, RATE), LOW, SLOPE)
    falling, _ = errors(tracker(tone[::-1], RATE), HIGH, -SLOPE)
    assert np.median(np.abs(1200 * np.log2(f0 / (f0 - rising)))) < 5
    # Where a tone rises and where it falls, a delay has opposite signs, and a bias of pitch the same.
    assert abs(np.median(rising) - np.median(falling)) / (2 * SLOPE) < offset


def test_the_live_tracker_knows_a_frame_144_ms_after_it():
    rate, latency = 16000, 0.144
    tone = np.interp(np.arange(2 * rate), np.arange(int(RATE * SECONDS)) * rate / RATE, swept()).astype(np.float32)
    other = tone.copy()
    other[rate:] = 0.5 * np.random.default_rng(0).standard_normal(rate)
    live = Transcriber.released("tracker_live")
    one, two = live(tone, rate), live(other, rate)
    known = one.times < 1 - latency
    np.testing.assert_allclose(one.f0[known], two.f0[known], rtol=1e-5)
    np.testing.assert_allclose(one.confidence[known], two.confidence[known], atol=1e-5)
    assert (one.f0 != two.f0)[~known].any(), "the test changes nothing"
