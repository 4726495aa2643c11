import numpy as np
import pytest

from datamodules import DataError
from experiments.studies.results import StudyResults, fluctuation, is_finished, read_record, unit_figures
from experiments.studies.study import PublishedFinding

SCORES = {
    "song1_a": {"accuracy": 0.5, "edits": 1, "phones": 10},
    "song1_b": {"accuracy": 0.7, "edits": 5, "phones": 10},
    "song2_a": {"accuracy": "", "edits": 3, "phones": 30},
}


def test_the_items_of_a_cluster_are_one_unit(tmp_path, leave_run):
    leave_run(tmp_path, SCORES)
    assert unit_figures(tmp_path, "songs/accuracy", None) == pytest.approx(
        {"song1_a": 0.5, "song1_b": 0.7, "song2_a": np.nan}, nan_ok=True
    )
    assert unit_figures(tmp_path, "songs/accuracy", r"^(\w+)_") == pytest.approx(
        {"song1": 0.6, "song2": np.nan}, nan_ok=True
    )
    assert unit_figures(tmp_path, "songs/edits/phones", r"^(\w+)_") == {"song1": 0.3, "song2": 0.1}


def test_a_table_of_another_callback_is_read_in_its_place(tmp_path, leave_run):
    leave_run(tmp_path, SCORES)
    (tmp_path / "validation" / "songs" / "gaps.tsv").write_text("id\tgap\nsong1_a\t0.5\nsong2_a\t\n")
    gaps = unit_figures(tmp_path, "songs/gap", None, "gaps")
    assert gaps == pytest.approx({"song1_a": 0.5, "song2_a": np.nan}, nan_ok=True)
    with pytest.raises(DataError, match=r"pitches\.tsv: there is none"):
        unit_figures(tmp_path, "songs/gap", None, "pitches")


@pytest.mark.parametrize(
    ("metric", "clusters", "message"),
    [
        ("speech/accuracy", None, "asks for the set 'speech'"),
        ("songs/acuracy", None, "no column 'acuracy'; there are id, accuracy"),
        ("songs/accuracy", r"^(\d+)", "clusters: .* is not found in the id 'song1_a'"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, leave_run, metric, clusters, message):
    leave_run(tmp_path, SCORES)
    with pytest.raises(DataError, match=message):
        unit_figures(tmp_path, metric, clusters)


def test_fluctuation_is_that_of_the_second_half(tmp_path, leave_run):
    leave_run(tmp_path, SCORES, history=[0.0, 0.9, 0.5, 0.6, 0.4, 0.5])
    assert fluctuation(read_record(tmp_path), "songs/accuracy") == pytest.approx((0.2 + 0.1) / 2)
    leave_run(tmp_path / "short", SCORES, history=[0.1, 0.2])
    with pytest.raises(DataError, match="2 validations logged it; four or more"):
        fluctuation(read_record(tmp_path / "short"), "songs/accuracy")


def test_a_run_is_finished_when_its_record_says_so(tmp_path, leave_run):
    assert not is_finished(tmp_path)
    leave_run(tmp_path / "cut", SCORES, finished=False)
    leave_run(tmp_path / "whole", SCORES)
    assert not is_finished(tmp_path / "cut") and is_finished(tmp_path / "whole")


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(DataError, match=r"record\.json, line 1: not valid JSON"):
        read_record(tmp_path)


def test_folds_and_seeds_make_the_figures_of_a_finding(tmp_path, leave_run, made_study):
    study = made_study(folds={"first": {}, "second": {}})
    for planned in study.plan():
        value = planned.seed + (0.5 if planned.run == "wide" else 0.0)
        leave_run(tmp_path / planned.place, {f"{planned.fold}_x": {"accuracy": value}}, history=[value] * 4)
    values = StudyResults(study, tmp_path).of_finding(study.findings[0])
    assert {run: each.tolist() for run, each in values.items()} == {
        "narrow": [[0.0, 0.0], [1.0, 1.0]],
        "wide": [[0.5, 0.5], [1.5, 1.5]],
    }
    steady = PublishedFinding("c", "p", "songs/accuracy", order=["narrow", "wide"], of="fluctuation")
    assert StudyResults(study, tmp_path).of_finding(steady)["wide"].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_runs_that_were_scored_on_different_items_cannot_be_compared(tmp_path, leave_run, made_study):
    study = made_study()
    for planned in study.plan():
        leave_run(tmp_path / planned.place, {planned.run: {"accuracy": 1.0}})
    with pytest.raises(DataError, match="scored on different items"):
        StudyResults(study, tmp_path).of_finding(study.findings[0])
