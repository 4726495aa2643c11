from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
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
        **more,
    }


class ToyTracker(LightningModule):
    """One weight; batch i of validation completes track i; the score of validation n is scores[n]."""

    def __init__(self, scores=(0.5,), fail_at_step=None, threshold=0.25):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.scores = list(scores)
        self.fail_at_step = fail_at_step
        self.threshold = threshold

    def training_step(self, batch, index):
        if self.global_step == self.fail_at_step:
            raise ArithmeticError("made to fail")
        return (self.weight - 1.0).square().sum()

    def validation_step(self, batch, index):
        return {"tracks": [made_up_track(TRACKS[int(i)]) for i in batch]}

    def on_validation_epoch_end(self):
        self.log("val/toy/voicing_threshold", self.threshold, sync_dist=True)
        score = self.scores[0] if self.trainer.sanity_checking or len(self.scores) == 1 else self.scores.pop(0)
        self.log("val/toy/accuracy", score, sync_dist=True)

    test_step = validation_step

    def on_test_epoch_end(self):
        self.log("test/toy/voicing_threshold", 0.75)

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
