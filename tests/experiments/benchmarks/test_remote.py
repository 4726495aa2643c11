"""The benchmark of remote shards: its sides deliver the same windows, and its last line holds their ratios."""

import json

import pytest

from experiments.benchmarks import remote


@pytest.mark.long(seconds=20)
def test_every_side_delivers_and_the_last_line_names_each(capsys):
    remote.main(["--records", "20", "--rounds", "1", "--latency", "0.001"])
    *_, last = capsys.readouterr().out.splitlines()
    ratios = json.loads(last.removeprefix("RESULT "))
    assert set(ratios) == {
        *(f"{side} to folder" for side in (remote.URL, remote.WORKERS, remote.SINGLY, remote.CACHED)),
        "URL to URL, one by one",
    }
    assert all(ratio > 0 for ratio in ratios.values())
