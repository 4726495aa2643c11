"""Figures that mir_eval does not have: harmonics, the sizes of errors, other tolerances."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.metrics import LOWER_IS_BETTER, Criteria, MelodyMetrics, evaluate_series, metric_names

ERRORS = ("gross_error_rate", "cents_error_median", "cents_error_90")


def hz(cents):
    return 10 * 2 ** (np.asarray(cents, dtype=float) / 1200)


def scored(reference, estimate, **criteria):
    """Through files' series; both begin at 0."""
    times = np.arange(len(reference)) * 0.01
    return evaluate_series(times, reference, times, estimate, criteria=Criteria(**criteria))


def while_training(reference, estimate, confidence, threshold=0.5, **criteria):
    metrics = MelodyMetrics(1, criteria=Criteria(**criteria))
    metrics.update(0, *(torch.as_tensor(np.asarray(a, dtype=float)) for a in (reference, estimate, confidence)))
    return {name: values.item() for name, values in metrics.compute().per_track(threshold).items()}


def test_raw_harmonic_accuracy_of_known_series():
    scores = scored([440.0] * 4, [430.0, 660.0, 890.0, 1760.0], harmonics=(3, 5))
    assert (scores["raw_harmonic_accuracy_3"], scores["raw_harmonic_accuracy_5"]) == (0.5, 0.75)


def test_harmonics_are_right_within_fifty_cents_above_and_below():
    off = np.array([1151, 1249, 1149, 1251])
    assert scored([220.0] * 4, 220 * 2 ** (off / 1200), harmonics=(2,))["raw_harmonic_accuracy_2"] == 0.5


def test_raw_harmonic_accuracy_does_not_ask_for_voicing_and_takes_what_is_far_below_for_the_first():
    scores = scored([440.0] * 4, [-1320.0, -440.0, 100.0, 0.0])
    assert [scores[f"raw_harmonic_accuracy_{n}"] for n in (2, 3, 4)] == [0.25, 0.5, 0.5]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(30, 2000), st.floats(-3000, 6000)), min_size=1, max_size=20), st.integers(2, 16))
def test_raw_harmonic_accuracy_is_its_definition(frames, number):
    reference = np.array([f0 for f0, _ in frames])
    estimate = reference * 2 ** (np.array([cents for _, cents in frames]) / 1200)
    nearest = np.clip(np.round(estimate / reference), 1, number)
    off = np.abs(1200 * np.log2(estimate / reference / nearest))
    scores = scored(reference, estimate, harmonics=(number,))
    if np.abs(off - 50).min() > 1e-6:
        assert scores[f"raw_harmonic_accuracy_{number}"] == pytest.approx(np.mean(off < 50))
    assert scores[f"raw_harmonic_accuracy_{number}"] >= scores["raw_pitch_accuracy"]


@settings(max_examples=100)
@given(st.lists(st.floats(-6000, 6000), min_size=1, max_size=40))
def test_cents_errors_are_numpys_quantiles_within_their_resolution(errors):
    reference = np.full(len(errors), 440.0)
    scores = scored(reference, reference * 2 ** (np.array(errors) / 1200))
    for name, share in (("cents_error_median", 0.5), ("cents_error_90", 0.9)):
        exact = np.quantile(np.abs(errors), share, method="inverted_cdf")
        assert abs(scores[name] - exact) <= max(0.25, 0.005 * exact) + 1e-6


def test_cents_errors_of_many_frames_are_numpys_quantiles():
    rng = np.random.default_rng(0)
    errors = np.concatenate([rng.normal(0, 8, 9000), rng.normal(0, 8, 900) + 1200, rng.uniform(-3000, 3000, 400)])
    scores = scored(np.full(len(errors), 220.0), 220.0 * 2 ** (errors / 1200))
    assert scores["cents_error_median"] == pytest.approx(np.quantile(np.abs(errors), 0.5), abs=0.3)
    assert scores["cents_error_90"] == pytest.approx(np.quantile(np.abs(errors), 0.9), rel=0.006)


def test_cents_errors_leave_out_unvoiced_frames_and_frames_without_a_guess_and_do_not_fold_octaves():
    reference, estimate = [440.0, 440.0, 440.0, 0.0], [-880.0, -880.0, 0.0, 440.0]
    assert scored(reference, estimate)["cents_error_median"] == pytest.approx(1200, rel=0.005)


def test_errors_beyond_ten_octaves_count_as_ten():
    assert scored([1.0], [1e6])["cents_error_median"] == pytest.approx(12_000, rel=0.01)


def test_a_gross_error_is_more_than_twenty_per_cent_in_frames_voiced_in_both():
    reference = [100.0] * 8 + [0.0]
    estimate = [100.0, 119.9, 80.1, 104.0, 120.1, 79.9, 200.0, -300.0, 300.0]
    assert scored(reference, estimate)["gross_error_rate"] == pytest.approx(3 / 7)


def test_gross_errors_follow_the_voicing_threshold():
    reference, estimate, confidence = [100.0] * 4, [100.0, 150.0, 50.5, 700.0], [0.9, 0.8, 0.4, 0.2]
    rates = [while_training(reference, estimate, confidence, k)["gross_error_rate"] for k in (0.1, 0.3, 0.5, 0.85)]
    assert rates == pytest.approx([3 / 4, 2 / 3, 1 / 2, 0])


@pytest.mark.parametrize(
    ("reference", "estimate", "undefined"),
    [
        ([0.0, -100.0], [100.0, 100.0], ERRORS),
        ([100.0, 100.0], [0.0, 0.0], ERRORS),
        ([100.0, 0.0], [-100.0, 100.0], ("gross_error_rate",)),
    ],
)
def test_errors_of_no_frames_are_undefined(reference, estimate, undefined):
    scores = scored(reference, estimate)
    assert {name for name in ERRORS if math.isnan(scores[name])} == set(undefined)


def test_the_plain_mean_leaves_undefined_errors_out_since_mir_eval_has_no_value_for_them():
    metrics = MelodyMetrics(2, plain_mean=True)
    metrics.update(0, *(torch.tensor([value], dtype=torch.float64) for value in (0.0, 100.0, 1.0)))
    metrics.update(1, *(torch.tensor([value], dtype=torch.float64) for value in (100.0, 200.0, 1.0)))
    means = metrics.compute().means(0.5)
    assert (means["gross_error_rate"], means["voicing_recall"], means["raw_harmonic_accuracy_2"]) == (1.0, 1.0, 0.5)
    assert means["cents_error_90"] == pytest.approx(1200, rel=0.005)


def test_training_and_files_have_the_same_figures():
    rng = np.random.default_rng(1)
    reference = rng.uniform(80, 900, 500) * (rng.random(500) < 0.6)
    estimate = np.where(reference > 0, reference, 200.0) * 2 ** (
        rng.choice([0.01, 0.03, 1.0], 500) * rng.normal(size=500)
    )
    estimate[::50] = 0
    voiced = rng.random(500) < 0.7
    options = {"tolerances": (75, 50, 12.5), "harmonics": (2, 7)}
    from_files = scored(reference, np.where(voiced, estimate, -estimate), **options)
    assert from_files == while_training(reference, estimate, voiced, **options)
    assert tuple(from_files) == metric_names(Criteria(**options))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(30, 2000), st.floats(-2500, 2500)), min_size=1, max_size=12),
    st.lists(st.floats(0.1, 300), max_size=4, unique=True),
)
def test_any_tolerances_in_any_order_are_those_of_their_names(frames, tolerances):
    tolerances = [each for each in tolerances if each != 50] + [50.0]
    reference = np.array([f0 for f0, _ in frames])
    estimate = reference * 2 ** (np.array([cents for _, cents in frames]) / 1200)
    scores = scored(reference, estimate, tolerances=tolerances)
    distance = np.abs(1200 * np.log2(reference / 10) - 1200 * np.log2(estimate / 10))
    folded = np.abs(distance - 1200 * np.floor(distance / 1200 + 0.5))
    for tolerance in tolerances:
        suffix = "" if tolerance == 50 else f"_{tolerance}".removesuffix(".0")
        assert scores[f"raw_pitch_accuracy{suffix}"] == pytest.approx(np.mean(distance < tolerance), abs=1e-9)
        assert scores[f"raw_chroma_accuracy{suffix}"] == pytest.approx(np.mean(folded < tolerance), abs=1e-9)
    assert scores["raw_chroma_accuracy"] >= scores["raw_pitch_accuracy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerances": (25, 10)}, "lacks 50"),
        ({"tolerances": (50, 0)}, "0 cents"),
        ({"tolerances": (50, 301)}, "301 cents"),
        ({"tolerances": (50, math.nan)}, "nan cents"),
        ({"tolerances": (50, 50.0)}, "twice"),
        ({"harmonics": (1,)}, "harmonics: 1"),
        ({"harmonics": (17,)}, "harmonics: 17"),
        ({"harmonics": (2.5,)}, "harmonics: 2.5"),
        ({"harmonics": (3, 3)}, "twice"),
    ],
)
def test_impossible_criteria_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Criteria(**options)


def test_the_metrics_of_which_less_is_better_are_metrics():
    assert set(metric_names()) > LOWER_IS_BETTER
