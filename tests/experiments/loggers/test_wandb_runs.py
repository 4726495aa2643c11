"""What a user is told of Weights & Biases where it does not begin or end a run."""

import sys
from types import SimpleNamespace

import pytest
import wandb

from experiments.loggers.wandb_runs import finish_wandb, told_of_wandb

WANDB = "lightning.pytorch.loggers.WandbLogger"


def test_a_run_that_does_not_begin_is_one_line_with_both_ways_out():
    told = told_of_wandb(wandb.errors.UsageError("No API key configured. Use `wandb login` to log in.\nmore"))
    assert told.startswith("Weights & Biases does not begin a run: No API key configured. Use `wandb login` to log in.")
    assert "WANDB_API_KEY" in told and "--trainer.logger.init_args.offline=true" in told and "\n" not in told
    assert told_of_wandb(ValueError("No API key configured")) is None


def test_without_a_key_the_command_ends_with_that_line(melisma, small_recipe, tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    words = [f"--trainer.logger.class_path={WANDB}", f"--trainer.logger.init_args.save_dir={tmp_path}"]
    outcome = melisma("fit", "--config", small_recipe, *words, "--trainer.logger.init_args.offline=false")
    assert outcome.code == 1 and "Traceback" not in outcome.err
    assert "melisma: Weights & Biases does not begin a run: No API key configured" in outcome.err


@pytest.mark.parametrize("error", [ConnectionResetError("Connection lost"), SystemExit(2), None])
def test_a_run_that_does_not_end_is_one_line(monkeypatch, capsys, error):
    codes = []

    def end(exit_code):
        codes.append(exit_code)
        if error is not None:
            raise error

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(finish=end, teardown=end))
    finish_wandb(3)
    assert codes == [3, 3]  # its process is ended even so
    assert capsys.readouterr().err.count("melisma: Weights & Biases did not end its run: ") == (error is not None)
