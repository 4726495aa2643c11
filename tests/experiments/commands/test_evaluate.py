"""`melisma evaluate`: tables of several methods against references, paired by their names."""

import csv
import json

import mir_eval.melody
import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from datamodules.errors import DataError
from experiments.evaluation.report import table_lines, write_report
from experiments.evaluation.scores import Scores
from experiments.evaluation.statistics import Bootstrap, summarise

TIMES = np.arange(200) / 100
NAMES = ("a", "b", "c", "d", "e")


def melody(seed):
    f0 = 220 * 2 ** (np.cumsum(np.random.default_rng(seed).normal(0, 0.02, TIMES.size)) / 1)
    return np.where((TIMES * 10 + seed) % 7 < 2, 0.0, f0)


def detuned(f0, seed, cents):
    """With errors of a spread in cents, and a tenth of the frames of the other voicing."""
    generator = np.random.default_rng([seed, 1])
    guessed = np.where(f0 > 0, f0, 300.0) * 2 ** (generator.normal(0, cents, f0.size) / 1200)
    return np.where((f0 > 0) ^ (generator.random(f0.size) < 0.1), guessed, -guessed)


@pytest.fixture
def folders(tmp_path):
    """References, a good method and a worse one."""
    for folder in ("truth", "good", "worse"):
        (tmp_path / folder).mkdir()
    for seed, name in enumerate(NAMES):
        f0 = melody(seed)
        write_f0(tmp_path / "truth" / f"{name}.csv", F0Series(TIMES, f0))
        write_f0(tmp_path / "good" / f"{name}.csv", F0Series(TIMES, detuned(f0, seed, 15)))
        write_f0(tmp_path / "worse" / f"{name}.csv", F0Series(TIMES, detuned(f0, seed, 60)))
    return tmp_path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def values(out):
    return {(row["method"], row["track"], row["metric"]): row["value"] for row in rows(out / "tracks.csv")}


def test_every_track_of_every_method_is_scored_as_mir_eval_scores_it(folders, melisma):
    outcome = melisma(
        "evaluate", folders / "truth", folders / "good", f"bad={folders / 'worse'}", "--out", folders / "r"
    )
    assert outcome.code == 0, outcome.err
    found = values(folders / "r")
    for method, folder in (("good", "good"), ("bad", "worse")):
        for name in NAMES:
            reference, estimate = (
                mir_eval.io.load_time_series(folders / which / f"{name}.csv", delimiter=",")
                for which in ("truth", folder)
            )
            theirs = mir_eval.melody.evaluate(*reference, *estimate)
            for key, ours in (
                ("Raw Pitch Accuracy", "raw_pitch_accuracy"),
                ("Raw Chroma Accuracy", "raw_chroma_accuracy"),
                ("Overall Accuracy", "overall_accuracy"),
                ("Voicing Recall", "voicing_recall"),
                ("Voicing False Alarm", "voicing_false_alarm"),
            ):
                assert float(found[method, name, ours]) == pytest.approx(theirs[key], abs=1e-9)


def test_the_summary_holds_means_and_paired_differences(folders, melisma):
    out = folders / "r"
    words = ("evaluate", folders / "truth", folders / "good", folders / "worse", "--bootstrap", 500, "--out", out)
    outcome = melisma(*words)
    assert outcome.code == 0, outcome.err
    accuracy = {
        method: np.array([float(values(out)[method, name, "raw_pitch_accuracy"]) for name in NAMES])
        for method in ("good", "worse")
    }
    summary = json.loads((out / "summary.json").read_text())
    worse = summary["methods"]["worse"]["raw_pitch_accuracy"]
    difference = accuracy["worse"] - accuracy["good"]
    assert worse["mean"] == pytest.approx(accuracy["worse"].mean(), abs=1e-12)
    assert worse["difference"] == pytest.approx(difference.mean(), abs=1e-12)
    assert difference.min() <= worse["difference_low"] < worse["difference"] < worse["difference_high"] < 0
    assert summary["compared_with"] == "good" and summary["bootstrap"]["resamples"] == 500
    (row,) = (r for r in rows(out / "summary.csv") if (r["method"], r["metric"]) == ("worse", "raw_pitch_accuracy"))
    assert float(row["difference_low"]) == worse["difference_low"]
    line = next(line for line in outcome.out.splitlines() if line.startswith("raw_pitch_accuracy "))
    assert line.split() == ["raw_pitch_accuracy", *(f"{accuracy[name].mean():.4f}" for name in ("good", "worse"))]
    assert f"{difference.mean():+.4f} [" in outcome.out and "]*" in outcome.out
    before = [(out / name).read_bytes() for name in ("tracks.csv", "summary.csv", "summary.json")]
    assert melisma(*words).code == 0
    assert before == [(out / name).read_bytes() for name in ("tracks.csv", "summary.csv", "summary.json")]
    assert sorted(path.name for path in out.iterdir()) == ["summary.csv", "summary.json", "tracks.csv"]


def test_pairs_go_by_name_and_not_by_order(folders, melisma):
    """`b` of the estimates is renamed to sort last; by order, all pairs but one would be others."""
    for name in NAMES:
        for which in ("truth", "good"):
            (folders / which / f"{name}.csv").rename(
                folders / which / f"{name}{'_REF' if which == 'truth' else '.est'}.csv"
            )
    (folders / "truth" / "notes.txt").write_text("not a table")
    out = folders / "r"
    outcome = melisma(
        "evaluate", folders / "truth", folders / "good", "--reference_suffix", "_REF", "--estimate_suffix=.est.csv",
        "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    accuracy = [float(values(out)["good", name, "raw_pitch_accuracy"]) for name in NAMES]
    assert min(accuracy) > 0.9


def test_tables_of_one_column_and_jams_files_and_other_separators_are_read(tmp_path, melisma):
    f0 = np.where(np.arange(150) % 50 < 10, 0.0, 220.0)
    truth, guess = tmp_path / "truth", tmp_path / "guess"
    truth.mkdir(), guess.mkdir()
    for name in ("one", "two"):
        (truth / f"{name}.f0ref").write_text("\n".join(f"{value:g}" for value in f0))
    (guess / "one.tsv").write_text("".join(f"{row / 100}\t{value}\n" for row, value in enumerate(f0)))
    observations = [
        {
            "time": row / 100,
            "duration": 0.0,
            "confidence": None,
            "value": {"index": 0, "frequency": 220.0, "voiced": bool(value)},
        }
        for row, value in enumerate(f0)
    ]
    annotation = {"namespace": "pitch_contour", "data": observations, "sandbox": {}, "annotation_metadata": {}}
    (guess / "two.jams").write_text(json.dumps({"annotations": [annotation], "file_metadata": {}, "sandbox": {}}))
    outcome = melisma("evaluate", truth, guess, "--reference_step", 0.01, "--out", tmp_path / "r")
    assert outcome.code == 0, outcome.err
    found = values(tmp_path / "r")
    assert [found["guess", name, "overall_accuracy"] for name in ("one", "two")] == ["1.0", "1.0"]


@pytest.mark.parametrize("method", ["good", "worse"])
def test_a_missing_track_is_refused_by_name(folders, melisma, method):
    (folders / method / "c.csv").unlink()
    (folders / "truth" / "e.csv").unlink()
    out = folders / "r"
    words = ("evaluate", folders / "truth", folders / "good", folders / "worse", "--out", out)
    outcome = melisma(*words)
    assert outcome.code == 1 and not out.exists()
    assert f"{method}: no table for 1 of 4 tracks (c) in {folders / method}" in outcome.err
    assert f"worse: no reference for 1 of {5 - (method == 'worse')} tracks (e) in {folders / 'truth'}" in outcome.err
    outcome = melisma(*words, "--allow_missing")
    assert outcome.code == 0
    assert f"left out: {method}: no table for 1 of 4 tracks (c)" in outcome.err
    assert {track for _, track, _ in values(out)} == {"a", "b", "d"}
    assert len(json.loads((out / "summary.json").read_text())["left_out"]) == 3


def test_without_any_common_track_nothing_can_be_left_out(folders, melisma):
    for path in list((folders / "good").iterdir()):
        path.rename(path.with_name(f"x{path.name}"))
    outcome = melisma("evaluate", folders / "truth", folders / "good", "--allow_missing")
    assert outcome.code == 1 and "no track is both in the references and in all estimates" in outcome.err


def test_two_files_of_one_track_are_refused(folders, melisma):
    (folders / "good" / "a.tsv").write_text("0\t220\n")
    outcome = melisma("evaluate", folders / "truth", folders / "good")
    assert outcome.code == 1 and "a.csv and a.tsv: both are of track 'a'" in outcome.err


def test_all_bad_files_are_listed_at_once_with_their_lines(folders, melisma):
    good = folders / "good"
    lines = (good / "a.csv").read_text().splitlines()
    (good / "a.csv").write_text("\n".join([*lines[:4], "0.04,nan", *lines[5:]]))
    (good / "b.csv").write_text("\n".join([*lines[:6], "0.01,220", *lines[7:]]))
    (good / "c.csv").write_text("\n".join(line.replace(",", ";") for line in lines))
    (good / "d.csv").write_text("\n".join([*lines[:9], "0.09", *lines[10:]]))
    (folders / "worse" / "e.csv").write_text("\n".join(lines[:50]) + "\n\n")
    (folders / "truth" / "e.csv").write_text("time,f0\n0.0,220\n1.99,220\n")
    outcome = melisma("evaluate", folders / "truth", good, folders / "worse", "--out", folders / "r")
    assert outcome.code == 1 and not (folders / "r").exists()
    complaints = [line.strip() for line in outcome.err.splitlines() if str(folders) in line]
    expected = [
        f"{good / 'a.csv'}, line 5: 'nan' where a finite number is expected",
        f"{good / 'b.csv'}, line 7: time 0.01 s comes after 0.05 s",
        f"{good / 'c.csv'}, line 2: one column where time and f0 are expected",
        f"{good / 'd.csv'}, line 10: one column where time and f0 are expected",
        f"{folders / 'worse' / 'e.csv'}, line 50: ends at 0.49 s, but the reference is voiced until 1.99 s",
    ]
    assert len(complaints) == len(expected)
    for complaint, start in zip(complaints, expected, strict=True):
        assert complaint.startswith(start)
    assert "melisma: 5 problems with f0 tables:" in outcome.err


def test_a_short_table_is_scored_when_that_is_allowed(folders, melisma):
    path = folders / "good" / "a.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:60]))
    words = ("evaluate", folders / "truth", folders / "good", "--out", folders / "r")
    assert "a.csv, line 60: ends at 0.59 s" in melisma(*words).err and not (folders / "r").exists()
    assert melisma(*words, "--length_tolerance", 2).code == 0
    assert float(values(folders / "r")["good", "a", "raw_pitch_accuracy"]) < 0.9


def test_resampling_brings_both_to_common_frames(folders, melisma):
    """The estimate is right in every other frame of the reference: in those that a step of two frames meets."""
    f0 = np.where(np.arange(TIMES.size) % 2, 440.0, 220.0)
    (folders / "truth" / "a.csv").unlink(), (folders / "good" / "a.csv").unlink()
    write_f0(folders / "truth" / "a.csv", F0Series(TIMES, f0))
    write_f0(folders / "good" / "a.csv", F0Series(TIMES, np.full(TIMES.size, 220.0)))
    for step, accuracy in ((None, 0.5), (0.02, 1.0)):
        words = () if step is None else ("--resample", step)
        assert melisma("evaluate", folders / "truth", folders / "good", "--out", folders / "r", *words).code == 0
        found = float(values(folders / "r")["good", "a", "raw_pitch_accuracy"])
        assert found == pytest.approx(accuracy, abs=0.01)


def test_tolerances_are_a_choice(folders, melisma):
    out = folders / "r"
    outcome = melisma("evaluate", folders / "truth", folders / "good", "--tolerances", "[50,5]", "--out", out)
    assert outcome.code == 0, outcome.err
    found = values(out)
    assert 0 < float(found["good", "a", "raw_pitch_accuracy_5"]) < float(found["good", "a", "raw_pitch_accuracy"])
    assert ("good", "a", "raw_pitch_accuracy_25") not in found


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--tolerances", "[-1]"), "--tolerances"),
        (("--resample", "0"), "--resample 0.0: it must be positive"),
        (("--bootstrap", "0"), "--bootstrap 0"),
        (("--level", "95"), "--level 95.0: it must lie between 0 and 1"),
        (("--seed", "-1"), "--seed: -1"),
        (("--length_tolerance", "-1"), "--length_tolerance -1.0"),
        (("--estimate_step", "-1"), "step: -1.0 s"),
        (("--estimate_suffix", ".est"), "no f0 table in it; none of its files ends in .est"),
        (("good",), "both are named 'good'"),
        (("=x",), "expected NAME=FOLDER"),
        (("nowhere",), "nowhere: there is no such folder"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(folders, melisma, words, complaint):
    outcome = melisma("evaluate", folders / "truth", folders / "good", *words)
    assert outcome.code == 1 and complaint in outcome.err


def scores(values):
    values = np.asarray(values, float)[..., None]
    methods = tuple(f"m{place}" for place in range(len(values)))
    return Scores(methods, tuple(map(str, range(values.shape[1]))), ("voicing_recall",), values)


def test_undefined_tracks_are_left_out_of_means_and_differences_and_counted(tmp_path):
    nan = np.nan
    summary = summarise(scores([[0.5, nan, 0.7, 0.9], [0.6, 0.4, nan, nan]]), Bootstrap(resamples=200))
    assert summary.means.mean[:, 0] == pytest.approx([0.7, 0.5])
    assert summary.means.tracks[:, 0].tolist() == [3, 2]
    assert summary.differences.mean[1, 0] == pytest.approx(0.1) and summary.differences.tracks[1, 0] == 1
    assert np.isnan(summary.differences.low[1, 0])  # of one track nothing can be said
    text = "\n".join(table_lines(summary))
    assert "0.7000 [3]" in text and "0.5000 [2]" in text and "+0.1000 [-, -]" in text
    write_report(tmp_path, summary, {})
    cell = json.loads((tmp_path / "summary.json").read_text())["methods"]["m1"]["voicing_recall"]
    assert (cell["tracks"], cell["undefined"], cell["difference_low"]) == (2, 2, None)
    assert values(tmp_path)["m0", "1", "voicing_recall"] == ""


def test_a_metric_that_is_defined_nowhere_is_neither_a_number_nor_an_error(tmp_path):
    summary = summarise(scores([[np.nan, np.nan]]), Bootstrap(resamples=10))
    assert np.isnan(summary.means.mean).all()
    write_report(tmp_path, summary, {})
    assert json.loads((tmp_path / "summary.json").read_text())["methods"]["m0"]["voicing_recall"]["mean"] is None
    assert "-" in "\n".join(table_lines(summary)).splitlines()[2]


def test_the_interval_is_that_of_a_plain_loop_and_covers_the_mean_as_often_as_it_says():
    data = np.random.default_rng(1).normal(0.3, 1.0, 40)
    low, high = Bootstrap(resamples=10_000).interval(data[:, None])[:, 0]
    generator = np.random.default_rng(2)
    loop = [generator.choice(data, data.size).mean() for _ in range(10_000)]
    assert (low, high) == pytest.approx(tuple(np.quantile(loop, [0.025, 0.975])), abs=0.02)
    generator = np.random.default_rng(3)
    samples = generator.normal(0.0, 1.0, (40, 400))
    low, high = Bootstrap(resamples=1000, level=0.8).interval(samples)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.8, abs=0.06)


def test_the_interval_depends_on_the_seed_alone(monkeypatch):
    data = np.random.default_rng(1).normal(0.3, 1.0, (30, 2))
    whole = Bootstrap(resamples=300).interval(data)
    monkeypatch.setattr("experiments.evaluation.statistics.CHUNK", 1000)
    assert np.allclose(whole, Bootstrap(resamples=300).interval(data), rtol=0, atol=1e-12)
    assert not np.allclose(whole, Bootstrap(resamples=300, seed=1).interval(data), rtol=0, atol=1e-6)


def test_a_report_that_cannot_be_written_is_named(folders, melisma):
    (folders / "r").write_text("a file")
    outcome = melisma("evaluate", folders / "truth", folders / "good", "--out", folders / "r")
    assert outcome.code == 1 and f"{folders / 'r'}: File exists; something else stands there" in outcome.err


def test_bootstrap_refuses_what_it_cannot_do():
    with pytest.raises(DataError, match="--bootstrap -3"):
        Bootstrap(resamples=-3)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--bootstrap=1000000000", "--bootstrap 1000000000: it must be at least 1, and at most 200000"),
        ("--resample=1e-12", "--resample 1e-12: it must be positive, in seconds, from 0.0001 to 1000"),
        ("--resample=.nan", "--resample nan: it must be positive"),
        ("--seed=-1", "--seed: -1; a number from 0"),
        ("--length_tolerance=.inf", "--length_tolerance inf: it must be finite"),
    ],
)
def test_a_number_that_would_fill_the_memory_is_refused_with_its_range(folders, melisma, option, reason):
    outcome = melisma("evaluate", folders / "truth", folders / "good", option)
    assert outcome.code == 1 and outcome.err.startswith(f"melisma: {reason}")


def test_a_track_with_too_many_frames_to_resample_is_refused(folders, melisma):
    for folder in ("truth", "good"):
        (folders / folder / "a.csv").write_text("0,220\n1000000,220\n")
    outcome = melisma("evaluate", folders / "truth", folders / "good", "--resample=0.001")
    assert outcome.code == 1 and "too many frames of a track of 1e+06 s; say a longer step" in outcome.err


@pytest.mark.parametrize("device", ["quantum", "cuda:99", "\U0001d11e"])
def test_a_device_that_is_not_here_is_named(melisma, tmp_path, device):
    outcome = melisma("probe", "tracker", f"--device={device}", "--out", tmp_path / "probe")
    assert outcome.code == 1 and outcome.err.startswith("melisma: --device ") and outcome.err.count("\n") == 1
