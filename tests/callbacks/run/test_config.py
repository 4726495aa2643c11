import json

import pytest
import wandb
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import WandbLogger

from callbacks import BestCheckpoint, ResumeCheckpoint, RunConfig, RunFolder, run_folder


@pytest.fixture
def fitted(toy_tracker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class WithGroups(LightningCLI):
        def add_arguments_to_parser(self, parser):
            parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
            parser.add_lightning_class_args(ResumeCheckpoint, "resume")

    class Module(toy_tracker):
        def __init__(self, rate: float = 1e-5):
            super().__init__()

    def fit(*arguments):
        options = {"accelerator": "cpu", "max_epochs": 1, "enable_progress_bar": False, "enable_model_summary": False}
        cli = WithGroups(
            Module,
            save_config_callback=RunConfig,
            trainer_defaults=options | {"callbacks": RunFolder(), "logger": False},
            args=["fit", *arguments],
        )
        return run_folder(cli.trainer)

    return fit


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_saved_file_repeats_the_run(fitted):
    first = fitted("--checkpoint.monitor=val/toy/accuracy", "--resume.every_n_train_steps=3", "--model.rate=2e-5")
    assert names(first) == ["checkpoints", "config.yaml"]
    text = (first / "config.yaml").read_text()
    assert "every_n_train_steps: 3" in text and "monitor: val/toy/accuracy" in text
    (first / "config.yaml").rename("replay.yaml")
    first.rename("first")
    second = fitted("--config=replay.yaml")
    assert (second / "config.yaml").read_text() == text


def test_resuming_never_loses_the_earlier_configuration(fitted):
    folder = fitted("--checkpoint.monitor=val/toy/accuracy")
    first = (folder / "config.yaml").read_text()
    resume = [f"--config={folder}/config.yaml", f"--ckpt_path={folder}/checkpoints/last.ckpt"]
    for epochs in (2, 3, 3):  # the third repeats the second
        assert fitted(*resume, f"--trainer.max_epochs={epochs}") == folder
    assert (folder / "config.yaml").read_text() == first
    assert names(folder) == ["checkpoints", "config.yaml", "config_resumed_1.yaml", "config_resumed_2.yaml"]
    assert "max_epochs: 3" in (folder / "config_resumed_2.yaml").read_text()


def test_wandb_gets_the_keys_of_the_file(fitted, tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(WandbLogger, "log_hyperparams", lambda self, keys: sent.append(keys))
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    # Offline as everywhere, with an absolute path: what an earlier test has started reads no other mode, and has a
    # working directory of its own.
    monkeypatch.setenv("WANDB_MODE", "offline")
    fitted(
        "--checkpoint.monitor=val/toy/accuracy",
        "--trainer.logger=WandbLogger",
        "--trainer.logger.project=toy",
        f"--trainer.logger.save_dir={tmp_path / 'runs'}",
    )
    wandb.finish()
    config = sent[-1]
    assert config["checkpoint"]["monitor"] == "val/toy/accuracy"
    assert config["model"]["rate"] == 1e-5
    assert config["trainer"]["logger"]["init_args"]["project"] == "toy"
    json.dumps(config)
