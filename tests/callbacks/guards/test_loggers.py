"""A logger that fails is left alone, and the training goes on to its end."""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger

from callbacks import ErrorPictures, GuardedLoggers, RunConfig, RunFolder, RunRecord, run_folder
from experiments.loggers.wandb_runs import finish_wandb


class Lost(CSVLogger):
    """From the third figure on it raises what a process that was killed leaves."""

    asked = 0

    def log_metrics(self, metrics, step=None):
        self.asked += 1
        if self.asked > 2:
            raise ConnectionResetError("Connection lost\nand more")
        super().log_metrics(metrics, step)


@pytest.fixture
def fit(quiet, toy_tracker):
    """Fits for four steps that log; gives the trainer."""

    class Logging(toy_tracker):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.log("train/loss", loss)
            return loss

    def run(*loggers, guard=True, more=()):
        callbacks = [RunFolder(), *([GuardedLoggers()] if guard else []), *more, RunRecord()]
        trainer = quiet(*callbacks, logger=list(loggers), log_every_n_steps=1)
        trainer.fit(Logging())
        return trainer

    return run


def test_what_a_logger_raises_is_said_once_and_kept_in_the_record(fit, tmp_path, capsys):
    lost, other = Lost(tmp_path / "lost"), CSVLogger(tmp_path / "other")
    trainer = fit(lost, other)
    assert trainer.global_step == 4 and lost.asked == 3  # and never again
    told = capsys.readouterr().err
    assert (
        told.count("melisma:") == 1 and "melisma: Lost: ConnectionResetError: Connection lost; it gets nothing" in told
    )
    record = json.loads((run_folder(trainer) / "record.json").read_text())
    assert [each.partition(";")[0] for each in record["troubles"]] == [
        "Lost: step 3: ConnectionResetError: Connection lost"
    ]
    (figures,) = (tmp_path / "other").rglob("metrics.csv")
    assert len(figures.read_text().splitlines()) > 4


def test_a_training_without_trouble_has_none_in_its_record(fit, tmp_path):
    trainer = fit(CSVLogger(tmp_path))
    assert "troubles" not in json.loads((run_folder(trainer) / "record.json").read_text())


def test_a_logger_that_is_not_guarded_ends_the_training(fit, tmp_path):
    with pytest.raises(ConnectionResetError):
        fit(Lost(tmp_path), guard=False)


def test_pictures_and_configuration_that_a_logger_refuses_end_nothing(fit, tmp_path, monkeypatch, capsys):
    from torch.utils.tensorboard import SummaryWriter

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for method in ("add_image", "add_text"):
        monkeypatch.setattr(SummaryWriter, method, full)
    parser = ArgumentParser()
    parser.add_argument("--model.rate", type=float)
    more = RunConfig(parser, parser.parse_object({"model": {"rate": 0.5}})), ErrorPictures()
    trainer = fit(TensorBoardLogger(tmp_path / "board"), more=more)
    assert trainer.global_step == 4 and (run_folder(trainer) / "config.yaml").is_file()
    assert (run_folder(trainer) / "validation" / "toy" / "errors" / "confusion.png").is_file()
    assert capsys.readouterr().err.count("melisma: TensorBoardLogger: OSError") == 1


def cores(parent):
    """Processes of wandb that a process has started."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            of, words = (path / "stat").read_text().rpartition(")")[2].split()[1], (path / "cmdline").read_text()
        except OSError:  # it has just ended
            continue
        if int(of) == parent and "wandb-core" in words:
            yield int(path.name)


class KillCore(Callback):
    """Kills wandb's process as the system does that has no memory left."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 2:
            (core,) = cores(os.getpid())
            os.kill(core, signal.SIGKILL)
            os.waitid(os.P_PID, core, os.WEXITED | os.WNOWAIT)


def fit_and_end(fit, folder):
    sys.stderr = (folder / "told").open("w", buffering=1)
    trainer = fit(WandbLogger(project="toy", save_dir=folder, offline=True), more=(KillCore(), ErrorPictures()))
    (folder / "done").write_text(f"{trainer.global_step} {run_folder(trainer)}")
    finish_wandb(0)


@pytest.mark.faults
@pytest.mark.long(seconds=20)
def test_a_killed_process_of_wandb_ends_no_training(fit, tmp_path, monkeypatch):
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    process = multiprocessing.get_context("fork").Process(target=fit_and_end, args=(fit, tmp_path))
    process.start()
    process.join(120)
    told = (tmp_path / "told").read_text()
    assert process.exitcode == 0 and "Traceback" not in told
    steps, folder = (tmp_path / "done").read_text().split()
    record = json.loads(Path(folder, "record.json").read_text())
    assert steps == "4" and record["finished"]
    assert len(record["troubles"]) == 1 and record["troubles"][0].startswith("WandbLogger: step")
    assert told.count("melisma: WandbLogger: ") == 1 and told.count("did not end its run") == 1
