"""The printed table, on figures made by hand."""

from callbacks.run.score_table import score_lines


def test_a_row_for_each_metric_and_a_column_for_each_set():
    lines = score_lines({"val/a/loss": 0.25, "val/a/rpa": 1.0, "val/long_named/loss": 2.0})
    assert lines == [
        "             a  long_named",
        "loss  0.250000    2.000000",
        "rpa   1.000000            ",
    ]


def test_nothing_scored_is_no_error():
    assert score_lines({}) == [""]
