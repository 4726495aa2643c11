"""The sweep file, by wandb's own engine: valid, its proposals are ours to run, and one is run."""

from pathlib import Path

import pytest
import sweeps
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from experiments.cli import run

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))


def proposal(path):
    """The command-line words of the first run that the engine proposes."""
    config = yaml.safe_load(path.read_text())
    first = sweeps.next_run(sweeps.SweepConfig(config), [])
    words = create_sweep_command_args({"args": first.config})["args"]
    given = [word for word in config["command"] if word.startswith("--")]
    return given, words


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_has_no_schema_violation(path):
    config = yaml.safe_load(path.read_text())
    violations = sweeps.schema_violations_from_proposed_config(config)
    assert violations == []
    assert config["command"][:3] == ["${env}", "melisma", "fit"] and config["command"][-1] == "${args}"


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_proposed_run_trains_and_logs_the_swept_metric(path, melody_shards, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    given, words = proposal(path)
    assert len(words) == len(yaml.safe_load(path.read_text())["parameters"])
    given = [word for word in given if "offline" not in word]
    cli = run([
        "fit", *given, "--data.recipes=[]", f"--data.train=[{melody_shards}]",
        f"--data.validation={{demo: {melody_shards}}}", *words, "--data.batch_size=8", "--trainer.max_steps=2",
        "--trainer.val_check_interval=2", "--trainer.logger=false", f"--trainer.default_root_dir={tmp_path}",
        "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu",
    ])  # fmt: skip
    assert yaml.safe_load(path.read_text())["metric"]["name"] in cli.trainer.callback_metrics
