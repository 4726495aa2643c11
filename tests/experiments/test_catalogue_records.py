"""Records: the committed ones, what a run left, and what is refused."""

import copy
import json
import re
from pathlib import Path

import pytest

from datamodules.errors import DataError
from experiments.catalogue.figures import FigurePlace, RecordedFigure
from experiments.catalogue.records import FAMILIES, read_record, read_records
from experiments.catalogue.studies import read_studies, read_study
from tests.experiments.invented_records import RECORD, STUDY

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FILES = sorted(file for family in FAMILIES for file in (EXPERIMENTS / family / "records").glob("*.json"))
STUDIES = sorted((EXPERIMENTS / "studies" / "records").glob("*.json"))


def written(tmp_path, stated):
    file = tmp_path / "mine.json"
    file.write_text(stated if isinstance(stated, str) else json.dumps(stated))
    return file


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_committed_record_is_read_and_names_a_recipe_that_is_there_and_a_figure(file):
    record = read_record(file, file.relative_to(EXPERIMENTS).as_posix())
    assert record.headline in record.figures
    assert record.commit and re.fullmatch(r"[0-9a-f]{40}", record.commit)
    if record.kind == "run":
        assert (EXPERIMENTS.parent / record.recipe).is_file()


@pytest.mark.parametrize("file", [*FILES, *STUDIES], ids=lambda file: file.stem)
def test_no_record_names_a_path_of_the_machine_that_it_was_made_on(file):
    assert re.findall(r"[\"' =](?:/(?:home|root|Users|tmp|work|mnt|data)/|[A-Z]:\\|~/)[^\"]*", file.read_text()) == []


def test_all_committed_records_and_studies_are_read():
    assert set(read_records(EXPERIMENTS)) == {file.stem for file in FILES}
    assert set(read_studies(EXPERIMENTS)) == {file.stem for file in STUDIES}


def test_figures_settings_and_facts_of_a_record(tmp_path):
    record = read_record(written(tmp_path, RECORD), "phonemes/records/mine.json")
    place = FigurePlace("test", "an4", "all", "error", "greedy")
    assert record.figures == {place: RecordedFigure(0.5, (0.4, 0.6), (0.1, 0.0, 0.2))}
    assert record.headline == place
    assert record.settings == {("test", "greedy"): "no beam"}
    assert record.facts == {"parameters": 12, "hours": 0.5}
    assert (record.name, record.commit, record.recipe) == ("mine", "abc", "experiments/phonemes/mine.yaml")


def test_what_a_run_leaves_in_its_folder_is_a_record_as_it_is(trained_run, small_recipe):
    left = json.loads((trained_run / "record.json").read_text())
    record = read_record(trained_run / "record.json", "melody/records/small.json")
    assert left["best"]["metric"] == "val/mine/raw_pitch_accuracy" and record.kind == "run"
    place = FigurePlace("validation", "mine", "all", "raw_pitch_accuracy", "network")
    assert record.headline == place
    assert record.figures[place] == RecordedFigure(left["best"]["value"])
    epochs = {each.evaluation for each in record.figures} - {"validation"}
    assert epochs == {f"epoch {each['epoch'] + 1}" for each in left["validations"]}
    assert record.facts["parameters"] == left["parameters"]


def test_the_recipe_of_a_run_is_the_last_configuration_of_its_command(tmp_path):
    run = {"command": ["melisma", "fit", "--config", "base.yaml", "--config", "mine.yaml", "--data.seed", "1"]}
    assert read_record(written(tmp_path, {"kind": "run", "run": run}), "").recipe == "mine.yaml"
    run["command"] = ["melisma", "fit", "--config=mine.yaml"]
    assert read_record(written(tmp_path, {"kind": "run", "run": run}), "").recipe == "mine.yaml"


def test_ends_of_logged_intervals_belong_to_their_figure_and_the_best_validation_counts(tmp_path):
    validations = [
        {"step": step, "epoch": step // 10, "metrics": {"val/a/f": f, "val/a/f_low": f - 0.1, "val/a/f_high": f + 0.1}}
        for step, f in ((10, 0.25), (20, 0.75), (30, 0.5))
    ]
    run = {"validations": validations, "best": {"metric": "val/a/f", "value": 0.75, "step": 20, "epoch": 2}}
    figures = read_record(written(tmp_path, {"kind": "run", "run": run}), "").figures
    assert {place.metric for place in figures} == {"f"}
    assert figures[FigurePlace("validation", "a", "all", "f", "network")] == RecordedFigure(0.75, (0.65, 0.85))
    assert figures[FigurePlace("epoch 4", "a", "all", "f", "network")].value == 0.5


def changed(path, value):
    """The record above with another value; None: without the key."""
    stated = copy.deepcopy(RECORD)
    *keys, last = path.split(".")
    inner = stated
    for key in keys:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return stated


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("{", "line 1: not valid JSON"),
        ("[]", "an object is expected"),
        (changed("kind", "recipe"), "kind: one of run, comparison is expected, not 'recipe'"),
        (changed("run", None), "run: an object is expected"),
        (changed("note", "a"), "note: there is no such key"),
        (changed("headline.metric", "accuracy"), "headline: the record has no such figure"),
        (changed("headline.part", None), "headline: evaluation, set, part, metric, method are expected"),
        (changed("evaluations.test.figures.an4.all.error.greedy", 0.5), "error.greedy: an object is expected"),
        (changed("evaluations.test.figures.an4.all.error.greedy.value", "0.5"), "a figure is"),
        (changed("evaluations.test.figures.an4.all.error.greedy.value", True), "a figure is"),
        (changed("evaluations.test.figures.an4.all.error.greedy.mean", 0.5), "a figure is"),
        (changed("evaluations.test.figures.an4.all.error.greedy.interval", [0.5]), "interval: .low, high. is expected"),
        (changed("evaluations.test.figures.an4.all.error.greedy.difference", [0.5, 0.4]), "difference, low, high"),
        (changed("evaluations.test.figures", None), "evaluations.test.figures: an object is expected"),
    ],
)
def test_what_is_no_record_is_refused_with_its_file_and_key(tmp_path, stated, message):
    file = written(tmp_path, stated)
    with pytest.raises(DataError, match=message) as error:
        read_record(file, "")
    assert str(file) in str(error.value)


def test_two_records_of_a_name_are_refused(tmp_path):
    for family in ("melody", "phonemes"):
        folder = tmp_path / family / "records"
        folder.mkdir(parents=True)
        written(folder, RECORD)
    with pytest.raises(DataError, match=r"melody/records/mine\.json has the same name"):
        read_records(tmp_path)


def test_a_study_names_the_recipe_of_each_run_and_what_became_of_its_findings(tmp_path):
    file = written(tmp_path, STUDY)
    study = read_study(file, "studies/records/mine.json")
    assert study.commit == "abc def"
    assert study.runs["fine"].recipe == "experiments/melody/fine.yaml" and study.runs["fine"].changed == frozenset()
    assert study.runs["coarse"].recipe == "experiments/melody/coarse.yaml" and study.runs["coarse"].changed == {
        "model.bins"
    }
    (finding,) = study.findings
    assert finding.verdict == "holds"
    assert finding.figures == {"coarse": None, "fine": RecordedFigure(0.7, (0.65, 0.75))}
    assert not study.has_picture
    file.with_suffix(".png").write_bytes(b"")
    assert read_study(file, "").has_picture


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "run", "kind: study is expected, not 'run'"),
        ("family", "songs", "family: one of melody"),
        ("question", None, "the key question is missing"),
        ("runs", [], "no record of a study"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path, key, value, message):
    stated = {name: each for name, each in {**STUDY, key: value}.items() if each is not None}
    with pytest.raises(DataError, match=message):
        read_study(written(tmp_path, stated), "")
