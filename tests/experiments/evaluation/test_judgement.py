"""Rows, clustered intervals, conditions, verified frames and calibrated thresholds, each against another way."""

import math
import time

import numpy as np
import pytest

from datamodules.errors import DataError
from experiments.evaluation.calibration import calibrate
from experiments.evaluation.figures import figures
from experiments.evaluation.frames import FrameSet, Guesses, Truth
from experiments.evaluation.judgement import JudgedSet, judge, verified_frames
from experiments.evaluation.judgement_report import judgement_lines, write_judgement
from experiments.evaluation.rows import rows_of
from experiments.evaluation.scores import Scores
from experiments.evaluation.statistics import Bootstrap, summarise
from experiments.evaluation.sums import Sums

FIGURES = figures((50.0, 25.0, 10.0))
FRAMES = 40  # of a track
NAMES = ("clean", "scene", "room", "microphone", "scene_room", "scene_microphone", "room_microphone")
EIGHT = (*NAMES, "scene_room_microphone")


def truth_of(tracks, f0=220.0, seed=0, frames=FRAMES):
    voiced = np.random.default_rng(seed).random((len(tracks), frames)) < 0.6
    track = np.repeat(np.arange(len(tracks)), frames)
    slope = np.where(voiced, np.random.default_rng(seed + 1).normal(0, 500, voiced.shape), np.nan)
    pitch = np.where(voiced, np.broadcast_to(np.reshape(f0, (-1, 1)), voiced.shape), 0.0)
    return Truth(tuple(tracks), track, voiced.ravel(), pitch.ravel(), slope.ravel())


def guesses_of(truth, seed, spread=40.0):
    random = np.random.default_rng(seed)
    size = len(truth.track)
    known = random.random(size) < 0.9
    error = np.where(truth.voiced & known, random.normal(0, spread, size), np.nan)
    confidence = np.clip(random.normal(0.35 + 0.3 * truth.voiced, 0.2), 0, 1)
    return Guesses(known, error, known & (confidence >= 0.5), confidence)


def judged(frames, clusters=None, metadata=None, verified=None, **options):
    tracks = frames.truth.tracks
    clusters = np.arange(len(tracks)) if clusters is None else np.asarray(clusters)
    values = metadata or {track: {} for track in tracks}
    data = JudgedSet("set", frames, values, clusters, verified)
    options = {"thresholds": {}, "bootstrap": Bootstrap(60), **options}
    cells = judge([data], FIGURES, list(frames.guesses), **options)
    return {(cell.part, cell.figure, cell.method): cell for cell in cells}


@pytest.fixture
def two():
    """Two methods on seven tracks."""
    truth = truth_of([f"t{number}" for number in range(7)])
    return FrameSet(truth, {"a": guesses_of(truth, 1), "b": guesses_of(truth, 2, 60.0)})


def repeated(frames, counts, clusters):
    """A set in which each cluster's tracks are as often as a draw says."""
    order = [track for track, cluster in enumerate(clusters) for _ in range(int(counts[cluster]))]
    rows = np.concatenate([np.flatnonzero(frames.truth.track == track) for track in order])
    truth = frames.truth
    number = np.repeat(np.arange(len(order)), FRAMES)
    drawn = Truth(tuple(map(str, order)), number, truth.voiced[rows], truth.f0[rows], truth.slope[rows])
    return drawn, {
        name: Guesses(each.known[rows], each.error[rows], each.voiced[rows], each.confidence[rows])
        for name, each in frames.guesses.items()
    }


def test_clustered_intervals_are_those_of_sets_drawn_one_by_one(two):
    clusters, bootstrap = [0, 0, 1, 1, 1, 2, 2], Bootstrap(60, 0.9, 5)
    cells = judged(two, clusters, bootstrap=bootstrap)
    found = {name: [] for name in FIGURES}
    for counts in np.concatenate(list(bootstrap.counts(3))):
        truth, guesses = repeated(two, counts, clusters)
        sums = [Sums(truth, guesses[name]) for name in ("a", "b")]
        for name, figure in FIGURES.items():
            found[name].append([figure.of(each) for each in sums])
    for name in FIGURES:
        first, second = np.array(found[name]).T
        cell = cells["", name, "b"]
        close = {"abs": 0.01 if name == "voicing_auc" else 1e-9}  # its draws are of fewer levels
        assert (cell.low, cell.high) == pytest.approx(tuple(np.nanquantile(second, [0.05, 0.95])), **close), name
        ends = tuple(np.nanquantile(second - first, [0.05, 0.95]))
        assert (cell.difference_low, cell.difference_high) == pytest.approx(ends, **close), name
        assert cell.clusters == 3 and cell.tracks == 7


def test_means_over_tracks_have_the_intervals_of_evaluate(two):
    clusters = np.array([0, 0, 1, 1, 1, 2, 2])
    names = ("raw_pitch_accuracy", "overall_accuracy", "voicing_false_alarm")
    single = np.eye(7, dtype=bool)
    values = [
        [
            [FIGURES[name].of(Sums(two.truth, two.guesses[method], None, None, track)) for name in names]
            for track in single
        ]
        for method in ("a", "b")
    ]
    summary = summarise(Scores(("a", "b"), two.truth.tracks, names, np.array(values)), Bootstrap(60), clusters)
    cells = judged(two, clusters)
    for column, name in enumerate(names):
        cell = cells["", name, "b"]
        for part, ends in ((summary.means, (cell.value, cell.low, cell.high)), (summary.differences, cell[7:10])):
            assert (part.mean[1, column], part.low[1, column], part.high[1, column]) == pytest.approx(ends)


def test_one_cluster_has_no_interval(two):
    cell = judged(two, [0] * 7)["", "pitch_f1", "b"]
    assert cell.value > 0 and math.isnan(cell.low) and math.isnan(cell.difference_high)


def test_ten_thousand_resamples_of_hundreds_of_tracks_take_seconds():
    truth = truth_of([f"t{number}" for number in range(300)])
    frames = FrameSet(truth, {name: guesses_of(truth, seed) for seed, name in enumerate("ab")})
    began = time.process_time()
    cells = judged(frames, bootstrap=Bootstrap(10_000))
    assert time.process_time() - began < 20
    assert cells["", "pitch_f1", "b"].clusters == 300


def test_registers_and_low_tracks_are_rows():
    truth = truth_of(["bass", "alto", "piccolo"], [80.0, 330.0, 1500.0])
    rows = {row.part: row for row in rows_of(truth, {track: {} for track in truth.tracks})}
    assert set(rows) == {"", "under 110 Hz", "220-440 Hz", "880 Hz up", "tracks under 110 Hz"}
    assert rows["tracks under 110 Hz"].tracks.tolist() == [True, False, False]
    assert np.array_equal(rows["220-440 Hz"].frames, truth.voiced & (truth.track == 1))
    cells = judged(FrameSet(truth, {"a": guesses_of(truth, 3)}))
    one = Sums(truth, guesses_of(truth, 3), None, None, np.array([False, True, False]))
    assert cells["220-440 Hz", "frame_pitch_accuracy", "a"].value == FIGURES["frame_pitch_accuracy"].of(one)


@pytest.fixture
def eight():
    """Four recordings under eight conditions, each of which makes a method worse."""
    tracks = [f"r{number}_{name}" for number in range(4) for name in EIGHT]
    base = truth_of([f"r{number}" for number in range(4)])
    frame = np.repeat(np.arange(4), 8)[:, None] * FRAMES + np.arange(FRAMES)
    truth = Truth(
        tuple(tracks),
        np.repeat(np.arange(32), FRAMES),
        *(each[frame].ravel() for each in (base.voiced, base.f0, base.slope)),
    )
    metadata = {track: {"recording": track[:2], "condition": track[3:]} for track in tracks}
    spread = np.repeat([10.0 * (1 + len(track.split("_"))) ** 1.5 for track in tracks], FRAMES)
    guesses = {name: guesses_of(truth, seed, spread) for seed, name in enumerate("ab")}
    return FrameSet(truth, guesses), metadata, np.repeat(np.arange(4), 8)


def test_conditions_have_their_mean_and_what_is_lost_together(eight):
    frames, metadata, clusters = eight
    cells = judged(frames, clusters, metadata)
    conditions = np.array([metadata[track]["condition"] for track in frames.truth.tracks])
    f1 = {
        name: FIGURES["pitch_f1"].of(Sums(frames.truth, frames.guesses["b"], None, None, conditions == name))
        for name in EIGHT
    }
    assert {name: cells[name, "pitch_f1", "b"].value for name in EIGHT} == pytest.approx(f1)
    assert cells["mean of conditions", "pitch_f1", "b"].value == pytest.approx(np.mean(list(f1.values())))
    lost = {name: f1["clean"] - value for name, value in f1.items()}
    for both in ("scene_room", "scene_room_microphone"):
        beyond = lost[both] - sum(lost[one] for one in both.split("_"))
        assert cells[f"together {both}", "pitch_f1", "b"].value == pytest.approx(beyond)
    mean = cells["mean of conditions", "pitch_f1", "b"]
    assert mean.clusters == 4 and mean.tracks == 32 and mean.low < mean.value < mean.high


def test_the_interval_of_a_mean_of_conditions_draws_recordings_with_all_their_versions(eight):
    frames, metadata, clusters = eight
    bootstrap = Bootstrap(40, 0.8, 2)
    cell = judged(frames, clusters, metadata, bootstrap=bootstrap)["mean of conditions", "pitch_f1", "b"]
    means = []
    for counts in np.concatenate(list(bootstrap.counts(4))):
        truth, guesses = repeated(frames, counts, clusters)
        conditions = np.array([metadata[frames.truth.tracks[int(track)]]["condition"] for track in truth.tracks])
        sums = (Sums(truth, guesses["b"], None, None, conditions == name) for name in EIGHT)
        means.append(np.mean([FIGURES["pitch_f1"].of(each) for each in sums]))
    assert (cell.low, cell.high) == pytest.approx(tuple(np.quantile(means, [0.1, 0.9])))


def test_families_are_rows_and_those_without_voice_are_controls():
    truth = truth_of(["sine_1", "sine_2", "noise_1"])
    silent = truth.track == 2
    truth = Truth(truth.tracks, truth.track, truth.voiced & ~silent, truth.f0, truth.slope)
    metadata = {track: {"family": track[:-2]} for track in truth.tracks}
    assert [(row.kind, row.part) for row in rows_of(truth, metadata)] == [
        ("set", ""),
        ("family", "sine"),
        ("control", "noise"),
    ]
    guesses = guesses_of(truth, 4)
    cells = judged(FrameSet(truth, {"a": guesses}), metadata=metadata)
    assert cells["noise", "false_alarm", "a"].value == pytest.approx(guesses.voiced[silent].mean())
    assert ("noise", "pitch_recall", "a") not in cells and cells["sine", "pitch_recall", "a"].value > 0
    metadata["sine_1"] = {}
    with pytest.raises(DataError, match=r"1 of 3 recordings have no 'family' in their metadata: sine_1"):
        rows_of(truth, metadata)


def verifying(*right):
    """Six frames of a track, the last unvoiced, and methods that are right in some."""
    truth = Truth(("t",), np.zeros(6, int), np.arange(6) < 5, np.full(6, 220.0), np.full(6, np.nan))
    frame = np.arange(6)
    errors = {str(number): np.where(np.isin(frame, list(each)), 0.0, 70.0) for number, each in enumerate(right)}
    known = np.ones(6, bool)
    # Their voicing does not matter: none says voiced.
    guesses = {
        name: Guesses(known, np.where(truth.voiced, error, np.nan), ~known, None) for name, error in errors.items()
    }
    return FrameSet(truth, guesses)


def test_frames_are_verified_by_two_of_three():
    frames = verifying({0, 1, 2}, {1, 2, 3}, {2, 4})
    found = verified_frames(frames, np.array(["t"]), np.array([True]), ["0", "1", "2"])
    assert found.tolist() == [False, True, True, False, False, True]
    cells = judged(frames, verified=found)
    assert cells["verified", "raw_pitch_accuracy", "2"].value == 0.5
    assert cells["", "raw_pitch_accuracy", "2"].value == 0.4
    with pytest.raises(DataError, match="--verify 0: at least two methods"):
        verified_frames(frames, np.array(["t"]), np.array([True]), ["0"])


def test_versions_are_verified_by_the_clean_one(eight):
    frames, metadata, clusters = eight
    bases = np.array([metadata[track]["recording"] for track in frames.truth.tracks])
    clean = np.array([metadata[track]["condition"] == "clean" for track in frames.truth.tracks])
    found = verified_frames(frames, bases, clean, ["a", "b"]).reshape(4, 8, FRAMES)
    assert (found == found[:, :1]).all()
    right = np.array([frames.guesses[name].right() for name in "ab"]).all(axis=0) | ~frames.truth.voiced
    assert np.array_equal(found[:, 0].ravel(), right.reshape(4, 8, FRAMES)[:, 0].ravel())
    cells = judged(frames, clusters, metadata, found.ravel())
    conditions = np.array([metadata[track]["condition"] for track in frames.truth.tracks])
    each = [
        FIGURES["raw_pitch_accuracy"].of(
            Sums(frames.truth, frames.guesses["a"], None, found.ravel(), conditions == name)
        )
        for name in EIGHT
    ]
    assert each[0] == 1 > each[-1]
    assert cells["mean of conditions, verified", "raw_pitch_accuracy", "a"].value == pytest.approx(np.mean(each))
    assert ("clean, verified", "raw_pitch_accuracy", "a") not in cells
    with pytest.raises(DataError, match=r"r0_clean: there is no clean version"):
        verified_frames(frames, bases, ~clean & False, ["a", "b"])


def test_one_threshold_has_the_best_mean_pitch_f1_over_sets_and_their_conditions(eight, two):
    frames, metadata, _ = eight
    plain = {track: {} for track in two.truth.tracks}
    found = calibrate({"eight": (frames, metadata), "two": (two, plain)}, "a")
    conditions = np.array([metadata[track]["condition"] for track in frames.truth.tracks])

    def mean_f1(threshold):
        f1 = FIGURES["pitch_f1"].of
        each = [f1(Sums(frames.truth, frames.guesses["a"], threshold, None, conditions == name)) for name in EIGHT]
        return (np.mean(each) + f1(Sums(two.truth, two.guesses["a"], threshold))) / 2

    every = np.unique(np.concatenate([each.guesses["a"].confidence for each in (frames, two)]))
    best = max(map(mean_f1, every))
    assert mean_f1(found.value) == pytest.approx(best)
    assert found.origin == f"calibrated on eight, two: mean pitch F1 {best:.4f}"
    cells = judged(two, thresholds={"a": found.value, "b": None})
    frozen = Sums(two.truth, two.guesses["a"], found.value)
    assert cells["", "pitch_f1", "a"].value == FIGURES["pitch_f1"].of(frozen)
    assert cells["", "pitch_f1", "b"].value == FIGURES["pitch_f1"].of(Sums(two.truth, two.guesses["b"]))


def test_a_method_without_confidence_keeps_its_own_voicing(two):
    mute = {name: Guesses(each.known, each.error, each.voiced, None) for name, each in two.guesses.items()}
    found = calibrate({"two": (FrameSet(two.truth, mute), {track: {} for track in two.truth.tracks})}, "a")
    assert found.value is None and "no confidence" in found.origin


def test_what_is_printed_and_written_names_rows_figures_and_methods(two, eight, tmp_path):
    frames, metadata, clusters = eight
    sets = [
        JudgedSet("plain", two, {track: {} for track in two.truth.tracks}, np.arange(7)),
        JudgedSet("versions", frames, metadata, clusters),
    ]
    bootstrap = Bootstrap(40)
    cells = judge(sets, FIGURES, ["a", "b"], {}, bootstrap)
    lines = list(judgement_lines(cells, FIGURES, ["a", "b"], bootstrap))
    table = lines[lines.index("pitch_f1") :]
    table = table[: table.index("")]
    assert table[1].split() == ["a", "b"]
    assert table[2].startswith("plain ") and any(line.startswith("versions, together scene_room ") for line in table)
    assert "difference from a, 95 % interval" in table[len(table) // 2]
    assert lines[-1].startswith("of fewer than 10 clusters of tracks") and lines[-1].endswith(": plain; versions")
    write_judgement(tmp_path, cells, FIGURES, ["a", "b"], bootstrap, {"cluster": "track"})
    rows = (tmp_path / "judgement.csv").read_text().splitlines()
    assert len(rows) == 1 + len(cells) and rows[0].startswith("data,part,figure,method,value,low,high,difference,")
    text = (tmp_path / "judgement.md").read_text()
    assert "| pitch_f1 | a | b |\n|---|---|---|\n| plain | " in text and "| false_alarm ↓ | a | b |" in text
