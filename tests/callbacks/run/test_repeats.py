"""Runs of a sweep's agents that failed are given back as often as asked."""

import os
import signal
from unittest.mock import MagicMock

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import WandbLogger

from callbacks import RepeatedRun, RunCurves, StopOnSignal


class Ends(Callback):
    """Ends the training in its second batch."""

    def __init__(self, how):
        self.how = how

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == 1:
            self.how()


def fails():
    raise RuntimeError("the disk is gone")


def stops():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def given_back(tmp_path, monkeypatch):
    """Trains a run, which ends so, in one folder; whether it was marked as preempted."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    experiment = MagicMock()
    monkeypatch.setattr(WandbLogger, "experiment", experiment)

    def train(how, failures=1):
        experiment.mark_preempting.reset_mock()
        logger = WandbLogger(project="mine", save_dir=tmp_path, version="run1", offline=True)
        callbacks = [Ends(how), RunCurves(), RepeatedRun(failures), StopOnSignal()]
        trainer = Trainer(
            accelerator="cpu", logger=logger, max_steps=3, limit_val_batches=0, callbacks=callbacks,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        try:
            trainer.fit(BoringModel())
        except (RuntimeError, SystemExit):
            pass
        return experiment.mark_preempting.called

    return train


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_failed_run_is_given_back_as_often_as_asked(given_back, failures):
    assert [given_back(fails, failures) for _ in range(4)] == [number < failures for number in range(4)]


def test_a_signal_is_no_failure_and_a_run_that_ends_well_is_kept(given_back):
    assert given_back(stops)  # by StopOnSignal
    assert not given_back(lambda: None)
    assert given_back(fails)
    assert not given_back(fails)


def test_runs_of_no_agent_are_left_alone(given_back, monkeypatch):
    monkeypatch.delenv("WANDB_SWEEP_ID")
    assert not given_back(fails)
