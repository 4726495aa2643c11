"""The command line where a training goes wrong: one line that says what, no traceback, and nothing good overwritten."""

import json
import sys
import time

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from experiments import cli


@pytest.fixture
def fit(melisma, small_recipe, tmp_path):
    """`melisma fit` of a named run: the outcome; its folder is `tmp_path / "runs" / "mine"`."""

    def run(*words):
        root = [f"--trainer.default_root_dir={tmp_path}", "--resume.run=mine"]
        return melisma("fit", "--config", small_recipe, *root, *words)

    return run


def told(outcome):
    assert outcome.code == 1 and "Traceback" not in outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("melisma: ")]
    return line


def test_a_learning_rate_of_1e30_is_noticed_at_its_step_and_the_good_checkpoint_stays(fit, tmp_path):
    words = ["--model.init_args.optimizer.init_args.lr=1e30", "--resume.every_n_train_steps=1"]
    line = told(fit(*words))
    last = tmp_path / "runs" / "mine" / "checkpoints" / "last.ckpt"
    assert f"the loss of step 2 is nan; learning rate 1e+30. The last good checkpoint is {last}, of step 1." in line
    saved = torch.load(last, weights_only=True)
    assert saved["global_step"] == 1
    assert all(each.isfinite().all() for name, each in saved["state_dict"].items() if "network" in name)


def test_outputs_that_are_no_numbers_are_no_traceback_of_a_decoder(fit, tmp_path):
    words = ["--model.init_args.optimizer.init_args.lr=1e30", "--trainer.val_check_interval=1"]
    line = told(fit(*words, "--resume.every_n_train_steps=50"))
    assert "the network's outputs on the set mine are not numbers (nan)" in line and "lower model.optimizer.lr" in line
    assert not list((tmp_path / "runs" / "mine").rglob("*.ckpt"))


@pytest.mark.parametrize("sanity", [0, 2])
def test_the_monitor_of_a_set_that_is_not_validated_is_refused_before_the_training(fit, tmp_path, sanity):
    words = ["--checkpoint.monitor=val/demo/raw_pitch_accuracy", f"--trainer.num_sanity_val_steps={sanity}"]
    line = told(fit(*words))
    assert line.endswith("has only the sets mine; say --checkpoint.monitor=val/mine/raw_pitch_accuracy")
    assert not list(tmp_path.rglob("*.ckpt")) and not list(tmp_path.rglob("record.json"))


def test_a_metric_that_is_not_logged_is_refused_before_the_training(fit, tmp_path):
    line = told(fit("--checkpoint.monitor=val/mine/raw_pitch"))
    assert "which a validation does not log; say --checkpoint.monitor=val/mine/raw_pitch_accuracy; logged are:" in line
    assert "val/mine/voicing_recall" in line and "undefined" not in line
    assert not (tmp_path / "runs" / "mine" / "curves.jsonl").exists()


def test_a_logger_that_fails_ends_no_training(fit, tmp_path, monkeypatch):
    def lost(*_, **__):
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr(CSVLogger, "log_metrics", lost)
    words = ("--trainer.logger.class_path=lightning.pytorch.loggers.CSVLogger",
             f"--trainer.logger.init_args.save_dir={tmp_path}", "--trainer.log_every_n_steps=1")  # fmt: skip
    outcome = fit(*words)
    assert outcome.code == 0 and outcome.err.count("melisma: CSVLogger: ConnectionResetError: Connection lost;") == 1
    (record,) = (json.loads(path.read_text()) for path in tmp_path.rglob("record.json"))
    assert record["finished"] and len(record["troubles"]) == 1


def test_the_names_of_scores_are_those_that_a_validation_logs(small_recipe, tmp_path):
    words = ["--trainer.default_root_dir", str(tmp_path), "--trainer.max_steps=1", "--trainer.val_check_interval=1"]
    made = cli.run(["fit", "--config", str(small_recipe), *words])
    logged = {name for name in made.trainer.callback_metrics if name.startswith("val/")}
    assert logged <= made.model.score_names
    assert all("/undefined/" in name for name in made.model.score_names - logged)


def test_an_interruption_that_lightning_answers_has_the_code_of_one(melisma, monkeypatch):
    def interrupted():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    monkeypatch.setattr(cli, "run", interrupted)
    assert melisma("fit").code == 130
    monkeypatch.setattr(cli, "run", lambda: sys.exit(1))
    assert melisma("fit").code == 1


@pytest.mark.faults
@pytest.mark.long(seconds=6)
@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_changes_no_duration(fit, tmp_path, monkeypatch, jump):
    true_time, calls = time.time, []

    def jumping():
        calls.append(1)
        return true_time() + jump * len(calls)

    monkeypatch.setattr(time, "time", jumping)
    begun = time.monotonic()
    assert fit("--trainer.max_steps=4", "--trainer.val_check_interval=2", "--trainer.log_every_n_steps=1").code == 0
    took, folder = time.monotonic() - begun, tmp_path / "runs" / "mine"
    assert 0 <= json.loads((folder / "record.json").read_text())["hours"] <= took / 3600 + 1e-4
    lines = [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]
    seconds = [line["seconds"] for line in lines if "seconds" in line]
    assert seconds == sorted(seconds) and 0 <= seconds[0] and seconds[-1] <= took
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4
