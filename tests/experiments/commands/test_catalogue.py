"""`melisma catalogue`: every experiment with its figures, and the tables that are made of records."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.experiments.catalogue import SWEEPS, recipes
from tests.experiments.invented_records import STUDY

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
COLUMNS = "experiment,family,question,parameters,published,ours,verdict,stand_in,record,commit".split(",")


@pytest.fixture
def copied(tmp_path):
    """The recipes, sweeps, records and documents of experiments/."""
    kept = {".md", ".json", ".yaml", ".png"}
    return shutil.copytree(
        EXPERIMENTS,
        tmp_path / "experiments",
        ignore=lambda at, names: [
            name for name in names if (Path(at) / name).is_file() and Path(name).suffix not in kept
        ],
    )


def rows_of(outcome):
    assert outcome.code == 0, outcome.err
    return list(csv.DictReader(io.StringIO(outcome.out)))


def test_every_recipe_and_sweep_is_printed_with_its_question(melisma):
    rows = rows_of(melisma("catalogue", "--csv"))
    assert list(rows[0]) == COLUMNS
    families = ("melody", "classification", "phonemes")
    wanted = {(family, path.stem) for family in families for path in recipes(family)}
    assert {(row["family"], row["experiment"]) for row in rows if "/" not in row["experiment"]} == wanted
    assert {row["experiment"] for row in rows if "/" in row["experiment"]} == {f"sweeps/{path.stem}" for path in SWEEPS}
    assert all(row["question"].endswith("?") for row in rows)
    assert all(row["published"] for row in rows if "/" not in row["experiment"])


def test_rows_are_sorted_and_of_one_family_if_asked(melisma):
    rows = rows_of(melisma("catalogue", "--csv", "--family", "phonemes"))
    names = [row["experiment"] for row in rows]
    assert names == sorted(names) and {row["family"] for row in rows} == {"phonemes"}


def test_a_sweep_is_of_the_family_of_its_recipe_and_expects_what_that_does(melisma):
    rows = {row["experiment"]: row for row in rows_of(melisma("catalogue", "--csv"))}
    sweep, recipe = rows["sweeps/crepe_win"], rows["crepe_win"]
    assert sweep["published"] == recipe["published"] and sweep["family"] == "melody"
    assert rows["sweeps/hcnn_mirex_undertones"]["published"].startswith("Expected for 0 to 5: RPA .721")


def test_the_text_has_a_line_for_each_row_and_markdown_all_of_it(melisma):
    rows = rows_of(melisma("catalogue", "--csv", "--family", "classification"))
    text = melisma("catalogue", "--family", "classification").out.splitlines()
    assert len(text) == len(rows) + 1
    assert all(line.startswith(row["experiment"]) for line, row in zip(text[1:], rows, strict=True))
    markdown = melisma("catalogue", "--family", "classification", "--markdown").out.splitlines()
    assert len(markdown) == len(rows) + 2
    assert all(line.count(" | ") == len(COLUMNS) - 1 for line in [markdown[0], *markdown[2:]])
    for line, row in zip(markdown[2:], rows, strict=True):
        assert row["published"] in line and row["question"] in line


def test_without_its_record_an_experiment_has_no_figure(melisma, copied):
    def row():
        rows = rows_of(melisma("catalogue", "--csv", "--experiments", copied))
        return next(row for row in rows if row["experiment"] == "fsdd_m3_8k")

    record = copied / "classification" / "records" / "fsdd_m3_8k.json"
    stated = json.loads(record.read_text())
    found = row()
    assert found["ours"] == "fsdd: accuracy .734 [.694, .771]"
    assert (found["record"], found["commit"]) == ("classification/records/fsdd_m3_8k.json", stated["run"]["commit"])
    record.unlink()
    left = row()
    assert [left[key] for key in ("ours", "verdict", "record", "commit")] == [""] * 4
    assert left["question"] == found["question"]


def test_the_figure_of_a_study_comes_with_its_verdict_and_stand_in(melisma, copied):
    runs = {
        "narrow": {"settings": {"recipe": "experiments/melody/baselines/fft.yaml", "model.bins": 1}},
        "as it is": {"settings": {"recipe": "experiments/melody/baselines/fft.yaml"}},
    }
    figures = {name: {"mean": mean, "low": 0.1, "high": 0.9} for name, mean in (("narrow", 0.3), ("as it is", 0.6))}
    study = {**STUDY, "runs": runs, "findings": [{**STUDY["findings"][0], "figures": figures}]}
    folder = copied / "studies" / "records"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "invented.json").write_text(json.dumps(study))
    rows = rows_of(melisma("catalogue", "--csv", "--experiments", copied))
    (row,) = (row for row in rows if row["record"] == "studies/records/invented.json")
    assert row["experiment"] == "fft"
    assert row["ours"] == "mixes: raw_pitch_accuracy as it is .600 [.100, .900]"
    assert (row["verdict"], row["stand_in"], row["commit"]) == ("holds", "Contours.", "abc def")


def test_a_sweep_has_the_findings_about_what_it_sweeps_over(melisma, copied):
    recipe = "experiments/melody/wavenet/wavenet_base.yaml"
    network = "model.init_args.network.init_args"
    runs = {
        "narrow": {"settings": {f"{network}.channels": 4}},
        "wide": {"settings": {}},
        "long": {"settings": {f"{network}.dropout": 0.5}},
        "other": {"settings": {"recipe": "experiments/melody/wavenet/wavenet_small.yaml"}},
    }
    figures = {name: {"mean": 0.5, "low": 0.4, "high": 0.6} for name in runs}

    def finding(*names):
        return {**STUDY["findings"][0], "figures": {name: figures[name] for name in names}}

    findings = [finding("narrow", "wide"), finding("long", "wide"), finding("wide", "other")]
    folder = copied / "studies" / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    (folder / "invented.json").write_text(json.dumps({**STUDY, "recipe": recipe, "runs": runs, "findings": findings}))
    rows = rows_of(melisma("catalogue", "--csv", "--experiments", copied))
    found = [(row["experiment"], row["ours"]) for row in rows if row["record"] and "/" in row["experiment"]]
    text = "mixes: raw_pitch_accuracy narrow .500 [.400, .600]; wide .500 [.400, .600]"
    assert found == [("sweeps/wavenet_channels", text)]


def test_check_names_the_stale_table_and_write_makes_it_anew(melisma, copied):
    assert melisma("catalogue", "--check", "--experiments", copied).code == 0
    document = copied / "classification" / "RESULTS.md"
    before = document.read_text()
    assert "| .734 [.694, .771] |" in before
    document.write_text(before.replace("| .734 [.694, .771] |", "| .934 [.894, .971] |"))
    outcome = melisma("catalogue", "--check", "--experiments", copied)
    assert outcome.code == 1
    assert f"{document}, table of line" in outcome.err and "melisma catalogue --write" in outcome.err
    assert str(document) in melisma("catalogue", "--write", "--experiments", copied).out
    assert document.read_text() == before
    assert melisma("catalogue", "--write", "--experiments", copied).out.startswith("all tables are")


def test_a_bad_record_is_one_line(melisma, copied):
    file = copied / "melody" / "records" / "crepe_public.json"
    file.write_text("{}")
    for words in (["--check"], ["--write"], []):
        outcome = melisma("catalogue", *words, "--experiments", copied)
        assert outcome.code == 1
        assert outcome.err.startswith(f"melisma: {file}: kind: one of run, comparison") and outcome.err.count("\n") == 1


def test_one_form_at_a_time(melisma):
    outcome = melisma("catalogue", "--csv", "--markdown")
    assert outcome.code == 2 and "one of --markdown, --csv, --write and --check" in outcome.err
    assert melisma("catalogue", "--family", "songs").code == 2
