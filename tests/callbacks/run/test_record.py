"""The record that stands beside a run's figures."""

import importlib.machinery
import json
import re
import sys
import types

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from callbacks import BestCheckpoint, ResumeCheckpoint, RunFolder, RunRecord, run_folder
from callbacks.run.command import typed_command, words_taken

SCORES = (0.5, 0.75, 0.25)


@pytest.fixture
def run(toy_tracker, tmp_path):
    """Fits for some epochs, each validated, in one folder; gives the folder."""

    def fit(scores, epochs, checkpoint=None, stage="fit", fail_at_step=None, **options):
        groups = [BestCheckpoint("val/toy/accuracy"), ResumeCheckpoint(), RunFolder(), RunRecord()]
        trainer = Trainer(
            accelerator="cpu", max_epochs=epochs, callbacks=groups, default_root_dir=tmp_path, logger=False,
            enable_progress_bar=False, enable_model_summary=False, **options,
        )  # fmt: skip
        loaders = [DataLoader(torch.arange(4), batch_size=2) for _ in range(2 if stage == "fit" else 1)]
        getattr(trainer, stage)(toy_tracker(scores, fail_at_step), *loaders, ckpt_path=checkpoint)
        return run_folder(trainer)

    return fit


def read(path):
    return json.loads((path / "record.json").read_text())


def test_a_fit_leaves_what_its_figures_need(run):
    record = read(run(SCORES, 3))
    assert [each["metrics"]["val/toy/accuracy"] for each in record["validations"]] == list(SCORES)
    assert [each["step"] for each in record["validations"]] == [2, 4, 6]
    assert record["best"] == {"metric": "val/toy/accuracy", "value": 0.75, "step": 4, "epoch": 1}
    assert record["metrics"]["val/toy/accuracy"] == 0.25
    assert record["parameters"] == 1 and record["processes"] == 1 and record["checkpoint"] is None
    assert record["packages"]["torch"].startswith(torch.__version__.split("+")[0])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", record["commit"])
    assert record["finished"] and record["config"] is None
    assert record["hours"] >= 0 and "CPU" in record["hardware"] and record["command"]
    assert record["threads"] == torch.get_num_threads() and record["repeats"] is None
    assert record["cpu_capability"] == torch.backends.cpu.get_cpu_capability() and record["processor"]


def test_the_command_is_as_typed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/here/experiments/__main__.py", "fit", "--config", "a.yaml"])
    main = types.SimpleNamespace(__spec__=importlib.machinery.ModuleSpec("experiments.__main__", None))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "__main__", main)
        module = typed_command()
    assert module == ["python", "-m", "experiments", "fit", "--config", "a.yaml"]
    monkeypatch.setattr("sys.argv", ["/bin/melisma", "fit"])
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=None))
        assert typed_command() == ["/bin/melisma", "fit"]
        monkeypatch.setattr("sys.argv", ["/bin/melisma", "demo", "--trainer.max_steps=4"])
        with words_taken():
            assert sys.argv == ["/bin/melisma"]
            assert typed_command() == ["/bin/melisma", "demo", "--trainer.max_steps=4"]
        assert sys.argv == ["/bin/melisma", "demo", "--trainer.max_steps=4"]


def test_a_resumed_fit_goes_on_with_its_record(run):
    folder = run(SCORES[:1], 1)
    assert run(SCORES[1:], 3, checkpoint=str(folder / "checkpoints" / "last.ckpt")) == folder
    record = read(folder)
    assert [each["metrics"]["val/toy/accuracy"] for each in record["validations"]] == list(SCORES)
    assert record["best"]["epoch"] == 1


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_a_score_alone_has_a_record_of_its_own_that_names_its_weights(run, stage):
    folder = run(SCORES[:1], 1)
    before = (folder / "record.json").read_text()
    checkpoint = str(folder / "checkpoints" / "best.ckpt")
    run(SCORES[1:2], 1, checkpoint=checkpoint, stage=stage)
    record = read(folder / stage)
    assert record["checkpoint"] == checkpoint and "validations" not in record
    assert record["metrics"] and all(key.startswith(("val/", "test/")[stage == "test"]) for key in record["metrics"])
    assert (folder / "record.json").read_text() == before


def test_it_holds_the_latest_configuration(run):
    folder = run(SCORES[:1], 1)
    (folder / "config.yaml").write_text("model: first\n")
    (folder / "config_resumed_1.yaml").write_text("model: second\n")
    assert read(run(SCORES[1:], 3, checkpoint=str(folder / "checkpoints" / "last.ckpt")))["config"] == {
        "model": "second"
    }


def test_a_fit_that_failed_is_not_finished(run, tmp_path):
    with pytest.raises(ArithmeticError, match="made to fail"):
        run(SCORES, 3, fail_at_step=5)
    (record,) = tmp_path.rglob("record.json")
    assert not read(record.parent)["finished"]


def test_a_trial_leaves_none(run):
    folder = run(SCORES, 1, fast_dev_run=True)
    assert not (folder / "record.json").exists()
