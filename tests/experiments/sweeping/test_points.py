"""The journal of a point."""

import pytest

from datamodules import DataError
from experiments.sweeping.points import add_point, read_point, read_points


@pytest.fixture
def folder(tmp_path):
    add_point(tmp_path, 3, {"lr": 0.1}, None)
    return tmp_path / "p0003"


def test_a_point_that_was_only_proposed_is_waiting(folder):
    point = read_point(folder)
    assert (point.name, point.number, point.values, point.attempts) == ("p0003", 3, {"lr": 0.1}, 0)
    assert point.status(repeats=0) == "waiting"


@pytest.mark.parametrize(
    ("outcomes", "repeats", "status"),
    [
        (["finished"], 0, "finished"),
        (["failed", "finished"], 1, "finished"),
        (["interrupted"], 0, "waiting"),
        (["stopped early"], 0, "stopped early"),
        (["failed"], 0, "failed"),
        (["failed"], 1, "waiting"),
        (["failed", "interrupted", "failed"], 1, "failed"),
        (["failed", "failed"], 2, "waiting"),
    ],
)
def test_what_ends_a_point_for_good(folder, outcomes, repeats, status):
    for outcome in outcomes:
        read_point(folder).journal(event="began")
        read_point(folder).journal(event="ended", outcome=outcome, code=1)
    point = read_point(folder)
    assert point.status(repeats) == status
    assert point.attempts == len(outcomes) and point.failures == outcomes.count("failed") and point.code == 1


def test_a_journal_cut_in_mid_line_is_read_up_to_there_and_gone_on_with(folder):
    point = read_point(folder)
    point.journal(event="began")
    point.journal(event="ended", outcome="finished", code=0)
    path = folder / "point.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert read_point(folder).attempts == 1 and read_point(folder).status(0) == "waiting"
    point.journal(event="began")
    assert read_point(folder).attempts == 2 and path.read_text().count("\n") == 3


def test_a_damaged_journal_is_named(folder):
    (folder / "point.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"p0003/point.jsonl: damaged .+; remove .+p0003, and the point is made again"):
        read_point(folder)


def test_points_come_in_their_order_and_other_folders_are_none(tmp_path):
    for number in (10_000, 2, 9999):
        add_point(tmp_path, number, {}, None)
    (tmp_path / "claims").mkdir()
    (tmp_path / "p0001").mkdir()  # a worker died before it could propose
    assert [point.name for point in read_points(tmp_path)] == ["p0002", "p9999", "p10000"]
