"""The command of a sweep file as words of `melisma fit`."""

import sys
from pathlib import Path

import pytest

from experiments.sweeping.command_line import CommandTemplate

VALUES = {"a.lr": 0.1, "a.kind": "wide", "a.on": True, "a.off": False, "a.none": None, "a.net": {"capacity": 4}}


def words(*command, values=VALUES):
    return CommandTemplate.of(list(command), Path("sweep.yaml")).of_point(values).words


def test_every_form_of_the_arguments_is_filled_in():
    assert words("melisma", "fit", "${args}") == [
        *("fit", "--a.lr=0.1", "--a.kind=wide", "--a.on=true", "--a.off=false", "--a.none=null"),
        '--a.net={"capacity": 4}',
    ]
    assert words("melisma", "fit", "${args_no_hyphens}")[1:3] == ["a.lr=0.1", "a.kind=wide"]
    assert words("melisma", "fit", "${args_no_equals}")[1:3] == ["--a.lr", "0.1"]
    assert words("melisma", "fit", "${args_no_boolean_flags}")[3:5] == ["--a.on", "--a.none=null"]
    assert words("melisma", "fit", "${args_json}", values={"a": [1]}) == ["fit", '{"a": [1]}']


@pytest.mark.parametrize(
    "beginning",
    [
        ["${env}", "melisma"], ["melisma"], ["/opt/bin/melisma"], ["${interpreter}", "-m", "experiments"],
        ["${env}", sys.executable, "-m", "experiments"],
    ],
)  # fmt: skip
def test_melisma_is_known_by_its_names(beginning):
    assert words(*beginning, "fit", "--config=x.yaml", values={}) == ["fit", "--config=x.yaml"]


def test_variables_are_set_and_read(monkeypatch):
    monkeypatch.setenv("MY_DATA", "there")
    template = CommandTemplate.of(
        ["${env}", "A=1", "B=x=y", "melisma", "fit", "--d=${envvar:MY_DATA}/${envvar:MY_NONE}"], Path("sweep.yaml")
    )
    command = template.of_point({})
    assert command.environment == {"A": "1", "B": "x=y"}
    assert command.words == ["fit", "--d=there/MY_NONE"]


def test_words_about_loggers_are_left_out_and_no_others():
    typed = [
        *("--trainer.logger.init_args.offline=false", "--trainer.logger", "WandbLogger", "--trainer.logger=false"),
        *("--trainer.logger.project", "mine", "--trainer.log_every_n_steps=1", "--x", "y", "--trainer.logger+=A"),
    ]
    assert words("melisma", "fit", *typed, values={}) == ["fit", "--trainer.log_every_n_steps=1", "--x", "y"]
