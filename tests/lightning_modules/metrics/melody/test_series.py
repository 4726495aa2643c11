"""Series of files, compared as mir_eval compares them."""

import ast
import io
import math
import os
import re
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamodules.annotations.f0_tables import F0Series, read_f0
from lightning_modules.metrics import (
    MELODY_METRICS,
    align_series,
    evaluate_series,
    mean_where_defined,
    metric_names,
    mir_eval_scores,
)

OURS = {
    "Voicing Recall": "voicing_recall",
    "Voicing False Alarm": "voicing_false_alarm",
    "Raw Pitch Accuracy": "raw_pitch_accuracy",
    "Raw Chroma Accuracy": "raw_chroma_accuracy",
    "Overall Accuracy": "overall_accuracy",
}
UNDEFINED_IN_MIR_EVAL = {"Voicing Recall": 1.0}

starts = st.sampled_from([0.0, 0.0, 0.003, 0.01, 1.5])
steps = st.sampled_from([0.005, 0.01, 256 / 44100, 0.0107, 1 / 3])
pitches = st.sampled_from([220.0, 221.0, 226.0, 440.0, 109.0, 330.0, 10.0, 7.5])
values = st.tuples(st.one_of(pitches, st.floats(30, 2000)), st.sampled_from([1, 1, -1, 0]))
hops = st.sampled_from([None, None, 0.01, 0.0037, 0.25])


@st.composite
def grids(draw):
    frames = draw(st.integers(1, 24))
    if draw(st.booleans()):
        return draw(starts) + np.arange(frames) * draw(steps)
    gaps = draw(st.lists(st.floats(1e-3, 0.4), min_size=frames - 1, max_size=frames - 1))
    return draw(starts) + np.cumsum([0.0, *gaps])


@st.composite
def pairs(draw):
    """Reference and estimate, on grids of their own, on the same one, or on one that is nearly the same."""
    times = draw(grids())
    nearly = st.sampled_from([times, times.copy(), times + 1e-9, times * (1 + 5e-6), times * (1 + 2e-5), times + 1e-4])
    other = draw(st.one_of(grids(), nearly))
    f0 = [draw(st.lists(values, min_size=len(each), max_size=len(each))) for each in (times, other)]
    reference, estimate = (np.array([hz * sign for hz, sign in each]) for each in f0)
    return times, reference, other, estimate


def by_mir_eval(*arrays, hop=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: float(value) for name, value in mir_eval.melody.evaluate(*arrays, hop=hop).items()}


def assert_as_mir_eval(*arrays, hop=None):
    expected = by_mir_eval(*arrays, hop=hop)
    assert mir_eval_scores(*arrays, hop=hop) == pytest.approx(expected, abs=1e-9)
    ours = evaluate_series(*arrays, hop=hop)
    for theirs, name in OURS.items():
        if math.isnan(ours[name]):
            assert expected[theirs] == UNDEFINED_IN_MIR_EVAL.get(theirs, 0.0)
        else:
            assert ours[name] == pytest.approx(expected[theirs], abs=1e-9)


@settings(max_examples=150)
@given(pairs(), hops)
@example((np.array([0.0]), np.array([220.0]), np.array([0.0]), np.array([220.0])), None)
@example((np.array([0.7]), np.array([220.0]), np.array([0.2]), np.array([-221.0])), None)
@example((np.array([0.0]), np.array([0.0]), np.array([3.0]), np.array([0.0])), 0.25)
def test_figures_are_those_of_mir_eval(pair, hop):
    assert_as_mir_eval(*pair, hop=hop)


@settings(max_examples=150)
@given(pairs(), hops)
def test_frames_are_those_of_mir_eval(pair, hop):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = mir_eval.melody.to_cent_voicing(*pair, hop=hop)
    for ours, theirs in zip(align_series(*pair, hop=hop), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@settings(max_examples=100)
@given(pairs(), hops)
def test_chroma_is_never_worse_than_pitch(pair, hop):
    scores = {name: 0.0 if math.isnan(value) else value for name, value in evaluate_series(*pair, hop=hop).items()}
    for suffix in ("", "_25", "_10"):
        assert scores[f"raw_chroma_accuracy{suffix}"] >= scores[f"raw_pitch_accuracy{suffix}"]
    assert scores["overall_chroma_accuracy"] >= scores["overall_accuracy"]


def test_a_guess_is_interpolated_by_its_size_not_by_its_sign():
    """Between a voiced frame and an unvoiced one with the same pitch, signed frequencies would pass through 0."""
    scores = evaluate_series([0, 0.005, 0.01], [220.0] * 3, [0, 0.01], [220.0, -220.0])
    assert scores["raw_pitch_accuracy"] == 1 and scores["voicing_recall"] == pytest.approx(2 / 3)


def test_a_reference_that_begins_later_has_a_frame_at_0_too():
    assert evaluate_series([0.5, 1.0], [220.0, 0.0], [0, 0.5, 1.0], [0, 0, 0])["overall_accuracy"] == pytest.approx(
        1 / 3
    )


def test_times_that_differ_by_what_floats_lose_are_one():
    arrays = np.array([0, 0.3 - 1e-12]), np.full(2, 220.0), np.array([0, 0.3, 0.4]), np.array([220.0, 0.0, 0.0])
    assert align_series(*arrays).estimate_voiced.tolist() == [True, False]
    assert_as_mir_eval(*arrays)


def test_an_estimate_that_ends_early_holds_its_last_frame_until_the_reference_ends():
    frames = align_series(np.arange(5) * 0.1, [220.0] * 5, [0.0, 0.1], [220.0, 220.0])
    assert frames.estimate_voiced.tolist() == [True, True, True, True, False]


def test_a_reference_without_frames_leaves_all_undefined_and_is_0_by_mir_eval():
    empty = np.zeros(0)
    scores = evaluate_series(empty, empty, [0.0], [220.0])
    assert tuple(scores) == metric_names() and all(math.isnan(value) for value in scores.values())
    with pytest.raises(IndexError):
        mir_eval.melody.evaluate(empty, empty, empty, empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recall, false_alarm = mir_eval.melody.voicing_measures(empty, empty)
        three = ("raw_pitch_accuracy", "raw_chroma_accuracy", "overall_accuracy")
        others = [getattr(mir_eval.melody, name)(empty, empty, empty, empty) for name in three]
    assert list(mir_eval_scores(empty, empty, empty, empty).values()) == [recall, false_alarm, *others]


@pytest.mark.parametrize("hop", [None, 0.05])
def test_an_estimate_without_frames_has_no_guess_anywhere(hop):
    times, reference = np.arange(4) * 0.1, np.array([220.0, 0.0, 220.0, 0.0])
    assert mir_eval_scores(times, reference, [], [], hop=hop) == by_mir_eval(
        times, reference, times, np.zeros(4), hop=hop
    )


def test_undefined_figures_are_nan_or_what_mir_eval_puts():
    times, on, off = np.arange(3) * 0.01, np.full(3, 220.0), np.zeros(3)
    silent, sounding = evaluate_series(times, off, times, on), evaluate_series(times, on, times, on)
    undefined = {name for name in MELODY_METRICS if math.isnan(silent[name])}
    assert undefined == {name for name in MELODY_METRICS if name.startswith("raw")} | {"voicing_recall"}
    assert {name for name in metric_names() if math.isnan(sounding[name])} == {"voicing_false_alarm"}
    assert list(mir_eval_scores(times, off, times, on).values()) == [1, 1, 0, 0, 0]
    assert list(mir_eval_scores(times, on, times, on).values()) == [1, 0, 1, 1, 1]


def test_the_mean_is_over_tracks_where_a_metric_is_defined():
    assert mean_where_defined([0.5, math.nan, 1.0]) == 0.75
    assert math.isnan(mean_where_defined([math.nan])) and math.isnan(mean_where_defined([]))


GOOD = ([0.0, 0.1, 0.2], [220.0, 0.0, -220.0])


@pytest.mark.parametrize("name", ["reference", "estimate"])
@pytest.mark.parametrize(
    ("times", "f0", "message"),
    [
        ([0.0, 0.1], [220.0], "f0 of shape (1,), but times of (2,)"),
        ([[0.0], [0.1]], [220.0, 0.0], "times of shape (2, 1)"),
        ([0.0, 0.2, 0.1], [1.0] * 3, "time 0.1 s at index 2 comes after 0.2 s"),
        ([0.0, 0.1, 0.1], [1.0] * 3, "time 0.1 s at index 2 comes after 0.1 s"),
        ([0.0, 0.1, 0.1 + 1e-11], [1.0] * 3, "time 0.10000000001 s at index 2 comes after 0.1 s"),
        ([-0.1, 0.0], [1.0] * 2, "time -0.1 s at index 0 is negative"),
        ([0.0, math.nan, 0.2], [1.0] * 3, "time nan at index 1 is not a finite number"),
        ([0.0, math.inf], [1.0] * 2, "time inf at index 1"),
        ([math.nan], [1.0], "time nan at index 0"),
        ([0.0, 0.1], [1.0, math.nan], "f0 nan at index 1"),
        ([0.0, 0.1], [-math.inf, 1.0], "f0 -inf at index 0"),
    ],
)
def test_what_is_no_series_is_refused_by_index(name, times, f0, message):
    arrays = (times, f0, *GOOD) if name == "reference" else (*GOOD, times, f0)
    for function in (evaluate_series, mir_eval_scores, align_series):
        with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(message)}"):
            function(*arrays)


@pytest.mark.parametrize("hop", [0.0, -0.01, math.nan, math.inf])
def test_an_impossible_hop_is_refused(hop):
    with pytest.raises(ValueError, match=r"^hop: "):
        evaluate_series(*GOOD, *GOOD, hop=hop)


def test_arrays_are_left_as_they_are():
    arrays = [np.array(each) for each in (*GOOD, [0.05, 0.1], [200.0, -200.0])]
    before = [each.copy() for each in arrays]
    evaluate_series(*arrays)
    assert all((one == other).all() for one, other in zip(arrays, before, strict=True))


def test_what_evaluate_imports_from_the_metrics_needs_no_torch():
    root = Path(__file__).parents[4]
    files = [root / "experiments/commands/evaluate.py", *(root / "experiments/evaluation").glob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    found = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module.startswith("lightning_modules")]
    assert "evaluate_series" in {alias.name for node in found for alias in node.names}
    program = [*map(ast.unparse, found), "evaluate_series([0.0], [220.0], [0.0], [220.0])", "import sys"]
    program += ['loaded = {"torch", "lightning", "torchmetrics"} & set(sys.modules)', "assert not loaded, loaded"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, "-c", "\n".join(program)], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def real(folder):
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real f0 to compare on")
    return Path(os.environ["MELISMA_TEST_DATA"]) / folder


def tracked(series, seed):
    """What a tracker makes of a series: other times, some octaves, some noise, guesses where it is unvoiced."""
    rng = np.random.default_rng(seed)
    times = np.arange(0.004 * (seed % 3), series.times[-1] * (0.9 + 0.1 * (seed % 3)), (0.01, 0.0058)[seed % 2])
    f0 = np.interp(times, series.times, np.maximum.accumulate(np.where(series.f0 > 0, series.f0, 0)))
    at = np.minimum(np.searchsorted(series.times, times), len(series.f0) - 1)
    f0 = np.where(series.f0[at] > 0, series.f0[at], f0) * 2 ** (rng.normal(0, 0.02, len(times)))
    f0 *= rng.choice([1, 1, 1, 1, 0.5, 2, 1.5, 0], len(times))
    return times, np.where((series.f0[at] > 0) ^ (rng.random(len(times)) < 0.1), f0, -f0)


def test_speech_is_scored_as_by_mir_eval():
    """Against what a tracker may make of it, and against the same sentence by another speaker."""
    folder = real("f0_fda")
    paths = sorted(folder.glob("rl*.f0ref"))[:12]
    assert paths
    for seed, path in enumerate(paths):
        reference = read_f0(path, step=0.015)
        assert_as_mir_eval(*reference, *tracked(reference, seed))
        assert_as_mir_eval(*reference, *tracked(reference, seed), hop=0.01)
        assert_as_mir_eval(*reference, *read_f0(path.with_name(path.name.replace("rl", "sb")), step=0.015))


def test_melodies_are_scored_as_by_mir_eval():
    """Whole songs at 5.8 ms; other annotations of the archive are estimates on the same grid."""
    before = None
    with tarfile.open(real("f0_medleydb_contours") / "melody2.tar.xz") as archive:
        members = [member for member in archive if member.name.endswith(".csv")][:30:6]
        assert len(members) == 5
        for seed, member in enumerate(members):
            columns = np.loadtxt(io.BytesIO(archive.extractfile(member).read()), delimiter=",", unpack=True)
            series = F0Series(*columns)
            assert_as_mir_eval(*series, *tracked(series, seed))
            assert_as_mir_eval(*series, *(before or series))
            before = series
