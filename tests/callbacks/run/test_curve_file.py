"""What is read of curves: also half-written, damaged, and of runs that were resumed again and again."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks.run.curve_file import read_curves
from datamodules.errors import DataError

START = {"event": "fit", "step": 0, "epoch": 0, "max_steps": 100, "max_epochs": None, "batches": 4}


def point(step, **metrics):
    named = {name.replace("_", "/"): value for name, value in metrics.items()}
    return {"step": step, "epoch": step // 4, "seconds": step / 8, "metrics": named}


def text(*lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "curves.jsonl"


def test_series_are_found_by_name(path):
    first, second = point(2, train_loss=0.5, lr=0.1), point(4, train_loss=None, lr=0.05)
    path.write_text(text(START, first, second, point(4, val_a=0.75)))
    curves = read_curves(path)
    assert curves.names == ["train/loss", "lr", "val/a"]
    steps, losses = curves.series("train/loss")
    assert steps.tolist() == [2, 4] and losses[0] == 0.5 and math.isnan(losses[1])
    assert [array.tolist() for array in curves.series("val/a")] == [[4], [0.75]]
    assert [array.tolist() for array in curves.series("absent")] == [[], []]
    assert curves.starts[0]._asdict() == {name: value for name, value in START.items() if name != "event"}
    assert [(each.epoch, each.seconds) for each in curves.points] == [(0, 0.25), (1, 0.5), (1, 0.5)]


def test_the_end_is_that_of_the_latest_fit(path):
    failed = {"event": "exception", "step": 2, "epoch": 0, "seconds": 1.0, "type": "OSError"}
    lines = [START, failed, {**START, "step": 2}, {"event": "end", "step": 4, "epoch": 1, "seconds": 2.0}]
    found = []
    for count in range(1, 5):
        path.write_text(text(*lines[:count]))
        curves = read_curves(path)
        found.append((curves.finished, curves.exception))
    assert found == [(False, None), (False, "OSError"), (False, None), (True, None)]


def test_an_unfinished_last_line_is_ignored(path):
    whole = text(START, point(2, lr=0.1), point(4, lr=0.2))
    for length in range(len(whole) + 1):
        path.write_text(whole[:length])
        assert len(read_curves(path).points) == max(whole[:length].count("\n") - 1, 0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "no JSON"),
        ('{"step": 1', "no JSON"),
        ("[1]", ""),
        ("3", ""),
        ('{"epoch": 1}', "no 'step'"),
        (json.dumps({**START, "step": 1.5}), "1.5 is no whole number"),
        (json.dumps({**START, "event": "began"}), "event: 'began'"),
        (json.dumps({"event": "fit", "step": 1, "epoch": 1}), "no 'max_steps'"),
        (json.dumps({"event": "exception", "step": 1, "epoch": 1}), "no 'type'"),
        (json.dumps({**point(2), "metrics": [1]}), ""),
        (json.dumps(point(2, lr="much")), "could not convert"),
        (json.dumps(point(2, lr=[1])), ""),
    ],
)
def test_a_damaged_line_is_named(path, line, said):
    path.write_text(text(START) + line + "\n" + text(point(4, lr=0.1)))
    with pytest.raises(DataError, match=rf"curves\.jsonl, line 2: damaged \(.*{said}.*\); delete the line"):
        read_curves(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(DataError, match=r"curves\.jsonl: cannot be read: No such file or directory; a fit writes it"):
        read_curves(path)


def of_fit(first, end, mark):
    """The lines of a fit that validates after every fourth step; the loss says which fit logged it."""
    yield {**START, "step": first}
    for step in range(first + 1, end + 1):
        yield point(step, train_loss=mark, lr=0.1)
        if step % 4 == 0:
            yield point(step, val_a=mark)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_what_was_made_again_replaces_what_was_there(path, data):
    lines, end, losses, scores = [], 0, {}, {}
    for mark in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, end))
        end = first + data.draw(st.integers(0, 9))
        lines += of_fit(first, end, mark)
        losses = {step: value for step, value in losses.items() if step <= first}
        losses |= dict.fromkeys(range(first + 1, end + 1), mark)
        scores = {step: value for step, value in scores.items() if step <= first}
        scores |= {step: mark for step in range(first + 1, end + 1) if step % 4 == 0}
    path.write_text(text(*lines))
    curves = read_curves(path)
    for name, expected in (("train/loss", losses), ("lr", dict.fromkeys(losses, 0.1)), ("val/a", scores)):
        steps, values = curves.series(name)
        assert dict(zip(steps.tolist(), values.tolist(), strict=True)) == expected and len(steps) == len(expected)
    assert [each.step for each in curves.points] == sorted(each.step for each in curves.points)
    assert all(start.step <= end for start in curves.starts)


def test_a_validation_that_is_made_again_at_its_step_replaces_the_first(path):
    resumed = {**START, "step": 4}
    path.write_text(text(START, point(4, lr=0.1), point(4, val_a=0.5), resumed, point(4, val_a=0.75)))
    curves = read_curves(path)
    assert [each.metrics for each in curves.points] == [{"lr": 0.1}, {"val/a": 0.75}]
    assert [start.step for start in curves.starts] == [0, 4]


def test_without_a_beginning_a_line_still_ends_what_is_later(path):
    path.write_text(text(START, point(2, lr=0.1), point(4, lr=0.2), point(3, lr=0.3)))
    assert read_curves(path).series("lr")[0].tolist() == [2, 3]
