import math
import warnings

import mir_eval
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.metrics import MELODY_METRICS, MelodyMetrics, metric_names

MIR_EVAL = {
    "voicing_recall": "Voicing Recall",
    "voicing_false_alarm": "Voicing False Alarm",
    "raw_pitch_accuracy": "Raw Pitch Accuracy",
    "raw_chroma_accuracy": "Raw Chroma Accuracy",
    "overall_accuracy": "Overall Accuracy",
}
UNDEFINED_IN_MIR_EVAL = {"voicing_recall": 1.0}

k_hundredths = st.integers(0, 100).map(lambda k: k / 100)
pitches = st.floats(30, 2000, width=32)
confidences = st.one_of(
    st.floats(0, 1, width=32),
    k_hundredths,
    k_hundredths.map(lambda c: math.nextafter(c, 2)),
    k_hundredths.map(np.float32),
)
cents_off = st.one_of(
    st.floats(-60, 60), st.sampled_from([-2400, -1200, 1200]).map(lambda c: c + 7), st.floats(-3000, 3000)
)


@st.composite
def series(draw, voiced=None):
    """Reference, estimate (Hz, float32) and confidence of a few frames."""
    if voiced is None:
        voiced = draw(st.sampled_from([st.just(True), st.just(False), st.booleans()]))
    frames = draw(st.lists(st.tuples(voiced, pitches, cents_off, st.booleans(), confidences), min_size=1, max_size=12))
    reference = [hz if is_voiced else draw(st.sampled_from([0.0, -hz])) for is_voiced, hz, *_ in frames]
    estimate = [hz * 2 ** (cents / 1200) * (guessed or cents > 0) for _, hz, cents, guessed, _ in frames]
    return (
        np.array(reference, np.float32).astype(float),
        np.array(estimate, np.float32).astype(float),
        np.array([float(c) for *_, c in frames]),
    )


def scored(*tracks, plain_mean=False):
    metrics = MelodyMetrics(len(tracks), plain_mean=plain_mean)
    for number, arrays in enumerate(tracks):
        metrics.update(number, *(torch.as_tensor(np.asarray(a)) for a in arrays))
    return metrics.compute()


def by_mir_eval(reference, estimate, confidence, threshold):
    """What mir_eval says of estimates that are negative where unvoiced, and what can be built from its parts."""
    times = np.arange(len(reference)) * 0.01
    signed = np.where(confidence > threshold, estimate, -estimate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = mir_eval.melody.evaluate(times, reference, times, signed)
        series = mir_eval.melody.to_cent_voicing(times, reference, times, signed)
        result = {ours: float(scores[theirs]) for ours, theirs in MIR_EVAL.items()}
        for tolerance in (25, 10):
            for name in ("raw_pitch_accuracy", "raw_chroma_accuracy"):
                measure = getattr(mir_eval.melody, name)
                result[f"{name}_{tolerance}"] = float(measure(*series, cent_tolerance=tolerance))
        ref_voicing, ref_cent, est_voicing, est_cent = series
        octaves = 1200 * np.floor((est_cent - ref_cent) / 1200 + 0.5) * (est_cent != 0) * (ref_cent != 0)
        result["overall_chroma_accuracy"] = float(
            mir_eval.melody.overall_accuracy(ref_voicing, ref_cent, est_voicing, est_cent - octaves)
        )
        result["voicing_accuracy"] = float(np.mean(ref_voicing == est_voicing))
    return result


def with_mir_eval_values(name, value):
    return UNDEFINED_IN_MIR_EVAL.get(name, 0.0) if math.isnan(value) else value


@settings(max_examples=150)
@given(series(), st.integers(0, 99).map(lambda k: k / 100))
def test_every_metric_of_a_track_equals_mir_eval(track, threshold):
    ours = {name: values.item() for name, values in scored(track).per_track(threshold).items()}
    expected = by_mir_eval(*track, threshold)
    assert tuple(ours) == metric_names() and set(expected) == set(MELODY_METRICS)
    for name in expected:
        assert with_mir_eval_values(name, ours[name]) == pytest.approx(expected[name], abs=1e-9), name


@settings(max_examples=40)
@given(st.lists(series(), min_size=1, max_size=4))
def test_the_plain_mean_equals_mir_eval(tracks):
    means = scored(*tracks, plain_mean=True).means(0.5)
    expected = [by_mir_eval(*track, 0.5) for track in tracks]
    for name in MELODY_METRICS:
        assert means[name] == pytest.approx(np.mean([each[name] for each in expected]), abs=1e-9), name


@settings(max_examples=40)
@given(st.lists(series(), min_size=1, max_size=4))
def test_the_mean_leaves_out_undefined_tracks_and_counts_them(tracks):
    scores = scored(*tracks)
    means, undefined = scores.means(0.3), scores.undefined(0.3)
    expected = [by_mir_eval(*track, 0.3) for track in tracks]
    on = [bool((reference > 0).any()) for reference, _, _ in tracks]
    off = [bool((reference <= 0).any()) for reference, _, _ in tracks]
    for name in MELODY_METRICS:
        kept = on if name.startswith("raw") or name == "voicing_recall" else [True] * len(tracks)
        kept = off if name == "voicing_false_alarm" else kept
        defined = [each[name] for each, keep in zip(expected, kept, strict=True) if keep]
        assert undefined[name] == len(tracks) - len(defined), name
        assert means[name] == pytest.approx(np.mean(defined) if defined else math.nan, abs=1e-9, nan_ok=True), name


@settings(max_examples=60)
@given(series(voiced=st.booleans()), st.integers(0, 99).map(lambda k: k / 100))
def test_chroma_is_never_worse_than_pitch_nor_a_wide_tolerance_than_a_narrow_one(track, threshold):
    values = {name: v.nan_to_num(0).item() for name, v in scored(track).per_track(threshold).items()}
    for tolerance in ("", "_25", "_10"):
        assert values[f"raw_chroma_accuracy{tolerance}"] >= values[f"raw_pitch_accuracy{tolerance}"]
    assert values["overall_chroma_accuracy"] >= values["overall_accuracy"]
    for name in ("raw_pitch_accuracy", "raw_chroma_accuracy"):
        assert values[name] >= values[f"{name}_25"] >= values[f"{name}_10"]


def hz(cents):
    return [10 * 2 ** (c / 1200) if c else 0.0 for c in cents]


def one_track(reference, estimate, confidence=None, threshold=0.5):
    confidence = [float(e > 0) for e in estimate] if confidence is None else confidence
    return {
        name: values.item() for name, values in scored((reference, estimate, confidence)).per_track(threshold).items()
    }


def test_overall_chroma_accuracy_of_known_series():
    reference = hz([1195, 1800, 2405, 0, 0])
    assert one_track(reference, hz([1200, 1200, 1200, 0, 0]))["overall_chroma_accuracy"] == pytest.approx(0.8)
    assert one_track(reference, [0.0] * 5)["overall_chroma_accuracy"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("reference", "confidence", "expected"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([1, 0], [1, 0], 1), ([1, 0], [0, 1], 0)],
)
def test_voicing_accuracy_of_known_series(reference, confidence, expected):
    reference = [220.0 * v for v in reference]
    estimate = [100.0] * len(reference)
    assert one_track(reference, estimate, [float(c) for c in confidence])["voicing_accuracy"] == expected


def test_25_and_10_cents_are_pitch_in_pitch_and_chroma_in_chroma():
    # 5, 20 and 40 cents off in the right octave, 5 and 20 in another.
    scores = one_track(hz([3000] * 5), hz([3005, 3020, 3040, 4205, 4220]))
    names = ["raw_pitch_accuracy", "raw_chroma_accuracy"]
    assert [scores[name] for name in names] == pytest.approx([0.6, 1.0])
    assert [scores[f"{name}_25"] for name in names] == pytest.approx([0.4, 0.8])
    assert [scores[f"{name}_10"] for name in names] == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize("tolerance", [50, 25, 10])
def test_a_difference_right_at_the_tolerance_falls_as_in_mir_eval(tolerance):
    reference = np.linspace(50, 1000, 997)
    estimate = reference * 2.0 ** (tolerance / 1200)
    cents = mir_eval.melody.hz2cents(estimate) - mir_eval.melody.hz2cents(reference)
    assert (cents == tolerance).any() and (cents < tolerance).any()
    track = (reference, estimate, np.ones(997))
    ours, expected = scored(track).per_track(0.5), by_mir_eval(*track, 0.5)
    assert {name: with_mir_eval_values(name, ours[name].item()) for name in expected} == pytest.approx(expected)


def test_overall_chroma_accuracy_keeps_to_its_tolerance():
    scores = one_track(hz([3000] * 4), hz([3000 + 60, 4200 + 60, 4200 - 45, 3000 + 49]))
    assert scores["overall_chroma_accuracy"] == pytest.approx(0.5)


def test_a_fifth_is_not_an_octave_in_either_direction():
    scores = one_track(hz([3000] * 6), hz([3700, 2300, 4900, 1100, 3500, 2500]))
    assert scores["raw_chroma_accuracy"] == scores["overall_chroma_accuracy"] == 0


def test_no_guess_is_never_right_not_even_octaves_from_the_reference():
    scores = one_track(hz([1200, 2400, 3600]), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert scores["raw_pitch_accuracy"] == scores["raw_chroma_accuracy"] == scores["voicing_recall"] == 0


def test_raw_accuracies_do_not_ask_for_voicing():
    scores = one_track([220.0, 220.0], [220.0, 440.0], [0.0, 0.0])
    assert (scores["raw_pitch_accuracy"], scores["raw_chroma_accuracy"], scores["overall_accuracy"]) == (0.5, 1.0, 0.0)


def test_voiced_is_strictly_greater_than_every_threshold_in_float64():
    thresholds = [k / 100 for k in range(100)]
    confidence = [0.0, 1.0, 1.5, -0.1, *thresholds, *np.nextafter(thresholds, 2), *np.float32(thresholds).astype(float)]
    scores = scored(([220.0] * len(confidence), [220.0] * len(confidence), confidence))
    for threshold in thresholds:
        expected = sum(c > threshold for c in confidence) / len(confidence)
        assert scores.per_track(threshold)["voicing_recall"].item() == expected


def test_float32_confidences_keep_their_value():
    confidence = torch.tensor([0.15, 0.29, 0.57], dtype=torch.float32)
    metrics = MelodyMetrics(1)
    metrics.update(0, torch.full((3,), 220.0), torch.full((3,), 220.0), confidence)
    for threshold in (0.15, 0.29, 0.57):
        expected = sum(c > threshold for c in confidence.tolist()) / 3
        assert metrics.compute().per_track(threshold)["voicing_recall"].item() == expected


def test_the_best_threshold_separates_voiced_from_unvoiced_and_is_the_smallest_such():
    reference, estimate = [220.0, 220.0, 0.0, 0.0], [220.0] * 4
    scores = scored((reference, estimate, [0.9, 0.7, 0.304, 0.1]), (reference, estimate, [0.8, 0.6, 0.2, 0.1]))
    assert scores.best_threshold() == 0.31
    assert scores.means(0.31)["voicing_accuracy"] == 1
    assert scores.means(0.30)["voicing_accuracy"] < 1


def test_the_best_threshold_weighs_tracks_not_frames():
    long = ([220.0] * 50, [220.0] * 50, [0.2] * 50)
    short = ([0.0], [220.0], [0.8])
    assert scored(long, short, short).best_threshold() == 0.8


@pytest.mark.parametrize("threshold", [0.123, 0.005, 1.0, -0.01, math.nan])
def test_a_threshold_between_the_counted_ones_is_refused(threshold):
    scores = scored(([220.0], [220.0], [0.5]))
    for method in (scores.per_track, scores.means, scores.undefined):
        with pytest.raises(ValueError, match=str(threshold)):
            method(threshold)


def test_a_threshold_that_went_through_float32_is_known():
    scores = scored(([220.0], [220.0], [0.5]))
    for k in range(100):
        scores.per_track(torch.tensor(k / 100, dtype=torch.float32).item())


def test_what_cannot_be_scored_is_refused():
    f0, bad = torch.full((3,), 220.0), torch.tensor([0.5, math.nan, 0.5])
    metrics = MelodyMetrics(2)
    for track in (-1, 2):
        with pytest.raises(ValueError, match=f"track: {track}"):
            metrics.update(track, f0, f0, f0)
    with pytest.raises(ValueError, match="same number of frames"):
        metrics.update(0, f0, f0[:2], f0)
    for place, name in enumerate(("reference", "estimate", "confidence")):
        arrays = [bad if place == other else f0 for other in range(3)]
        with pytest.raises(ValueError, match=f"track 1: {name} .* not finite"):
            metrics.update(1, *arrays)
    with pytest.raises(ValueError, match=r"^tracks: 0"):
        MelodyMetrics(0)
