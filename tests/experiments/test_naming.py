"""A run that has a name goes on under it, and its config.yaml repeats the experiment, not the run."""

import json

import pytest
import torch
import yaml

WANDB = [
    "--trainer.logger.class_path=WandbLogger", "--trainer.logger.offline=true", "--trainer.logger.project=mine",
    "--trainer.logger.save_dir=logged",
]  # fmt: skip


@pytest.fixture
def fit(melisma, small_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: melisma("fit", "--config", small_recipe, *words)


def steps(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


def events(folder):
    lines = [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]
    return [(line["event"], line["step"]) for line in lines if "event" in line]


@pytest.mark.slow
def test_the_same_command_goes_on_with_the_run(fit, tmp_path):
    for limit in (5, 5, 12):
        assert fit("--resume.run=mine", f"--trainer.max_steps={limit}").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "mine" and steps(folder) == 12
    assert events(folder) == [("fit", 0), ("end", 5), ("fit", 5), ("end", 12)]  # the second time nothing was left
    assert yaml.safe_load((folder / "config.yaml").read_text())["resume"]["run"] is None


@pytest.mark.slow
def test_a_run_of_wandb_goes_on_under_its_id(fit, tmp_path):
    for limit in (5, 12):
        assert fit("--resume.run=mine", f"--trainer.max_steps={limit}", *WANDB).code == 0
    folder = tmp_path / "logged" / "mine" / "mine"
    assert steps(folder) == 12
    assert yaml.safe_load((folder / "config.yaml").read_text())["trainer"]["logger"]["init_args"]["version"] is None
    parts = sorted(path.name.rpartition("-")[2] for path in (tmp_path / "logged" / "wandb").glob("offline-run-*"))
    assert parts == ["mine", "mine"]


@pytest.mark.long
def test_a_run_of_a_sweep_has_the_id_that_its_agent_gave(fit, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    assert fit("--trainer.max_steps=3").code == 0  # somebody's own variable names no run
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    for limit in (5, 12):
        assert fit(f"--trainer.max_steps={limit}").code == 0
    assert steps(tmp_path / "runs" / "abc123") == 12


def test_what_the_run_itself_saved_comes_before_the_checkpoint_that_it_began_from(fit, trained_run, tmp_path):
    begin = ("--resume.run=mine", "--ckpt_path", trained_run / "checkpoints" / "last.ckpt")
    for limit in (14, 16):
        assert fit(*begin, f"--trainer.max_steps={limit}").code == 0
    assert events(tmp_path / "runs" / "mine") == [("fit", 12), ("end", 14), ("fit", 14), ("end", 16)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume.run=a/b"], "'a/b' cannot name a folder"),
        (["--resume.run=a:b"], "'a:b' cannot name a folder"),
        (["--resume.run=a", "--trainer.logger=true"], "name the class of a logger, or false"),
        (["--resume.run=a", *WANDB, "--trainer.logger.version=b"], "the logger's version is 'b'; leave one out"),
    ],
)
def test_names_that_cannot_be_used_are_refused(fit, tmp_path, words, message):
    refused = fit(*words)
    assert refused.code == 1 and message in refused.err and refused.err.startswith("melisma: resume.run: ")
    assert not (tmp_path / "runs").exists()
