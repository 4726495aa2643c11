"""The plans of an epoch, without any audio."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.windows.plan import EvaluationPlan, TrainingPlan, deal_tracks

counts = st.lists(st.integers(0, 40), min_size=1, max_size=30)


def sequence(plan: TrainingPlan, records: int) -> list[tuple[int, int]]:
    """Every place of the plan as (record, number of the window in it), read place by place."""
    result = []
    for place in range(plan.total):
        stream, within = place % plan.streams, place // plan.streams
        group = plan.group(stream, plan.group_of(stream, within))
        at = within - group.first
        record = int(group.records[group.slot[at]])
        assert 0 <= record < records
        result.append((record, int(group.number[at])))
    return result


@settings(max_examples=40, deadline=None)
@given(counts, st.integers(1, 5), st.integers(1, 4))
def test_the_sequence_holds_every_window_exactly_once(windows, streams, group):
    plan = TrainingPlan(np.array(windows), seed=1, epoch=0, streams=streams, group=group)
    expected = {(record, number) for record, n in enumerate(windows) for number in range(n)}
    got = sequence(plan, len(windows))
    assert len(got) == len(expected) and set(got) == expected


def test_another_epoch_and_another_seed_give_another_order():
    def order(seed, epoch):
        return sequence(TrainingPlan(np.full(12, 20), seed, epoch, streams=4, group=2), 12)

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_few_consecutive_windows_come_from_many_streams_and_records():
    plan = TrainingPlan(np.full(64, 100), seed=0, epoch=0, streams=8, group=4)
    records = [record for record, _ in sequence(plan, 64)]
    distinct = [len(set(records[at : at + 8])) for at in range(0, len(records) - 8, 8)]
    assert min(distinct) >= 6, "eight streams in turn can share a record only where it was cut between two of them"


def test_streams_do_not_all_need_their_next_records_at_once():
    plan = TrainingPlan(np.full(320, 10), seed=0, epoch=0, streams=8, group=8)
    first_ends = {plan.group_end(stream, 0) for stream in range(8)}
    assert len(first_ends) == 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.integers(1, 8), st.integers(1, 200))
def test_evaluation_gives_every_frame_once_and_every_rank_as_many_batches(frames, ranks, chunk):
    plans = [EvaluationPlan(np.array(frames), rank, ranks, chunk) for rank in range(ranks)]
    assert len({len(plan) for plan in plans}) == 1
    seen = [(c.track, t) for plan in plans for c in plan if c.track >= 0 for t in range(c.start, c.start + c.frames)]
    assert sorted(seen) == [(track, t) for track, n in enumerate(frames) for t in range(n)]
    for plan in plans:
        lasts = [chunk.track for chunk in plan if chunk.last]
        assert len(lasts) == len(set(lasts)), "a track ends once"


def test_tracks_are_dealt_by_length():
    load = [
        sum([900, 500, 400, 100, 50][t] for t in tracks)
        for tracks in deal_tracks(np.array([900, 500, 400, 100, 50]), 2)
    ]
    assert sorted(load) == [950, 1000]


def test_an_empty_stream_is_no_error():
    plan = TrainingPlan(np.array([0, 3, 0]), seed=0, epoch=0, streams=8, group=2)
    assert plan.total == 3
    assert len(set(sequence(plan, 3))) == 3


@pytest.mark.parametrize("streams", [1, 3, 32])
def test_groups_cover_their_stream(streams):
    plan = TrainingPlan(np.arange(50), seed=3, epoch=2, streams=streams, group=4)
    for stream in range(streams):
        assert plan.groups[stream][0] == plan.low[stream]
        assert plan.groups[stream][-1] == plan.high[stream]
        assert (np.diff(plan.groups[stream]) >= 0).all()
