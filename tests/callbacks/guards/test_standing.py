"""A run folder that takes no file is refused before the training; one that is deleted in mid-run is written again."""

import json
import shutil

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import Callback

from callbacks import BestCheckpoint, PredictedF0, ResumeCheckpoint, RunConfig, RunCurves, RunFolder, RunRecord
from callbacks import run_folder as folder_of_run
from callbacks.guards.standing import write_standing
from callbacks.run.curve_file import read_curves
from datamodules.errors import DataError


@pytest.fixture
def config():
    parser = ArgumentParser()
    parser.add_argument("--model.rate", type=float)
    return RunConfig(parser, parser.parse_object({"model": {"rate": 0.5}}))


class Counting(Callback):
    def __init__(self):
        self.steps = 0

    def on_train_batch_end(self, *_):
        self.steps += 1


def test_a_folder_that_takes_no_file_is_refused_before_the_first_step(quiet, toy_tracker, config, tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "checkpoints").write_text("a file")
    counting, saving = Counting(), ResumeCheckpoint(run="mine")
    trainer = quiet(counting, RunFolder(), config, saving, enable_checkpointing=True, default_root_dir=tmp_path)
    with pytest.raises(DataError, match=r"nothing of this run could be saved: .*/mine/checkpoints: "):
        trainer.fit(toy_tracker())
    assert counting.steps == 0 and not (tmp_path / "runs" / "mine" / "config.yaml").exists()


def test_the_question_leaves_no_file(quiet, toy_tracker, config):
    trainer = quiet(RunFolder(), config)
    trainer.fit(toy_tracker())
    assert sorted(path.name for path in folder_of_run(trainer).rglob("*")) == ["checkpoints", "config.yaml"]


class Deleting(Callback):
    """Deletes or moves the run folder in the sixth step."""

    def __init__(self, do):
        self.do = do

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 5:
            self.do(folder_of_run(trainer))


@pytest.mark.parametrize("do", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("elsewhere"))])
def test_a_deleted_folder_is_written_again_with_all_that_the_run_needs(quiet, toy_tracker, config, capsys, do):
    callbacks = [RunFolder(), RunRecord(), RunCurves(), Deleting(do), PredictedF0(), config]
    checkpoints = [BestCheckpoint("val/toy/accuracy"), ResumeCheckpoint(every_n_train_steps=100)]
    trainer = quiet(*callbacks, *checkpoints, enable_checkpointing=True, max_epochs=3, log_every_n_steps=1)
    trainer.fit(toy_tracker(scores=[0.9, 0.7, 0.6]))
    folder = folder_of_run(trainer)
    assert yaml.safe_load((folder / "config.yaml").read_text()) == {"model": {"rate": 0.5}}
    steps = {name: torch.load(folder / "checkpoints" / f"{name}.ckpt")["global_step"] for name in ("best", "last")}
    assert steps == {"best": 8, "last": 12}  # the better one of step 4 was deleted
    curves = read_curves(folder / "curves.jsonl")
    assert curves.finished and [start.step for start in curves.starts] == [0] and curves.points[0].step == 6
    record = json.loads((folder / "record.json").read_text())
    assert record["finished"] and record["config"] == {"model": {"rate": 0.5}}
    assert len(record["troubles"]) == 1 and "was deleted or moved while the run writes to it" in record["troubles"][0]
    assert capsys.readouterr().err.count("was deleted or moved") == 1


def test_a_file_is_written_again_if_its_folder_goes_meanwhile(tmp_path):
    path, times = tmp_path / "run" / "file", []

    def write(file, often=1):
        times.append(1)
        if len(times) <= often:
            shutil.rmtree(path.parent)
        file.write(b"content")

    write_standing(path, write)
    assert path.read_bytes() == b"content" and len(times) == 2
    times.clear()
    with pytest.raises(DataError, match=r"file: somebody deletes its folder"):
        write_standing(path, lambda file: write(file, often=9))
