"""Figures of tables made here: equal to mir_eval's and scikit-learn's, and what bias and offset mean."""

import math
from dataclasses import replace

import mir_eval.melody
import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from datamodules.annotations.tracked_tables import write_tracked
from experiments.evaluation.figures import figures
from experiments.evaluation.frames import collect, frames_of
from experiments.evaluation.scores import Rules
from experiments.evaluation.sums import CLASSES, Sums
from experiments.evaluation.tables import TableFolder, pair
from experiments.evaluation.tracked import TrackedFolder, TrackedTable
from lightning_modules.metrics import Criteria

TOLERANCES = (50.0, 25.0, 10.0)
FIGURES = figures(TOLERANCES)
STEP = 0.01


def cents_above(f0, cents):
    return f0 * 2 ** (cents / 1200)


@pytest.fixture
def framed(tmp_path):
    """Frames of tables: references by track, estimates (times, f0, confidence) by method and track."""

    def make(references, estimates):
        for track, series in references.items():
            write(tmp_path / "reference", track, *series, None)
        for method, tracks in estimates.items():
            for track, columns in tracks.items():
                write(tmp_path / method, track, *columns)
        truth = TableFolder(tmp_path / "reference")
        folders = {name: TrackedFolder(tmp_path / name) for name in estimates}
        return collect(truth, folders, pair(truth, dict(folders)), Rules(Criteria(TOLERANCES)))

    return make


def write(folder, track, times, f0, confidence):
    folder.mkdir(exist_ok=True)
    if confidence is None:
        write_f0(folder / f"{track}.csv", F0Series(times, f0))
    else:
        write_tracked(folder / f"{track}.csv", times, np.abs(f0), confidence, f0 > 0)


def random_tracks(seed, tracks=5):
    """Truths and estimates on other times, with voicing errors, octaves and missing guesses."""
    random = np.random.default_rng(seed)
    references, estimates = {}, {}
    for number in range(tracks):
        frames = int(random.integers(60, 120))
        times = np.arange(frames) * STEP
        pitch = 220 * 2 ** (np.cumsum(random.normal(0, 0.02, frames)))
        references[f"t{number}"] = times, pitch * (random.random(frames) < 0.7)
        other = np.arange(round(frames * STEP / 0.016)) * 0.016
        guess = np.interp(other, times, pitch) * 2 ** (random.normal(0, 0.02, len(other)))
        guess *= random.choice([1.0, 0.5, 2.0, 1.06, 0.0], len(other), p=[0.7, 0.08, 0.08, 0.08, 0.06])
        confidence = random.random(len(other)).round(2)
        estimates[f"t{number}"] = other, np.where(confidence > 0.4, guess, -guess), confidence
    return references, estimates


@pytest.mark.parametrize("seed", range(3))
def test_means_over_tracks_are_those_of_mir_eval_at_each_tolerance(framed, seed):
    references, estimates = random_tracks(seed)
    frames = framed(references, {"a": estimates})
    sums = Sums(frames.truth, frames.guesses["a"])
    theirs = {name: [] for name in ("voicing_recall", "voicing_false_alarm", "overall_accuracy")}
    for track, (times, f0) in references.items():
        series = mir_eval.melody.to_cent_voicing(times, f0, *estimates[track][:2])
        recall, alarm = mir_eval.melody.voicing_measures(series[0], series[2])
        theirs["voicing_recall"].append(recall)
        theirs["voicing_false_alarm"].append(alarm)
        theirs["overall_accuracy"].append(mir_eval.melody.overall_accuracy(*series))
        for tolerance in TOLERANCES:
            name = f"raw_pitch_accuracy{'' if tolerance == 50 else f'_{tolerance:g}'}"
            theirs.setdefault(name, []).append(mir_eval.melody.raw_pitch_accuracy(*series, cent_tolerance=tolerance))
    for name, values in theirs.items():
        assert FIGURES[name].of(sums) == pytest.approx(np.mean(values), abs=1e-12), name


@pytest.mark.parametrize("seed", range(3))
def test_voicing_is_that_of_scikit_learn(framed, seed):
    references, estimates = random_tracks(seed, 20)
    frames = framed(references, {"a": estimates})
    guesses, sums = frames.guesses["a"], Sums(frames.truth, frames.guesses["a"])
    voiced = frames.truth.voiced
    assert FIGURES["voicing_f1"].of(sums) == pytest.approx(f1_score(voiced, guesses.voiced))
    assert FIGURES["voicing_auc"].of(sums) == pytest.approx(roc_auc_score(voiced, guesses.confidence), abs=1e-4)
    certain = guesses.confidence + 0.3 * voiced  # as of a tracker that knows
    better = Sums(frames.truth, replace(guesses, confidence=certain))
    assert FIGURES["voicing_auc"].of(better) == pytest.approx(roc_auc_score(voiced, certain), abs=1e-4)
    hits = (voiced & guesses.voiced & (np.abs(guesses.error) < 50)).sum()
    recall, precision = hits / voiced.sum(), hits / guesses.voiced.sum()
    assert FIGURES["pitch_recall"].of(sums) == pytest.approx(recall)
    assert FIGURES["pitch_f1"].of(sums) == pytest.approx(2 * recall * precision / (recall + precision))


def test_a_method_without_confidence_has_no_area_under_the_curve_and_no_threshold(framed):
    references, estimates = random_tracks(0)
    frames = framed(references, {"a": {track: (*columns[:2], None) for track, columns in estimates.items()}})
    own, asked = (Sums(frames.truth, frames.guesses["a"], threshold) for threshold in (None, 0.9))
    assert math.isnan(FIGURES["voicing_auc"].of(own))
    assert FIGURES["voicing_recall"].of(own) == FIGURES["voicing_recall"].of(asked) > 0


def test_a_threshold_on_tables_and_on_aligned_frames_gives_the_same_voicing(framed, tmp_path):
    references, estimates = random_tracks(1)
    frames = framed(references, {"a": estimates})
    said = {t: (times, np.where(c >= 0.6, abs(f0), -abs(f0)), c) for t, (times, f0, c) in estimates.items()}
    again = framed({}, {"b": said})
    assert np.array_equal(frames.guesses["a"].voiced_at(0.6), again.guesses["b"].voiced)
    asked, stated = TrackedFolder(tmp_path / "a").at(0.6), TrackedFolder(tmp_path / "b")
    for one, other in zip(asked.paths().values(), stated.paths().values(), strict=True):
        assert np.array_equal(asked.read(one).f0, stated.read(other).f0)


def test_errors_have_classes_that_add_up_to_one(framed):
    times = np.arange(12) * STEP
    truth = np.full(12, 200.0)
    truth[-1] = 0.0
    errors = np.array([0, 9, -11, 49, 51, -199, 201, 1200, 1249, -1170, 1251, 3])
    estimate = cents_above(200.0, errors)
    estimate[6] *= -1  # wrong, but not said to be voiced
    frames = framed({"t": (times, truth)}, {"a": {"t": (times, estimate, None)}})
    sums = Sums(frames.truth, frames.guesses["a"])
    found = {name: FIGURES[name].of(sums) for name in CLASSES}
    counts = {"exact": 2, "close": 2, "off": 2, "octave_up": 2, "octave_down": 1, "wrong": 1}
    assert found == pytest.approx({name: count / 10 for name, count in counts.items()})


def gliding(seconds=4.0, step=STEP):
    """Times, and a contour in cents about 220 Hz that rises and falls at different speeds."""
    times = np.arange(round(seconds / step)) * step
    return times, lambda t: 300 * np.sin(2 * np.pi * 0.7 * t) + 80 * t


@pytest.mark.parametrize(("late", "sharp"), [(0.005, 0.0), (0.0, 20.0), (-0.004, -12.0), (0.0, 0.0)])
def test_bias_and_offset_are_told_apart(framed, late, sharp):
    times, contour = gliding()
    estimate = cents_above(220.0, contour(times - late) + sharp)
    frames = framed({"t": (times, cents_above(220.0, contour(times)))}, {"a": {"t": (times, estimate, None)}})
    sums = Sums(frames.truth, frames.guesses["a"])
    assert FIGURES["cents_bias"].of(sums) == pytest.approx(sharp, abs=0.2)
    assert FIGURES["time_offset_ms"].of(sums) == pytest.approx(1000 * late, abs=0.1)


def test_a_steady_tone_has_a_bias_and_no_offset(framed):
    times = np.arange(50) * STEP
    sharp = np.full(50, cents_above(220.0, 7.0))
    frames = framed({"t": (times, np.full(50, 220.0))}, {"a": {"t": (times, sharp, None)}})
    sums = Sums(frames.truth, frames.guesses["a"])
    assert FIGURES["cents_bias"].of(sums) == pytest.approx(7.0)
    assert math.isnan(FIGURES["time_offset_ms"].of(sums))


def test_jumps_between_notes_are_no_movement(framed):
    times = np.arange(200) * STEP
    truth = np.where(times < 1, 220.0, 440.0)
    frames = framed({"t": (times, truth)}, {"a": {"t": (times, truth, None)}})
    assert np.nanmax(np.abs(frames.truth.slope)) == 0
    assert np.isnan(frames.truth.slope).sum() == 4  # at both ends and on both sides of the jump


def test_series_in_memory_give_the_figures_of_their_tables(framed):
    references, estimates = random_tracks(3)
    # As in the tables, which keep so many digits.
    of_tables = framed(references, {"one": estimates})
    tables = {
        track: TrackedTable(F0Series(times, f0), confidence) for track, (times, f0, confidence) in estimates.items()
    }
    of_memory = frames_of({track: F0Series(*series) for track, series in references.items()}, {"one": tables})
    assert of_memory.truth.tracks == of_tables.truth.tracks
    for name, figure in FIGURES.items():
        found, expected = (figure.of(Sums(each.truth, each.guesses["one"])) for each in (of_memory, of_tables))
        assert found == pytest.approx(expected, abs=1e-3, nan_ok=True), name


def test_series_in_memory_have_to_be_complete():
    times = np.arange(5) * STEP
    series = F0Series(times, np.full(5, 220.0))
    sure, silent = TrackedTable(series, np.ones(5)), TrackedTable(series, None)
    with pytest.raises(DataError, match="one: no estimate of b"):
        frames_of({"a": series, "b": series}, {"one": {"a": sure}})
    with pytest.raises(DataError, match="one: 1 of 2 tables have confidence"):
        frames_of({"a": series, "b": series}, {"one": {"a": sure, "b": silent}})
    for nothing in (({}, {"one": {}}), ({"a": series}, {})):
        with pytest.raises(DataError, match="at least one track and one method"):
            frames_of(*nothing)
    with pytest.raises(ValueError, match="times must increase"):
        frames_of({"a": series}, {"one": {"a": TrackedTable(F0Series(times[::-1], series.f0), None)}})
    resampled = frames_of({"a": series}, {"one": {"a": sure}}, hop=2 * STEP)
    assert len(resampled.truth.f0) == 3
