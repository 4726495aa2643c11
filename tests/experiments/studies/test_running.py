"""Runs of a study, made by a program that stands in for `python -m experiments`."""

import json
import os
import stat
import sys
import textwrap

import pytest
import yaml

from datamodules import DataError
from experiments.studies import running
from experiments.studies.running import make_runs

# Takes the words of a run, fails where the width is 13, and otherwise leaves a record that holds them.
PROGRAM = """
import json, os, pathlib, sys
(logger,) = (json.loads(word.partition("=")[2]) for word in sys.argv if word.startswith("--trainer.logger="))
place = pathlib.Path(*(logger["init_args"][key] for key in ("save_dir", "name", "version")))
stated = pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text()
if "width: 13" in stated:
    print("epoch 0\\rmelisma: width: 13 is unlucky")
    sys.exit(1)
record = {"words": sys.argv[1:], "stated": stated, "finished": True, "threads": os.environ["OMP_NUM_THREADS"]}
(place / "record.json").write_text(json.dumps(record))
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "program.py"}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(running.sys, "executable", str(python))
    (tmp_path / "recipe.yaml").write_text("model: {}\n")
    monkeypatch.chdir(tmp_path)


def records(folder):
    return {str(path.parent.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("record.json")}


def test_every_run_is_a_command_of_its_own_with_one_thread(made_study, tmp_path, stand_in):
    make_runs(made_study(), tmp_path / "study", jobs=2)
    made = records(tmp_path / "study")
    assert set(made) == {"narrow/seed0", "narrow/seed1", "wide/seed0", "wide/seed1"}
    assert made["wide/seed1"]["words"][:4] == ["-m", "experiments", "fit", "--config"]
    assert yaml.safe_load(made["wide/seed1"]["stated"])["seed_everything"] == 1
    assert {record["threads"] for record in made.values()} == {"1"}


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
