from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch.utils.data import DataLoader, DistributedSampler

from callbacks import BestCheckpoint, Pianorolls, PredictedF0, ResumeCheckpoint, RunFolder

FRAMES = 400
NOTES = np.linspace(48, 72, 49, dtype=np.float32)
TRACKS = ("d", "b", "a", "c")


def made_up_track(name, **more):
    """Four seconds, silent in the first; the confidence of frame t is t / FRAMES."""
    times = np.arange(FRAMES) * 0.01
    reference = np.where(times < 1.0, 0.0, 220.0).astype(np.float32)
    return {
        "dataset": "toy",
        "track": name,
        "times": times,
        "reference": reference,
        "pitch": np.full(FRAMES, 221.0, dtype=np.float32),
        "confidence": np.arange(FRAMES, dtype=np.float32) / FRAMES,
        "salience": np.zeros((FRAMES, len(NOTES)), dtype=np.float16),
        "notes": NOTES,
        "threshold": None,
        **more,
    }


def made_up_chord(name, **more):
    """Four seconds, silent in the first, then two voices; three candidates, of which the last is wrong and unsure."""
    times = np.arange(FRAMES) * 0.01
    reference = np.where(times[:, None] < 1.0, 0.0, [220.0, 330.0]).astype(np.float32)
    sure = np.arange(FRAMES, dtype=np.float32) / FRAMES
    confidence = np.stack([sure, np.maximum(sure, 0.5), sure / 2], axis=1)
    confidence[0] = 0
    pitches = np.tile(np.array([221.0, 331.0, 400.0], dtype=np.float32), (FRAMES, 1))
    track = made_up_track(name, reference=reference, pitches=pitches, confidence=confidence, **more)
    del track["pitch"]
    return track


class ToyTracker(LightningModule):
    """One weight; batch i of validation completes track i; the score of validation n is scores[n]."""

    window_frames = 40

    def __init__(self, scores=(0.5,), fail_at_step=None, threshold=0.25):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.scores = list(scores)
        self.fail_at_step = fail_at_step
        self.threshold = threshold
        self.voicing_thresholds = {}

    def training_step(self, batch, index):
        if self.global_step == self.fail_at_step:
            raise ArithmeticError("made to fail")
        return (self.weight - 1.0).square().sum()

    def validation_step(self, batch, index):
        return {"tracks": [made_up_track(TRACKS[int(i)]) for i in batch]}

    def on_validation_epoch_end(self):
        self.voicing_thresholds = {"toy": self.threshold}
        score = self.scores[0] if self.trainer.sanity_checking or len(self.scores) == 1 else self.scores.pop(0)
        self.log("val/toy/accuracy", score, sync_dist=True)

    test_step = validation_step

    def on_test_epoch_end(self):
        self.voicing_thresholds = {"toy": 0.75}
        self.log("test/toy/accuracy", 0.75)

    def predict_step(self, batch, index):
        return {"tracks": [made_up_track(TRACKS[int(i)], threshold=0.5, reference=None) for i in batch]}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def train_dataloader(self):
        return DataLoader(range(4))

    def val_dataloader(self):
        sampler = DistributedSampler(range(4), shuffle=False) if self.trainer.world_size > 1 else None
        return DataLoader(range(4), sampler=sampler)

    test_dataloader = predict_dataloader = val_dataloader


CLASSES = ("no", "yes", "go")
# Truth and probabilities of clips d, b, a and c: three are wrong, b and a equally confidently.
CLIPS = {"d": (0, (0.1, 0.6, 0.3)), "b": (0, (0.1, 0.8, 0.1)), "a": (2, (0.8, 0.2, 0.0)), "c": (1, (0.25, 0.5, 0.25))}


def made_up_clip(name, **more):
    """Half a second of noise that the clip's name seeds, and features of 10 frames."""
    label, probabilities = CLIPS[name]
    noise = np.random.default_rng(ord(name))
    return {
        "dataset": "toy",
        "id": name,
        "classes": CLASSES,
        "label": label,
        "probabilities": np.array(probabilities, dtype=np.float32),
        "audio": noise.integers(-9000, 9000, 4000).astype(np.int16),
        "rate": 8000,
        "features": noise.normal(size=(10, 4)).astype(np.float32),
        "feature_times": np.arange(10) * 0.05,
        **more,
    }


PHONES = ("AH", "T", "SIL")


class Heard(NamedTuple):
    symbols: list
    score: float
    words: list


class Span(NamedTuple):
    symbol: int
    start: int
    end: int
    confidence: float


def spans(symbols):
    """Two frames for each, with one between; ten are too many for 20 frames."""
    if len(symbols) > 6:
        raise ValueError(f"targets: {len(symbols)} symbols need more frames")
    return [Span(symbol, 3 * place, 3 * place + 2, 0.75) for place, symbol in enumerate(symbols)]


def made_up_utterance(name, **more):
    """Half a second in which AH T is spoken and AH AH, with score -1, is heard."""
    probabilities = np.full((20, 4), 0.1)
    probabilities[::3, 1] = 0.7
    return {
        "dataset": "toy",
        "id": name,
        "item": TRACKS.index(name),
        "phones": PHONES,
        "reference": [1, 2],
        "hypotheses": [Heard([1, 1], -1.0, [])],
        "log_probs": np.log(probabilities).astype(np.float32),
        "times": 0.01 + 0.02 * np.arange(20),
        "segments": spans,
        "features": np.random.default_rng(ord(name)).normal(size=(40, 13)).astype(np.float32),
        "feature_times": 0.01 * np.arange(40),
        "scored_phones": ("AH", "T"),
        "aligned": np.array([[1, 1], [2, 1]]),
        **more,
    }


class ToyMultiPitchTracker(ToyTracker):
    """Batch i completes track i, of two voices."""

    def validation_step(self, batch, index):
        return {"tracks": [made_up_chord(TRACKS[int(i)]) for i in batch]}

    test_step = validation_step

    def predict_step(self, batch, index):
        unknown = {"threshold": 0.5, "reference": None}
        return {"tracks": [made_up_chord(TRACKS[int(i)]) | unknown for i in batch]}


class ToyClassifier(ToyTracker):
    """Batch i classifies clip i; in predict the truth is not known."""

    def validation_step(self, batch, index):
        return {"utterances": [made_up_clip(TRACKS[int(i)]) for i in batch]}

    test_step = validation_step

    def predict_step(self, batch, index):
        return {"utterances": [made_up_clip(TRACKS[int(i)], label=None) for i in batch]}


class ToyRecognizer(ToyTracker):
    """Batch i recognises utterance i; in predict the truth is not known."""

    def validation_step(self, batch, index):
        return {"utterances": [made_up_utterance(TRACKS[int(i)]) for i in batch]}

    test_step = validation_step

    def predict_step(self, batch, index):
        unknown = {"reference": None, "aligned": None}
        return {"utterances": [made_up_utterance(TRACKS[int(i)], **unknown) for i in batch]}


def quiet_trainer(root, *callbacks, **options):
    """A trainer with nothing but the given callbacks."""
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": root,
    }
    return Trainer(callbacks=list(callbacks), **(defaults | options))


def trainer(root, *more, logger=False, monitor="val/toy/accuracy", every=2, pictures=None, **options):
    callbacks = [RunFolder(), PredictedF0(), pictures or Pianorolls(tracks=0)]
    callbacks += [BestCheckpoint(monitor), ResumeCheckpoint(every_n_train_steps=every), *more]
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": root,
        "log_every_n_steps": 1,
    }
    return Trainer(callbacks=callbacks, logger=logger, **(defaults | options))


@pytest.fixture
def made_trainer(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    # Whatever is written to the current directory by mistake is found there.
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    yield partial(trainer, tmp_path / "root")
    assert not list(cwd.iterdir()), "something was written to the current directory"


@pytest.fixture
def toy_tracker():
    return ToyTracker


@pytest.fixture
def track():
    return made_up_track


@pytest.fixture
def toy_multi_pitch_tracker():
    return ToyMultiPitchTracker


@pytest.fixture
def chord():
    return made_up_chord


@pytest.fixture
def toy_classifier():
    return ToyClassifier


@pytest.fixture
def toy_recognizer():
    return ToyRecognizer


@pytest.fixture
def clip():
    return made_up_clip


@pytest.fixture
def utterance():
    return made_up_utterance


@pytest.fixture
def quiet(tmp_path):
    """Makes trainers with nothing but the given callbacks."""
    return partial(quiet_trainer, tmp_path / "root")


@pytest.fixture
def wandb_logger(tmp_path, monkeypatch):
    """Logs to files below `experiment.dir`."""
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    logger = WandbLogger(project="toy", save_dir=tmp_path / "runs", offline=True)
    yield logger
    logger.experiment.finish()
