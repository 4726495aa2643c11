"""SIGTERM while training: the step is finished, the checkpoint saved, the former handler back in place."""

import os
import signal

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks import ResumeCheckpoint, RunFolder, StopOnSignal


class Terminate(Callback):
    """Signals this process within a step."""

    def __init__(self, step):
        self.step, self.finished = step, []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == self.step:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.finished.append(batch_idx)


def test_the_step_is_finished_and_the_checkpoint_saved(tmp_path):
    before, terminate = signal.getsignal(signal.SIGTERM), Terminate(3)
    trainer = Trainer(
        accelerator="cpu", logger=False, max_steps=20, default_root_dir=tmp_path, enable_progress_bar=False,
        enable_model_summary=False, limit_val_batches=0,
        callbacks=[terminate, RunFolder(), StopOnSignal(), ResumeCheckpoint(every_n_train_steps=100)],
    )  # fmt: skip
    with pytest.raises(SIGTERMException):
        trainer.fit(BoringModel())
    assert terminate.finished == [0, 1, 2, 3]
    (last,) = tmp_path.glob("runs/*/checkpoints/last.ckpt")
    assert torch.load(last, weights_only=True)["global_step"] == 4
    assert signal.getsignal(signal.SIGTERM) == before
