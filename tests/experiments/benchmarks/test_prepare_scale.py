"""The benchmark of preparing many recordings runs, and measures all of its parts."""

import json

import pytest

from experiments.benchmarks import prepare_scale


@pytest.mark.long(seconds=20)
def test_it_measures_every_part_on_a_small_set(tmp_path, capsys):
    prepare_scale.main(
        ["--recordings", "3000", "4000", "--most-shared", "3000", "--files", "20", f"--folder={tmp_path}"]
    )
    *table, result = capsys.readouterr().out.splitlines()
    assert sum("recordings" in line for line in table) == 6
    found = json.loads(result.removeprefix("RESULT "))
    measured = {part: list(rates) for part, rates in found["seconds_per_1000"].items()}
    assert measured == {
        **{"from nothing": ["3000", "4000"], "after a kill": ["3000", "4000"]},
        **{"one of eight": ["3000"], "audio files": ["20"]},
    }
    assert set(found["growth_of_it"]) == {"from nothing", "after a kill"}
    assert not list(tmp_path.iterdir())
