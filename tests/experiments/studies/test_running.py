"""Runs of a study."""

import errno
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from datamodules import DataError
from datamodules.errors import MachineFault
from datamodules.preparation.sharing import Share
from experiments.claims import Claims
from experiments.studies import running
from experiments.studies.processes import CommandProcesses
from experiments.studies.running import make_runs
from tests.slurm_local import ROOT, wait_for


class StandIn:
    """Fails where the width is 13, and otherwise leaves a record that holds the words of the run."""

    def run(self, words, log, claim=None):
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


def test_shares_at_once_make_every_run_once_and_the_last_one_finds_all_finished(
    made_study, tmp_path, stand_in, monkeypatch
):
    study, made = made_study(seeds=[0, 1, 2, 3]), []

    class Slow(StandIn):
        def run(self, words, log, claim=None):
            made.append(log)
            time.sleep(0.05)
            return super().run(words, log)

    monkeypatch.setattr(running, "CommandProcesses", Slow)
    monkeypatch.setattr(running, "LOOK", 0.02)
    with ThreadPoolExecutor(3) as pool:
        shares = [pool.submit(make_runs, study, tmp_path / "study", 1, Share(task, 3)) for task in range(3)]
    assert [each.result() for each in shares] == [[], [], []]
    assert len(made) == len(set(made)) == 8 == len(records(tmp_path / "study"))
    assert not (tmp_path / "study" / ".claims").exists()


def test_a_full_disk_ends_the_study_at_once_in_one_line(made_study, tmp_path, stand_in, monkeypatch):
    full = f"{os.strerror(errno.ENOSPC)}; free some space there, and give the same command again"
    made = []

    class Full(StandIn):
        def run(self, words, log, claim=None):
            made.append(log)
            log.write_text(f"epoch 0\rmelisma: {log.parent}/checkpoints/last.ckpt: {full}\n")
            return 1

    monkeypatch.setattr(running, "CommandProcesses", Full)
    with pytest.raises(MachineFault) as raised:
        make_runs(made_study(), tmp_path / "study", jobs=1)
    assert str(raised.value) == f"{made[0].parent}/checkpoints/last.ckpt: {full}" and len(made) == 1
    monkeypatch.setattr(running, "CommandProcesses", StandIn)
    make_runs(made_study(), tmp_path / "study", jobs=1)
    assert len(records(tmp_path / "study")) == 4


def test_what_ends_one_run_of_several_at_once_lets_the_others_end_and_begins_no_more(
    made_study, tmp_path, stand_in, monkeypatch
):
    made, claims = [], Claims(tmp_path / "study" / ".claims")

    class Full(StandIn):
        def run(self, words, log, claim=None):
            name = str(log.parent.relative_to(tmp_path / "study"))
            made.append(name)
            if name == "narrow/seed0":
                assert wait_for(lambda: len(made) == 2, 20)
                raise MachineFault("no space")
            assert wait_for(lambda: claims.owner("narrow/seed0") is None, 20)
            return super().run(words, log)

    monkeypatch.setattr(running, "CommandProcesses", Full)
    with pytest.raises(MachineFault):
        make_runs(made_study(), tmp_path / "study", jobs=2)
    assert sorted(made) == ["narrow/seed0", "wide/seed0"] and set(records(tmp_path / "study")) == {"wide/seed0"}


def test_a_share_begins_with_its_own_part_and_goes_on_with_that_of_a_dead_one(
    made_study, tmp_path, stand_in, monkeypatch
):
    made = []
    study = made_study()

    class Watched(StandIn):
        def run(self, words, log, claim=None):
            made.append(str(log.parent.relative_to(tmp_path / "study")))
            return super().run(words, log)

    monkeypatch.setattr(running, "CommandProcesses", Watched)
    assert make_runs(study, tmp_path / "study", 1, Share(1, 2)) == []
    assert made == ["wide/seed0", "wide/seed1", "narrow/seed1", "narrow/seed0"]


def test_a_run_that_another_process_makes_is_left_to_it(made_study, tmp_path, stand_in, monkeypatch):
    monkeypatch.setattr(running, "STALE", 0.2)
    monkeypatch.setattr(running, "LOOK", 0.05)
    folder = tmp_path / "study"
    with Claims(folder / ".claims").take("wide/seed0"):
        (claim,) = (folder / ".claims").rglob("000001")
        os.utime(claim, (time.time() + 3600,) * 2)  # renewed just now, however long this machine stands still
        (left,) = make_runs(made_study(), folder, jobs=2)
    assert (left.run, left.seed) == ("wide", 0)
    assert set(records(folder)) == {"narrow/seed0", "narrow/seed1", "wide/seed1"}
    assert make_runs(made_study(), folder, jobs=2) == []


def test_what_is_finished_as_it_is_taken_is_not_made_again(made_study, tmp_path, stand_in, leave_run, monkeypatch):
    folder, made = tmp_path / "study", []
    take = Claims.take

    def late(claims, name):
        if name == "wide/seed0":
            leave_run(folder / name, {"x": {"accuracy": 1.0}})
        made.append(name)
        return take(claims, name)

    monkeypatch.setattr(Claims, "take", late)
    assert make_runs(made_study(), folder, jobs=1) == []
    assert len(made) == 4 and "words" not in records(folder)["wide/seed0"]


CALLER = """
import sys
from pathlib import Path
from experiments.studies import processes
from experiments.studies.processes import CommandProcesses

processes._IMPORTED.clear()

if __name__ == "__main__":
    CommandProcesses().run(sys.argv[1:], Path("log"))
"""


@pytest.mark.slow
def test_a_command_ends_with_its_killed_caller(tmp_path):
    (tmp_path / "killed.py").write_text(CALLER)
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "dataset.json")  # who reads it waits
    words = [sys.executable, "killed.py", "inspect", "data"]
    caller = subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    log = tmp_path / "log"
    try:
        assert wait_for(lambda: log.exists() and writers(log), 60)
        (command,) = writers(log)
    finally:
        caller.kill()
        caller.wait()
    assert wait_for(lambda: command not in writers(log), 20)


def writers(path):
    """Processes that have a file open, by Linux."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if os.readlink(link) == str(path):
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


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
