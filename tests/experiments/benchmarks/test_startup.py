"""The benchmark of start-up: what it measures, and that a failing command is not taken for a fast one."""

import pytest

from datamodules.errors import DataError
from experiments.benchmarks.startup import HERE, Start, commands, measure, median, start, table


@pytest.mark.long
def test_every_command_that_reads_data_runs_on_the_data_made_for_it(tmp_path):
    words = commands(tmp_path)
    for command in ("inspect", "verify", "evaluate"):
        assert start(HERE, words[command]).seconds > 0


def test_time_and_memory_are_those_of_the_process_and_not_of_the_one_that_measures():
    (command, sides), *others = measure({"--help": ["--help"]}, {"here": HERE, "again": HERE}, 2).items()
    assert (command, list(sides), others) == ("--help", ["here", "again"], [])
    for one in [*sides["here"], *sides["again"]]:
        assert 0 < one.seconds < 3 and 5 < one.mebibytes < 100  # this process has loaded torch


def test_a_command_that_fails_is_refused_with_what_it_said(tmp_path):
    with pytest.raises(DataError, match=r"(?s)melisma inspect .* failed:.*no dataset\.json"):
        start(HERE, ["inspect", str(tmp_path)])


def test_the_table_shows_medians():
    starts = [Start(0.1, 10.2), Start(0.304, 30.0), Start(0.2, 20.0)]
    assert median(starts) == Start(0.2, 20)
    assert "0.20    0.10 to 0.30      20" in table({"--help": {"here": starts}})
