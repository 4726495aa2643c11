"""The benchmark of reports, made small."""

import json

import pytest

from experiments.benchmarks import report


@pytest.mark.long
@pytest.mark.browser
def test_the_last_line_holds_both_times_and_the_size(capsys):
    report.main(["--tracks=3", "--seconds=11", "--runs=1"])
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    result = json.loads(last.removeprefix("RESULT "))
    assert last.startswith("RESULT ") and result["baseline"] == "plotly.js" and result["tracks"] == 3
    assert result["ratio"] == pytest.approx(result["seconds"] / result["baseline_seconds"])
    assert 0 < result["baseline_seconds"] < 60 and 5 < result["megabytes"] < 7
