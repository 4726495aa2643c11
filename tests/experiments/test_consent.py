"""No command that a configuration or record names is run, and no URL of a record opened, unless the user says so."""

import json
import shlex

import numpy as np
import pytest
import soundfile
import yaml

from datamodules.storage import consent
from tests.experiments.repeating.test_differences import RECORD


@pytest.fixture(autouse=True)
def nothing_trusted(monkeypatch):
    monkeypatch.setenv(consent.TRUSTED, "")


@pytest.fixture
def piped(small_recipe, melody_shards, tmp_path):
    """A recipe whose shards come from a command, and the file that the command leaves behind."""
    ran = tmp_path / "ran"
    place = f"pipe:touch {shlex.quote(str(ran))}; cat {shlex.quote(str(melody_shards))}/{{name}}"
    recipe = yaml.safe_load(small_recipe.read_text())
    recipe["data"]["init_args"] |= {
        "train": [place], "validation": {"mine": place}, "predict": {"mine": place},
        "remote": {"cache": str(tmp_path / "cache")},
    }  # fmt: skip
    recipe["trainer"] |= {"max_steps": 1, "default_root_dir": str(tmp_path)}
    path = tmp_path / "theirs.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path, place, ran


@pytest.mark.parametrize("stage", ["fit", "validate", "predict"])
def test_a_command_in_a_recipe_is_not_run(piped, melisma, stage):
    path, _, ran = piped
    outcome = melisma(stage, "--config", path)
    assert outcome.code == 1
    said = outcome.err.splitlines()[-1]
    assert said.startswith("melisma: 'pipe:touch") and "a command that a file names" in said and "--trust pipe" in said
    assert not ran.exists()


def test_a_command_in_a_recipe_is_run_if_the_user_says_so_and_never_by_what_only_reads_the_run(
    piped, melisma, tmp_path, monkeypatch
):
    path, _, ran = piped
    outcome = melisma("fit", "--config", path, "--trust", "pipe", "--trainer.val_check_interval=1")
    assert outcome.code == 0, outcome.err
    assert ran.exists()
    ran.unlink()
    monkeypatch.setenv(consent.TRUSTED, "")
    (folder,) = (tmp_path / "runs").iterdir()
    soundfile.write(tmp_path / "song.wav", np.zeros(8000), 8000)
    for words, code in (
        (["transcribe", tmp_path / "song.wav", "--model", folder, "--out", tmp_path / "tables"], 0),
        (["report", folder], 0),
        (["diff", folder, path], 1),
        (["release", folder, "--out", tmp_path / "released"], 0),
        (["rerun", folder], 1),
    ):
        outcome = melisma(*words)
        assert outcome.code in (0, code), f"{words}: {outcome.err}"
        assert not ran.exists(), words[0]
    assert "--trust pipe" in outcome.err


def test_a_command_on_the_command_line_is_run(piped, small_recipe, tmp_path, melisma):
    _, place, ran = piped
    outcome = melisma(
        "fit", "--config", small_recipe, f"--data.train={json.dumps([place])}", "--trainer.max_steps=1",
        f"--trainer.default_root_dir={tmp_path}", f"--data.remote.cache={tmp_path / 'cache'}",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert ran.exists()


@pytest.mark.parametrize(
    ("place", "kind"), [("pipe:touch ran; cat {name}", "pipe"), ("http://127.0.0.1:9/mine", "url")]
)
@pytest.mark.parametrize("noted", [True, False])
def test_what_only_a_record_names_is_not_opened_when_its_run_is_repeated(
    tmp_path, monkeypatch, melisma, place, kind, noted
):
    monkeypatch.chdir(tmp_path)
    config = {**RECORD["config"], "data": {"class_path": "datamodules.MelodyData", "init_args": {"train": [place]}}}
    (tmp_path / "record.json").write_text(
        json.dumps({**RECORD, "config": config, "data_sets": {place: "0" * 64} if noted else {}})
    )
    outcome = melisma("rerun", "record.json")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].endswith(f"--trust {kind}, or write the place on the command line"), outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_a_checkpoint_behind_a_url_is_fetched_only_if_the_user_says_so(small_recipe, melisma, tmp_path, stage):
    place = "http://127.0.0.1:9/mine.ckpt"
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(f"{small_recipe.read_text()}\nckpt_path: {place}\n")
    outcome = melisma(stage, "--config", theirs)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(f"melisma: '{place}': a URL that a file names")
