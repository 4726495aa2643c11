"""A recipe small enough for tests, and `melisma` as a function."""

import sys

import pytest

from experiments.cli import main, run
from experiments.releasing import release
from experiments.trusting import policy

RECIPE = """
model:
  class_path: lightning_modules.MelodyTracker
  init_args:
    network: {{class_path: architectures.CREPE, init_args: {{window: 256, capacity: 1}}}}
    grid: {{lowest_note: 58, semitones: 16, bins_per_semitone: 2}}
    loss: {{class_path: lightning_modules.SalienceBCE, init_args: {{unvoiced_weight: 1.0}}}}
    decoder: {{class_path: lightning_modules.LocalAverage}}
    optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.003}}}}
data:
  class_path: datamodules.MelodyData
  init_args:
    train: [{shards}]
    validation: {{mine: {shards}}}
    test: {{mine: {shards}}}
    batch_size: 8
checkpoint: {{monitor: val/mine/raw_pitch_accuracy}}
trainer:
  accelerator: cpu
  logger: false
  max_steps: 12
  val_check_interval: 6
  check_val_every_n_epoch: null
  enable_progress_bar: false
  enable_model_summary: false
  callbacks: [{{class_path: callbacks.PredictedF0}}]
"""


@pytest.fixture(scope="session")
def small_recipe(melody_shards, tmp_path_factory):
    """Path of a YAML that trains a tiny CREPE on the session's shards."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE.format(shards=melody_shards))
    return path


@pytest.fixture(scope="session")
def trained_run(small_recipe, tmp_path_factory):
    """The folder of a run of that recipe; read-only."""
    root = tmp_path_factory.mktemp("trained")
    run(["fit", "--config", str(small_recipe), "--trainer.default_root_dir", str(root)])
    return next((root / "runs").iterdir())


@pytest.fixture(scope="session")
def released_folder(trained_run, tmp_path_factory):
    """A model released from that run; read-only."""
    folder = tmp_path_factory.mktemp("released") / "small"
    release(trained_run / "checkpoints" / "best.ckpt", folder, 0.37, None, None)
    return folder


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def melisma(monkeypatch, capsys):
    """Run `melisma` with some words in this process: its exit code and what it printed."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["melisma", *map(str, words)])
        monkeypatch.setenv(policy.VARIABLE, "")  # what one command trusts the next does not
        code = 0
        try:
            assert main() is None
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run
