"""Runs of a study."""

import json
import os
from pathlib import Path

import pytest
import yaml

from datamodules import DataError
from experiments.studies import running
from experiments.studies.processes import CommandProcesses
from experiments.studies.running import make_runs


class StandIn:
    """Fails where the width is 13, and otherwise leaves a record that holds the words of the run."""

    def run(self, words, log):
        (logger,) = (json.loads(word.partition("=")[2]) for word in words if word.startswith("--trainer.logger="))
        place = Path(*(logger["init_args"][key] for key in ("save_dir", "name", "version")))
        stated = Path(words[words.index("--config") + 1]).read_text()
        if "width: 13" in stated:
            log.write_text("epoch 0\rmelisma: width: 13 is unlucky\n")
            return 1
        (place / "record.json").write_text(json.dumps({"words": words, "stated": stated, "finished": True}))
        return 0


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "CommandProcesses", StandIn)
    (tmp_path / "recipe.yaml").write_text("model: {}\n")
    monkeypatch.chdir(tmp_path)


def records(folder):
    return {str(path.parent.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("record.json")}


def test_every_run_is_a_command_of_its_own(made_study, tmp_path, stand_in):
    make_runs(made_study(), tmp_path / "study", jobs=2)
    made = records(tmp_path / "study")
    assert set(made) == {"narrow/seed0", "narrow/seed1", "wide/seed0", "wide/seed1"}
    assert made["wide/seed1"]["words"][:2] == ["fit", "--config"]
    assert yaml.safe_load(made["wide/seed1"]["stated"])["seed_everything"] == 1


def test_what_is_finished_is_kept_and_what_was_interrupted_is_resumed(made_study, tmp_path, stand_in, leave_run):
    folder = tmp_path / "study"
    leave_run(folder / "narrow" / "seed0", {"x": {"accuracy": 1.0}})
    checkpoint = folder / "wide" / "seed0" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    make_runs(made_study(), folder, jobs=1)
    made = records(folder)
    assert "words" not in made["narrow/seed0"]
    assert made["wide/seed0"]["words"][-2:] == ["--ckpt_path", str(checkpoint)]
    assert "--ckpt_path" not in made["wide/seed1"]["words"]


def test_a_run_that_fails_is_named_with_what_it_said_and_the_others_are_made(made_study, tmp_path, stand_in):
    study = made_study(runs={"narrow": {"model.width": 13}, "wide": {}})
    with pytest.raises(DataError) as raised:
        make_runs(study, tmp_path / "study", jobs=1)
    assert "2 of 4 runs failed" in str(raised.value)
    assert f"narrow{os.sep}seed0 (exit code 1)" in str(raised.value)
    assert "melisma: width: 13 is unlucky" in str(raised.value)
    assert set(records(tmp_path / "study")) == {"wide/seed0", "wide/seed1"}


@pytest.mark.slow  # the process that the others are forked from imports all that a fit needs
def test_a_command_has_the_folder_and_environment_of_its_caller_and_a_log(tmp_path, monkeypatch):
    processes, widths = CommandProcesses(), []
    for columns in ("60", "120"):
        folder = tmp_path / columns
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "dataset.json").write_text("{")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", columns)
        log = folder / "log"
        assert processes.run(["inspect", "data"], log) == 1
        assert processes.run(["inspect", "--help"], log) == 0
        error, *text = log.read_text().splitlines()
        assert error.startswith("melisma: data/dataset.json: not readable")
        widths.append(max(map(len, text)))
    assert widths[0] <= 60 < widths[1]
