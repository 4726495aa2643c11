import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from experiments.studies.study import PublishedFinding
from experiments.studies.verdicts import interval, judge

A_SONG_EACH = np.array([0.1, 0.4, 0.7, 0.3])


def finding(**stated):
    return PublishedFinding("claim", "published", "songs/accuracy", **stated)


def students(means):
    mean, error = np.mean(means), stats.sem(means)
    half = stats.t.ppf(0.975, len(means) - 1) * error
    return mean, mean - half, mean + half


@pytest.mark.parametrize("axis", [0, 1], ids=["seeds", "units"])
def test_where_one_of_both_varies_the_interval_is_students(axis):
    values = np.broadcast_to(np.expand_dims(A_SONG_EACH, 1 - axis), (4, 3) if axis == 0 else (3, 4))
    found = interval(values)
    assert (found.mean, found.low, found.high) == pytest.approx(students(A_SONG_EACH))


def test_the_interval_of_whole_runs_is_that_of_seeds():
    found = interval(A_SONG_EACH[:, None])
    assert (found.mean, found.low, found.high) == pytest.approx(students(A_SONG_EACH))


def test_what_never_varies_is_known():
    found = interval(np.full((3, 5), 0.25))
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_units_that_are_undefined_for_a_seed_are_left_out():
    values = np.array([[0.1, 0.5, np.nan], [0.2, 0.6, 0.9]])
    assert interval(values) == interval(values[:, :2])
    assert np.isnan(interval(np.full((2, 2), np.nan)).mean)


@pytest.mark.parametrize(("seeds", "units", "spread"), [(3, 10, (0.05, 0.1)), (2, 30, (0.0, 0.2)), (3, 4, (0.1, 0.02))])
def test_it_holds_the_true_mean_as_often_as_it_says(seeds, units, spread):
    """At least 93 % of studies with seeds and units drawn at random; more is wasteful, not wrong."""
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        of_seed, of_unit = draw.normal(0, spread[0], (seeds, 1)), draw.normal(0, spread[1], (1, units))
        found = interval(1.0 + of_seed + of_unit + draw.normal(0, 0.05, (seeds, units)))
        held += found.low <= 1.0 <= found.high
    assert held / 2000 > 0.93


# Differences of .1 with little spread, of either sign; and of 0 with much.
LOW = np.array([[0.3, 0.5, 0.4], [0.31, 0.49, 0.41]])
HIGH = LOW + 0.1 + np.array([[0.001, -0.001, 0.0], [0.0, 0.001, -0.001]])
VAGUE = LOW + np.array([[0.4, -0.3, 0.1], [0.3, -0.4, 0.0]])
RUNS = {"low": LOW, "high": HIGH, "vague": VAGUE, "same": LOW + 1e-4 * np.array([[1, -1, 0], [0, 1, -1]])}


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        ({"order": ["low", "high"]}, "holds"),
        ({"order": ["high", "low"]}, "does not hold"),
        ({"order": ["low", "same"]}, "does not hold"),  # a difference that matters is ruled out
        ({"order": ["low", "vague"]}, "undecided"),
        ({"order": ["high", "low"], "falling": True}, "holds"),
        ({"order": ["low", "high"], "falling": True}, "does not hold"),
        ({"order": ["low", "high", "same"]}, "does not hold"),
        ({"order": ["low", "high", "vague"]}, "undecided"),
        ({"alike": ["low", "same"]}, "holds"),
        ({"alike": ["low", "high"]}, "does not hold"),
        ({"alike": ["low", "high"], "margin": 0.2}, "holds"),
        ({"alike": ["low", "vague"]}, "undecided"),
        ({"alike": ["low", "same", "high"]}, "does not hold"),
        ({"under": ["low"], "limit": 0.9}, "holds"),
        ({"under": ["low"], "limit": 0.1}, "does not hold"),
        ({"under": ["low"], "limit": 0.45}, "undecided"),
        ({"over": ["low", "high"], "limit": 0.05}, "holds"),
        ({"over": ["low", "high"], "limit": 0.95}, "does not hold"),
    ],
)
def test_the_rule(stated, verdict):
    assert judge(finding(**stated), RUNS).verdict == verdict


def test_a_judgement_names_its_pairs_and_the_figure_of_every_run():
    found = judge(finding(order=["low", "high", "vague"]), RUNS)
    assert [each.runs for each in found.comparisons] == [("low", "high"), ("high", "vague")]
    assert [each.verdict for each in found.comparisons] == ["holds", "undecided"]
    assert found.comparisons[0].interval.mean == pytest.approx((HIGH - LOW).mean())
    assert {run: each.mean for run, each in found.figures.items()} == pytest.approx(
        {run: RUNS[run].mean() for run in ("low", "high", "vague")}
    )


@given(arrays(np.float64, (2, 3, 4), elements=st.floats(0, 1)))
def test_an_order_and_its_reverse_never_both_hold(values):
    runs = {"one": values[0], "other": values[1]}
    verdicts = [judge(finding(order=order), runs).verdict for order in (["one", "other"], ["other", "one"])]
    assert verdicts.count("holds") < 2
    if "holds" in verdicts:
        assert verdicts.count("does not hold") == 1
