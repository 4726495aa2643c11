"""The compiled counts of outcomes: those of NumPy, at the edges of outcomes to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.metrics.melody.counts import Criteria, PitchFrames, cents, outcome_counts, outcome_counts_of_f0

EDGES = [0.0, 10.0, 25.0, 50.0, 300.0, 1150.0, 1200.0, 1250.0, 2400.0, -386.3137, 315.6413, 600.0, 1800.0]
PITCHES = st.one_of(st.sampled_from([0.0, 10.0, 20.0, 440.0, -440.0, 1e-300, 1e300]), st.floats(1, 1e5))


def both(reference, estimate, level, levels, criteria):
    frames = PitchFrames(reference > 0, cents(reference), estimate > 0, cents(estimate))
    return (
        outcome_counts_of_f0(reference, estimate, level, levels, criteria),
        outcome_counts(frames, level, levels, criteria),
    )


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(PITCHES, st.sampled_from([1.0, -1.0]), st.sampled_from(EDGES), st.integers(-3, 3)),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([Criteria(), Criteria((50.0,), ()), Criteria((300.0, 50.0, 10.0))]),
)
def test_errors_at_the_edge_of_an_outcome_fall_to_the_same_side(frames, criteria):
    """An estimate is a reference shifted by an edge, and then by some units in the last place."""
    reference = np.array([pitch for pitch, *_ in frames])
    estimate = np.array([pitch * 2 ** (sign * edge / 1200) for pitch, sign, edge, _ in frames])
    for _, _, _, units in frames:
        estimate = np.where((units > 0) & (estimate != 0), np.nextafter(estimate, np.inf), estimate)
    estimate = np.nan_to_num(estimate, posinf=1e300)
    ours, theirs = both(reference, estimate, estimate > 0, 2, criteria)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("frames", [1, 511, 512, 513, 3000])
def test_frames_of_any_number_and_levels_are_counted(frames):
    rng = np.random.default_rng(frames)
    reference = rng.choice([0.0, 110.0, 220.0], frames) * 2 ** rng.normal(0, 0.01, frames)
    estimate = reference * rng.choice([1.0, 2.0, 0.5, 1.3, 0.0, -1.0], frames) * 2 ** rng.normal(0, 0.02, frames)
    level = rng.integers(0, 101, frames) * (estimate != 0)
    ours, theirs = both(reference, estimate, level, 101, Criteria())
    assert np.array_equal(ours, theirs) and ours.sum() == frames


def test_views_are_counted_as_copies_are():
    reference, estimate = np.random.default_rng(0).uniform(100, 110, (2, 500))
    whole = outcome_counts_of_f0(reference[::2].copy(), estimate[::-2].copy(), estimate[::-2] > 0, 2, Criteria())
    assert np.array_equal(
        whole, outcome_counts_of_f0(reference[::2], estimate[::-2], estimate[::-2] > 0, 2, Criteria())
    )


@pytest.mark.parametrize(("level", "levels"), [([0, 3], 3), ([-1, 0], 3), ([0, 0], 300)])
def test_levels_that_do_not_fit_are_refused(level, levels):
    with pytest.raises(ValueError, match="level: from"):
        outcome_counts_of_f0(np.full(2, 220.0), np.full(2, 220.0), np.array(level), levels, Criteria())
