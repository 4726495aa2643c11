"""A run as its folder, its record or its configuration tells it."""

import json

import pytest

from datamodules.errors import DataError
from experiments.repeating.comparison import ComparedFigures
from experiments.repeating.data import preparation
from experiments.repeating.recorded import read_run, read_run_or_config
from tests.experiments.repeating.test_differences import RECORD

SCORED = {"checkpoint": "runs/a/checkpoints/best.ckpt", "metrics": {"test/songs/accuracy": 0.5}}


def leave(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def test_the_record_of_a_folder_is_that_of_the_fit_else_of_what_was_only_scored(tmp_path):
    leave(tmp_path / "test" / "record.json", SCORED)
    assert read_run(tmp_path).stage == "test" and read_run(tmp_path).folder == tmp_path
    leave(tmp_path / "validate" / "record.json", {**SCORED, "checkpoint": None, "metrics": {"val/songs/accuracy": 0.5}})
    assert read_run(tmp_path).stage == "validate"
    leave(tmp_path / "record.json", RECORD)
    assert read_run(tmp_path).stage == "fit"
    assert read_run(tmp_path / "test").stage == "test" and read_run(tmp_path / "test").folder == tmp_path


def test_figures_are_those_of_every_validation(tmp_path):
    leave(tmp_path / "record.json", RECORD)
    run = read_run(tmp_path)
    assert run.figures["val/songs/accuracy"] == run.figures["best.value"] == 0.5
    assert run.figures["step 4: val/songs/accuracy"] == 0.5 and run.figures["best.step"] == 4


@pytest.mark.parametrize(
    ("hardware", "threads"), [("2 threads on 4 CPU cores", 2), ("1 x NVIDIA H200", None), ("2 shared CPU cores", None)]
)
def test_an_earlier_record_has_its_threads_in_words(tmp_path, hardware, threads):
    leave(tmp_path / "record.json", {"hardware": hardware})
    assert read_run(tmp_path).threads == threads


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", "{", "line 1: not valid JSON"),
        ("a.json", "[]", "a mapping is expected"),
        ("a.json", '{"kind": "study"}', "of a study; name one of its runs"),
        ("a.yaml", "a: [", "not valid YAML"),
        ("a.yaml", "- a", "a mapping is expected"),
    ],
)
def test_what_is_no_record_is_named(tmp_path, name, text, why):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=why) as raised:
        read_run_or_config(tmp_path / name)
    assert str(tmp_path / name) in str(raised.value)


def test_the_command_that_prepares_a_directory_is_that_of_its_corpus():
    assert preparation("data/demo").endswith("experiments/corpora/demo.yaml`")
    assert (
        preparation("data/fda") == "prepare it by `melisma prepare experiments/corpora/fda.yaml --corpus.folder FOLDER`"
    )
    assert "emodb_folds.yaml" in preparation("data/emodb_folds_2") and '"09", "10"' in preparation("data/emodb_folds_2")
    assert preparation("/disk/fda").endswith(" --directory /disk/fda`")
    assert preparation("data/unknown") == "prepare it as it was, by `melisma prepare`"


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "verdict"),
    [
        ({"a": 0.1}, {"a": 0.1}, 0.0, "all 1 bit-equal"),
        ({"a": float("nan")}, {"a": float("nan")}, 0.0, "all 1 bit-equal"),
        ({"a": 0.1}, {"a": 0.1 + 2**-56}, 0.0, "1 of 1 differ, by up to 1.38778e-17"),
        ({"a": 0.1, "b": 1.0}, {"a": 0.1, "b": 1.25}, 0.25, "all 2 equal within 0.25"),
        ({"a": 0.1}, {"a": float("nan")}, 9.0, "1 of 1 differ, by up to inf"),
        ({"a": 0.1, "b": 1.0}, {"a": 0.1}, 9.0, "1 of 2 differ, by up to inf"),
    ],
)
def test_figures_are_equal_to_the_bit_or_within_a_tolerance(one, other, tolerance, verdict):
    figures = ComparedFigures(one, other, tolerance)
    assert figures.verdict == verdict and bool(figures.differing) == ("differ" in verdict)
