"""Sweep files: those of the catalogue, and every mistake in one line."""

import re

import pytest
import sweeps
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from datamodules import DataError
from experiments.sweeping.proposals import propose
from experiments.sweeping.sweep_file import read_sweep
from tests.experiments.catalogue import SWEEPS
from tests.experiments.sweeping.conftest import RANDOM


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_first_point_of_a_sweep_of_the_catalogue_has_the_words_of_wandbs_agent(path):
    file = read_sweep(path)
    values = propose(file, [], seed=0).values
    words = file.command.of_point(values).words
    assert words[0] == "fit" and re.match("--config=experiments/.+[.]yaml", words[1])
    assert not any("logger" in word for word in words)
    args = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})["args"]
    assert [yaml.safe_load(word.partition("=")[2]) for word in words[-len(args) :]] == [
        yaml.safe_load(word.partition("=")[2]) for word in args
    ]
    if file.content["method"] == "grid":
        first = sweeps.next_run(sweeps.SweepConfig(yaml.safe_load(path.read_text())), []).config
        assert values == {key: each["value"] for key, each in first.items()}


def test_a_grid_has_as_many_points_as_combinations_unless_there_is_a_cap(write_sweep):
    assert read_sweep(write_sweep()).wanted(None) == 6
    assert read_sweep(write_sweep()).wanted(4) == 4
    assert read_sweep(write_sweep()).wanted(40) == 6
    assert read_sweep(write_sweep(run_cap=5)).wanted(None) == 5
    assert read_sweep(write_sweep(run_cap=5)).wanted(6) == 6
    assert read_sweep(write_sweep(parameters={"seed": {"min": 1, "max": 5000}})).wanted(None) == 5000


def test_what_has_no_end_needs_a_number_of_points(write_sweep):
    file = read_sweep(write_sweep(**RANDOM))
    assert file.wanted(7) == 7
    with pytest.raises(DataError, match=r"small.yaml: method random goes on for ever: give --points N, or run_cap"):
        file.wanted(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "gird"}, "method: 'gird' is not known; did you mean grid?"),
        ({"method": None}, "method: missing; there are grid, random, bayes"),
        ({"metric": None}, "metric: its name is missing"),
        ({"metric": {"name": "x", "goal": "up"}}, "metric.goal: 'up'; there are minimize and maximize"),
        ({"parameters": {}}, "parameters: empty; give at least one key"),
        ({"parameters": {"model.lr": {}}}, "parameters.model.lr: no values; give values"),
        ({"parameters": {"model.lr": {"values": []}}}, "parameters.model.lr: values: empty; a grid over nothing"),
        ({"parameters": {"model.lr": {"min": 2.0, "max": 1.0}}}, "model.lr: min 2.0 is not less than max 1.0"),
        ({"parameters": {"model.lr": {"min": 0.0, "max": 1.0}}}, "model.lr is a disallowed type with grid search"),
        (
            {"parameters": {"seed": {"min": 0, "max": 2**80}}},
            "parameters: a grid of 1.21e+24 points, of which 1000000 may",
        ),
        ({"parameters": {key: {"values": [*range(99)]} for key in "abcd"}}, "parameters: a grid of 9.61e+07 points"),
        ({"parameters": {"a": {"min": 0, "max": 9**9, "q": 2}}}, "a grid of 1.94e+08 points"),
        ({"run_cap": 0}, "run_cap: 0; expected a whole number from 1 on"),
        ({"early_terminate": {"type": "median"}}, "early_terminate: only {type: hyperband, ...} is known"),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate: min_iter or max_iter is missing"),
        ({"command": "melisma fit"}, "command: expected a list of words"),
        ({"command": ["melisma", "fit", "${argh}"]}, "command: ${argh} is not known; there are env, interpreter, args"),
        ({"command": ["${env}", "melisma", "validate"]}, "command: env melisma validate ... is no melisma fit"),
        ({"command": ["python", "train.py", "${args}"]}, "command: python train.py ... is no melisma fit"),
        ({"command": None}, "command: ${program} is not known"),
    ],
)
def test_a_mistake_is_one_line_with_the_file_and_the_key(write_sweep, changes, message):
    with pytest.raises(DataError) as raised:
        read_sweep(write_sweep(**changes))
    assert message in str(raised.value) and "small.yaml: " in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not valid YAML"), ("- a", "no sweep, but list"), (None, "cannot be read")],
)
def test_what_is_no_sweep_at_all_is_refused(tmp_path, text, message):
    path = tmp_path / "none.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=f"none.yaml.*: {message}"):
        read_sweep(path)


def test_only_what_varies_is_a_parameter_of_the_picture(write_sweep):
    parameters = {"a": {"values": [1, 2]}, "b": {"value": 3}, "c": {"values": [4]}, "d": {"min": 0, "max": 3}}
    assert read_sweep(write_sweep(parameters=parameters)).parameters == ["a", "d"]
