"""`from experiments import load`: what it loads, what it takes, and what it gives."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from architectures import Perceptron
from datamodules import MelodyData
from datamodules.errors import DataError
from experiments import load
from experiments.runs import load as load_run
from experiments.transcription.signals import audio_of, blocks_of
from experiments.transcription.transcriber import Transcriber
from experiments.transcription.utterances import ClipTagger, PhoneTagger
from lightning_modules import LocalAverage, MelodyTracker, PitchGrid, PitchModel, SalienceBCE
from tests.experiments.transcription.conftest import CLASSES, PHONES

ROOT = Path(__file__).parents[3]


def noise(seconds, rate=8000, seed=0):
    return (np.random.default_rng(seed).normal(size=int(seconds * rate)) * 0.1).astype(np.float32)


def test_three_lines_give_the_pitch_of_a_tone():
    tracker = load("tracker", threads=1)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
    result = tracker(tone, 16000)
    inside = slice(20, -20)
    assert np.abs(1200 * np.log2(result.f0[inside] / 220)).max() < 10 and result.voiced[inside].all()
    assert len(result.times) == len(result.f0) == len(result.confidence) == len(result.voiced)


def test_a_released_model_needs_no_lightning():
    code = (
        "import sys, numpy as np\nfrom experiments import load\nload('tracker')(np.zeros(800), 16000)\n"
        "print([name for name in ('lightning', 'torchmetrics', 'librosa', 'wandb') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_samples_are_taken_as_numpy_and_torch_have_them():
    mono, two = noise(0.1), np.stack([noise(0.1), noise(0.1, seed=1)], axis=1)
    assert np.array_equal(audio_of(torch.from_numpy(two.T), 8000).samples, two)
    assert np.array_equal(audio_of(mono.astype(np.float64), 8000).samples, mono)
    whole = np.array([-32768, 16384], np.int16)
    assert np.array_equal(audio_of(whole, 8000).samples, [-1, 0.5])
    assert np.array_equal(audio_of(torch.from_numpy(whole.astype(np.int32) * 65536), 8000).samples, [-1, 0.5])


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((2, 2, 2)), 8000, "3 dimensions"),
        (np.array([0.0, np.nan]), 8000, "not a finite number"),
        (np.zeros(10, np.uint8), 8000, "uint8; floats, int16 or int32"),
        (np.zeros(10), 0, "rate: 0"),
        (np.zeros(10), 8000.5, "rate: 8000.5"),
    ],
)
def test_what_is_no_audio_is_refused(samples, rate, message):
    with pytest.raises(DataError, match=message):
        audio_of(samples, rate)


def test_threads_are_those_of_the_call_alone():
    before = torch.get_num_threads()
    tracker, seen = load("tracker", threads=1), []
    decode = tracker.model.decode
    tracker.model.decode = lambda logits: (seen.append(torch.get_num_threads()), decode(logits))[1]
    torch.set_num_threads(2)
    tracker(np.zeros(1600), 16000)
    assert seen == [1] and torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_the_salience_is_that_of_the_pitch(trained_run):
    tracker = load(trained_run)
    assert isinstance(tracker, Transcriber)
    audio = audio_of(noise(3.0), 8000)
    found, salience = tracker.with_salience([audio])
    for ours, theirs in zip(found, tracker(*audio), strict=True):
        assert np.array_equal(ours, theirs)
    assert salience.values.shape == (len(found.times), len(salience.notes)) and salience.values.dtype == np.float16
    assert np.allclose(salience.values.max(axis=1), found.confidence, atol=1e-3)  # of a LocalAverage


def test_clips_get_the_probabilities_of_the_module(clip_run):
    tagger = load(clip_run)
    assert isinstance(tagger, ClipTagger)
    samples = noise(2.5)
    found = tagger(samples, 8000)
    assert found.classes == tuple(CLASSES)
    assert found.starts.tolist() == [0, 1, 2] and found.ends.tolist() == [1, 2, 2.5]
    module = load_run(clip_run / "checkpoints" / "best.ckpt").model
    whole = np.zeros(24000, np.int16)
    whole[:20000] = np.rint(samples.astype(np.float64) * 32768)
    with torch.inference_mode():
        expected = module(torch.from_numpy(whole.reshape(3, 8000)), torch.full((3,), 8000)).numpy()
    assert np.allclose(found.probabilities, expected, atol=1e-6)
    assert found.labels == [CLASSES[place] for place in expected.argmax(axis=1)]


def test_phones_get_times_within_the_recording(phone_run):
    tagger = load(phone_run)
    assert isinstance(tagger, PhoneTagger)
    with torch.no_grad():  # random weights say one symbol all the time
        tagger.module.network.get_submodule("head").apply(_louder)
    samples = noise(1.0, 16000)
    found = tagger(samples, 16000)
    assert len(found.phones) and set(found.phones) <= set(PHONES)
    assert (found.starts >= 0).all() and (found.ends <= 1).all() and (found.starts < found.ends).all()
    assert (found.starts[1:] >= found.ends[:-1] - 1e-9).all()
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def _louder(layer):
    if hasattr(layer, "weight"):
        layer.weight.mul_(200)


def test_a_tracker_of_another_module_is_no_answer(phone_run, tmp_path):
    with pytest.raises(DataError, match="no model; expected is a run"):
        load(tmp_path)
    with pytest.raises(DataError, match="only a MelodyTracker gives f0"):
        Transcriber.of_checkpoint(phone_run / "checkpoints" / "best.ckpt")


@pytest.mark.parametrize("run", ["clip_run", "phone_run"])
def test_what_is_too_short_is_refused(run, request):
    with pytest.raises(DataError, match="too short"):
        load(request.getfixturevalue(run))(np.zeros(0), 8000)


def test_torch_hub_loads_the_tracker():
    made = torch.hub.load(str(ROOT), "tracker", source="local", threads=1)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
    for ours, theirs in zip(made(tone, 16000), load()(tone, 16000), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_a_long_recording_is_converted_in_blocks_and_answered_as_a_whole(monkeypatch, kind):
    audio = noise(0.7, 16000)
    audio = audio if kind is np.float32 else np.round(audio * 32767).astype(np.int16)
    tracker = load("tracker", threads=1)
    whole = tracker(audio, 16000)
    monkeypatch.setattr("experiments.transcription.signals._BLOCK", 1000)
    blocks = list(blocks_of(audio, 16000))
    assert [len(block.samples) for block in blocks] == [1000] * 11 + [200]
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), audio_of(audio, 16000).samples)
    assert all(np.array_equal(*pair) for pair in zip(tracker(audio, 16000), whole, strict=True))
    assert len(list(blocks_of(audio[:0], 16000))) == 1


def test_a_module_in_training_hears_recordings_as_its_released_model_would(melody_shards):
    torch.manual_seed(0)
    grid = PitchGrid(48, 26, 2)
    module = MelodyTracker(Perceptron(grid.bins, 256, 8), grid, SalienceBCE(), LocalAverage()).train()
    module.thresholds.tune("validation", 0.49)
    data = MelodyData(256, train=[str(melody_shards)])
    heard = Transcriber.of_module(module, data, threads=1)
    model = PitchModel(module.network, grid, module.loss, module.decoder, 0.49)
    same = Transcriber(model, {"rate": 8000, "hop": 80, "spectrogram": None})
    assert (heard.rate, heard.hop, heard.threshold, heard.threads) == (8000, 80, 0.49, 1) and not module.training
    for ours, theirs in zip(heard(noise(1.0), 8000), same(noise(1.0), 8000), strict=True):
        assert np.array_equal(ours, theirs)
