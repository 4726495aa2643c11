"""Multi-pitch metrics against mir_eval, at every threshold, and their state."""

import math
import warnings

import mir_eval
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.utilities import dim_zero_sum

from lightning_modules.metrics import MULTI_PITCH_METRICS, MultiPitchMetrics

THEIRS = [
    f"{chroma}{name}"
    for chroma in ("", "Chroma ")
    for name in ("Precision", "Recall", "Accuracy", "Substitution Error", "Miss Error", "False Alarm Error",
                 "Total Error")
]  # fmt: skip
# Equal pitches, octaves, fifths of a semitone and distances right at half a semitone are frequent, chance is not.
pitch = st.one_of(
    st.integers(-60, 60).map(lambda step: 440 * 2 ** (step / 24)),
    st.integers(-4, 3).map(lambda octave: 440.0 * 2**octave),
    st.floats(21, 4900),
)
confidence = st.one_of(st.integers(0, 100).map(lambda hundredth: hundredth / 100), st.floats(0, 1))
frame = st.tuples(st.lists(pitch, max_size=5), st.lists(st.tuples(pitch, confidence), max_size=6))
tracks = st.lists(st.lists(frame, min_size=1, max_size=6), min_size=1, max_size=3)


def padded(rows):
    table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.float64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = torch.tensor(row, dtype=torch.float64)
    return table


def arrays(track):
    """Reference, estimate and confidence."""
    estimate, voicing = (padded([[pair[place] for pair in guess] for _, guess in track]) for place in (0, 1))
    return padded([true for true, _ in track]), estimate, voicing


def by_mir_eval(track, threshold):
    times = np.arange(len(track)) * 0.01
    true = [np.array(row) for row, _ in track]
    guess = [np.array([f0 for f0, voicing in row if voicing > threshold]) for _, row in track]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all are empty
        found = mir_eval.multipitch.evaluate(times, true, times, guess)
    return [found[name] for name in THEIRS]


def scores_of(*given, **options):
    metrics = MultiPitchMetrics(len(given), **options)
    for place, track in enumerate(given):
        metrics.update(place, *arrays(track))
    return metrics.compute()


@given(tracks, st.sampled_from([0, 1, 25, 50, 75, 99]))
def test_every_metric_of_every_track_equals_mir_eval(made, hundredth):
    threshold = hundredth / 100
    scores = scores_of(*made, plain_mean=True)
    expected = np.array([by_mir_eval(track, threshold) for track in made])
    found = np.array([scores.per_track(threshold)[name].numpy() for name in MULTI_PITCH_METRICS]).T
    np.testing.assert_allclose(np.nan_to_num(found), expected, rtol=0, atol=1e-9)
    means = scores.means(threshold)
    np.testing.assert_allclose([means[name] for name in MULTI_PITCH_METRICS], expected.mean(axis=0), rtol=0, atol=1e-9)


@given(tracks)
def test_the_best_threshold_has_the_greatest_accuracy(made):
    scores = scores_of(*made)
    accuracies = [scores.per_track(number / 100)["accuracy"].nan_to_num(1.0).mean().item() for number in range(100)]
    best = scores.best_threshold()
    assert accuracies[round(100 * best)] == pytest.approx(max(accuracies), abs=1e-12)
    assert max(accuracies[: round(100 * best)], default=-1.0) < max(accuracies)


def test_what_is_undefined_is_left_out_and_counted():
    silent, unheard, heard = ([([], [])], [([440.0], [])], [([440.0], [(440.0, 0.9)])])
    scores = scores_of(silent, unheard, heard)
    assert scores.undefined(0.5)["precision"] == 2
    assert scores.undefined(0.5)["recall"] == scores.undefined(0.5)["accuracy"] == 1
    means = scores.means(0.5)
    assert (means["precision"], means["recall"], means["accuracy"]) == (1.0, 0.5, 0.5)
    assert math.isnan(scores.per_track(0.5)["total_error"][0])


def test_an_estimate_counts_where_its_confidence_exceeds_the_threshold_in_double_precision():
    track = [([440.0], [(440.0, 0.5)])]
    scores = scores_of(track)
    assert scores.per_track(0.49)["recall"][0] == 1
    assert scores.per_track(0.5)["recall"][0] == 0


def random_track(seed, frames=60):
    rng = np.random.default_rng(seed)
    reference, estimate = (220 * 2 ** rng.uniform(0, 1, (frames, size)) for size in (3, 5))
    reference[rng.random(reference.shape) < 0.4] = 0
    estimate[rng.random(estimate.shape) < 0.3] = 0
    return tuple(torch.from_numpy(each) for each in (reference, estimate, rng.random(estimate.shape)))


def test_parts_and_processes_add_up_and_the_state_stays_double():
    track = random_track(1)
    whole, first, second = (MultiPitchMetrics(2) for _ in range(3))
    whole.update(1, *track)
    first.update(1, *(each[:25] for each in track))
    second.half()
    second.update(1, *(each[25:] for each in track))
    for state in ("frames", "references", "estimates"):
        summed = getattr(first, state) + getattr(second, state)
        assert summed.dtype == torch.float64 and torch.equal(summed, getattr(whole, state))
    assert whole.state_dict() == {} and set(whole._reductions.values()) == {dim_zero_sum}
    assert whole.compute().per_track(0.3)["recall"].isnan().tolist() == [True, False]


def test_the_number_of_columns_of_a_part_may_differ():
    reference, estimate, voicing = random_track(2)
    wide, narrow = MultiPitchMetrics(1), MultiPitchMetrics(1)
    wide.update(0, reference, estimate, voicing)
    narrow.update(0, reference[:10], estimate[:10], voicing[:10])
    beyond = torch.zeros(50, 2)
    narrow.update(0, *(torch.cat([each[10:], beyond], 1) for each in (reference, estimate, voicing)))
    assert narrow.compute().means(0.5) == pytest.approx(wide.compute().means(0.5))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5,), (5, 2), (5, 2)), "are not series"),
        (((5, 2), (4, 2), (4, 2)), "are not series"),
        (((5, 2), (5, 2), (5, 3)), "are not series"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_by_name(shapes, message):
    with pytest.raises(ValueError, match=rf"track 0: reference .*{message}"):
        MultiPitchMetrics(1).update(0, *(torch.zeros(shape) for shape in shapes))


def test_a_value_that_is_not_finite_is_refused_by_name():
    with pytest.raises(ValueError, match="track 0: estimate has a value that is not finite"):
        MultiPitchMetrics(1).update(0, torch.ones(1, 1), torch.full((1, 1), math.nan), torch.ones(1, 1))
