"""Tables of RESULTS.md: what the committed ones say, and what becomes of a figure without its record."""

import json
import re
import shutil
from pathlib import Path

import pytest

from datamodules.errors import DataError
from experiments.catalogue.documents import Results
from experiments.catalogue.figures import RecordedFigure
from experiments.catalogue.numbers import difference, interval, number
from experiments.catalogue.records import FAMILIES
from tests.experiments.invented_records import STUDY

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RECORDS = sorted(file for family in FAMILIES for file in (EXPERIMENTS / family / "records").glob("*.json"))
END = "<!-- end of table -->"
FIGURE = re.compile(r"\d?\.\d+")


def with_figures(method_figures, commit="abc", **keys):
    """A record of the evaluation `test` of the set `an4`, by metric and method."""
    figures = {"an4": {"all": method_figures}}
    run = {"commit": commit, "parameters": 1234567, "hours": 0.046}
    return {
        "kind": "run",
        "run": run,
        "evaluations": {"test": {"settings": {"greedy": "no beam"}, "figures": figures}},
        **keys,
    }


@pytest.fixture
def folder(tmp_path):
    """A folder `experiments` with two records."""
    experiments = tmp_path / "experiments"
    for family in FAMILIES:
        (experiments / family / "records").mkdir(parents=True)
    records = {
        "one": with_figures({
            "error": {
                "greedy": {"value": 0.25, "interval": [0.2, 0.3], "difference": [-0.0114, -0.02, -0.001]},
                "beam": {"value": 0.2346, "difference": [0.02, -0.01, 0.05]},
            },
            "edits": {"greedy": {"value": 12.345}, "beam": {"value": 0.5}},
        }),
        "two": with_figures({"error": {"greedy": {"value": 0.125}}}),
    }  # fmt: skip
    for name, record in records.items():
        (experiments / "phonemes" / "records" / f"{name}.json").write_text(json.dumps(record))
    return experiments


def table(folder, definition, name="RESULTS.md"):
    """The lines that a definition becomes, in a document of the folder."""
    file = folder / "phonemes" / name
    file.write_text(f"# Title\n\n<!-- table\n{definition}\n-->\n{END}\n")
    Results.read(folder).write()
    text = file.read_text()
    assert text.startswith(f"# Title\n\n<!-- table\n{definition}\n-->\n\n") and text.endswith(f"\n\n{END}\n")
    return text.split("-->\n\n")[1].split(f"\n\n{END}")[0].splitlines()


SELECT = "select: {evaluation: test, set: an4, method: greedy}"


def test_the_committed_tables_are_what_the_records_say():
    assert list(Results.read(EXPERIMENTS).stale()) == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The documents and records of experiments/, to be changed by one test at a time."""
    folder = tmp_path_factory.mktemp("copied") / "experiments"
    kept = {".md", ".json", ".yaml"}
    shutil.copytree(
        EXPERIMENTS,
        folder,
        ignore=lambda at, names: [
            name for name in names if (Path(at) / name).is_file() and Path(name).suffix not in kept
        ],
    )
    return folder


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(file, id=file.stem, marks=() if place < 4 else pytest.mark.long)
        for place, file in enumerate(RECORDS)
    ],
)
def test_without_its_record_a_figure_vanishes_from_the_tables(copied, record):
    family = record.relative_to(EXPERIMENTS).parts[0]
    file, document = copied / record.relative_to(EXPERIMENTS), copied / family / "RESULTS.md"
    before, kept = document.read_bytes(), file.read_bytes()
    file.unlink()
    try:
        results = Results.read(copied)
        assert any(str(document) in message for message in results.stale())
        texts = before.decode(), results.regenerated(document)
        there, left = ([line for line in text.splitlines() if line.startswith("|")] for text in texts)
        assert len(FIGURE.findall("".join(left))) < len(FIGURE.findall("".join(there)))
        assert [line for line in texts[0].splitlines() if line not in there] == [
            line for line in texts[1].splitlines() if line not in left
        ]
    finally:
        file.write_bytes(kept)
    assert Results.read(copied).regenerated(document) == before.decode()


def test_a_row_of_figures_is_gone_with_its_record_and_a_cell_says_that_it_is(folder):
    definition = (
        f"{SELECT}\nlabels: [recipe]\nrows: [{{label: first, record: one}}, {{label: second, record: two}}]\n"
        "columns: [{title: PER, metric: error}, {title: other, record: two, metric: error}]"
    )
    assert table(folder, definition) == [
        "| recipe | PER | other |",
        "|---|---|---|",
        "| first | .250 | .125 |",
        "| second | .125 | .125 |",
    ]
    (folder / "phonemes" / "records" / "two.json").unlink()
    assert table(folder, definition)[2:] == ["| first | .250 | - |"]


def test_a_figure_put_in_by_hand_is_found(folder):
    definition = f"{SELECT}\nrows: [{{label: first, record: one}}]\ncolumns: [{{title: PER, metric: error}}]"
    table(folder, definition)
    assert list(Results.read(folder).stale()) == []
    file = folder / "phonemes" / "RESULTS.md"
    file.write_text(file.read_text().replace("| .250 |", "| .150 |"))
    (message,) = Results.read(folder).stale()
    assert message == (
        f"{file}, table of line 3: line 11 is not what the records say\n"
        "  there: | first | .150 |\n  recorded: | first | .250 |"
    )
    Results.read(folder).write()
    file.write_text(file.read_text().replace(END, f"| by hand | .1 |\n\n{END}"))
    assert len(list(Results.read(folder).stale())) == 1
    Results.read(folder).write()
    assert list(Results.read(folder).stale()) == []


def test_a_table_without_a_marker_has_no_record(folder):
    file = folder / "phonemes" / "RESULTS.md"
    file.write_text("# Title\n\n| a | b |\n|---|---|\n| mine | .999 |\n")
    (message,) = Results.read(folder).stale()
    assert message == f"{file}, line 3: a table without a marker: its figures have no record"
    file.rename(file.with_name("README.md"))  # tables of other kinds stand in other files
    assert list(Results.read(folder).stale()) == []


def test_prose_is_kept_byte_for_byte(folder):
    definition = f"<!-- table\n{SELECT}\nrows: [{{record: one}}]\ncolumns: [{{title: PER, metric: error}}]\n-->\n"
    prose = ["# Títle \t\n\n", "\n  between\x0b | tables\r\n\n\n", "\nno line end"]
    file = folder / "phonemes" / "RESULTS.md"
    file.write_bytes("".join([prose[0], definition, f"stale\n{END}", prose[1], definition, END, prose[2]]).encode())
    Results.read(folder).write()
    made = f"{definition}\n|  | PER |\n|---|---|\n|  | .250 |\n\n{END}".replace("|  | PER", "| | PER")
    assert file.read_bytes().decode() == "".join([prose[0], made, prose[1], made, prose[2]])
    assert Results.read(folder).write() == []


def test_groups_best_intervals_differences_and_facts(folder):
    lines = table(
        folder,
        "select: {evaluation: test, set: an4}\n"
        "labels: [decoder, recipe]\n"
        "groups: [{method: greedy, label: greedy, interval: true}, {method: beam, label: beam, difference: true}]\n"
        "rows: [{record: one, label: one}, {record: two, label: two}]\n"
        "columns:\n"
        "  - {title: size, fact: parameters}\n"
        "  - {title: hours, fact: hours}\n"
        "  - {title: settings, fact: settings}\n"
        "  - {title: PER, metric: error, best: lowest}\n"
        "  - {title: edits, show: '{error} of {edits:1}', best: highest}\n",
    )
    assert lines == [
        "| decoder | recipe | size | hours | settings | PER | edits |",
        "|---|---|---|---|---|---|---|",
        "| greedy | one | 1 234 567 | 0.05 | no beam | .250 [.200, .300] | **.250** of 12.3 |",
        "|  | two | 1 234 567 | 0.05 | no beam | **.125** | .125 of - |",
        "| beam | one | 1 234 567 | 0.05 | - | .235 (+.020 [-.010, +.050]) | .235 of 0.5 |",
        "|  | two | 1 234 567 | 0.05 | - | - | - |",
    ]


def test_the_facts_of_a_run_are_those_of_its_own_network(folder):
    file = folder / "phonemes" / "records" / "one.json"
    headline = {"evaluation": "test", "set": "an4", "part": "all", "metric": "error", "method": "greedy"}
    file.write_text(json.dumps({**json.loads(file.read_text()), "headline": headline}))
    lines = table(
        folder,
        "select: {record: one, evaluation: test, set: an4}\n"
        "rows: [{method: greedy}, {method: beam}, {method: beam, facts: one}]\n"
        "columns: [{title: size, fact: parameters}, {title: PER, metric: error}]",
    )
    assert [line.split(" | ")[1] for line in lines[2:]] == ["1 234 567", "-", "1 234 567"]


def test_a_star_says_that_the_interval_of_a_difference_leaves_out_0(folder):
    definition = f"{SELECT}\nrows: [{{record: one}}]\ncolumns: [{{title: PER, metric: error, difference: true}}]"
    assert table(folder, definition)[2] == "|  | .250 (-.011 [-.020, -.001]*) |"


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (0.3695, 3, "", ".370"),
        (-0.00049, 3, "+", "-.000"),
        (0.99951, 3, "", "1.000"),
        (10.5, 3, "", "10.500"),
        (0.046, 2, "", "0.05"),
        (1234567, 0, "", "1 234 567"),
        (0.5, 1, "+", "+0.5"),
        (0, 3, "", ".000"),
        (1e-7, 3, "", ".000"),
    ],
)
def test_numbers(value, digits, sign, text):
    assert number(value, digits, sign) == text


def test_an_estimate_without_its_ends_is_nothing():
    assert difference(RecordedFigure(0.5), 3) == ""
    assert interval((0.1, 1.0), 3) == "[.100, 1.000]"


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("a: [", "line 3: table, line 1: not valid YAML"),
        ("- a", "line 3: keys are expected"),
        ("kind: figure", "line 3: kind: one of figures, verdicts, studied is expected, not 'figure'"),
        ("columns: []", "line 3: rows: a list is expected"),
        ("rows: []", "line 3: columns: a list is expected"),
        ("select: {dataset: a}\nrows: []\ncolumns: []", "select: dataset: there is no such key"),
        ("rows: []\ncolumns: [{name: a}]", r"columns\[0\]: name: there is no such key"),
        ("rows: [{title: a}]\ncolumns: []", r"rows\[0\]: title: there is no such key"),
        ("rows: [{record: one}]\ncolumns: [{title: a}]", r"rows\[0\], columns\[0\]: one of metric, show and fact"),
        ("rows: [{label: one}]\ncolumns: [{title: a, metric: error}]", r"rows\[0\], columns\[0\]: record: which one"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_file_and_line(folder, definition, message):
    with pytest.raises(DataError, match=message) as error:
        table(folder, definition)
    assert str(folder / "phonemes" / "RESULTS.md") in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<!-- table\nkind: studied\n-->\n", 1),
        (f"a\n\n{END}\n", 3),
        (f"<!-- table\nkind: studied\n-->\n\n<!-- table\nkind: studied\n-->\n{END}\n", 1),
    ],
)
def test_a_marker_without_its_other_end_is_refused(folder, text, line):
    file = folder / "phonemes" / "RESULTS.md"
    file.write_text(text)
    with pytest.raises(DataError, match=f"line {line}: this marker has no other end"):
        Results.read(folder).write()
    assert file.read_text() == text


def recorded_study(folder, **keys):
    place = folder / "studies" / "records"
    place.mkdir(parents=True, exist_ok=True)
    (place / "bins.json").write_text(json.dumps({**STUDY, **keys}))
    (place / "bins.png").write_bytes(b"")
    (folder / "studies" / "melody").mkdir(exist_ok=True)
    (folder / "studies" / "melody" / "bins.yaml").write_text("")
    return place / "bins.json"


def test_a_verdict_says_what_was_tried(folder):
    (finding,) = STUDY["findings"]
    recorded_study(folder, findings=[{**finding, "verdict": "undecided", "tried": "800 steps"}])
    assert table(folder, "kind: verdicts")[-1].endswith("| **undecided**; tried: 800 steps |")


def test_verdicts_are_counted_and_each_study_has_a_table_with_links_to_it_and_its_picture(folder):
    assert table(folder, "kind: verdicts") == ["No study has been recorded yet."]
    recorded_study(folder)
    file = folder / "studies" / "README.md"
    file.write_text(f"<!-- table\nkind: verdicts\n-->\n{END}\n")
    Results.read(folder).write()
    assert file.read_text().splitlines()[4:-2] == [
        "Of 1 findings in 1 study: 1 hold, 0 do not, 0 are undecided.",
        "",
        "**Are fine bins better?** melody: [bins](melody/bins.yaml), [picture](records/bins.png)",
        "",
        "Tried with 3 seeds of each run, 0.2 hours on one core. Contours.",
        "",
        "| claim | published | ours | verdict |",
        "|---|---|---|---|",
        "| Fine bins are better. | RPA .6 and .7 | coarse -; fine .700 [.650, .750]; difference +.100 [+.050, +.150] | "
        "holds |",
    ]
    assert table(folder, "kind: verdicts\nfamily: phonemes") == ["No study has been recorded yet."]
    assert len(table(folder, "kind: verdicts\nfamily: melody")) == 9


def test_the_differences_of_a_longer_order_are_named(folder):
    (finding,) = STUDY["findings"]
    comparisons = [
        {"runs": runs, "mean": 0.1, "low": -0.1, "high": 0.3, "verdict": "undecided"}
        for runs in (["a", "b"], ["b", "c"])
    ]
    recorded_study(folder, findings=[{**finding, "comparisons": comparisons}])
    assert "; a to b +.100 [-.100, +.300]; b to c +.100 [-.100, +.300] |" in table(folder, "kind: verdicts")[-1]


def test_a_recipe_that_was_studied_has_its_figure_and_verdict_and_loses_it_with_the_record(folder):
    for name in ("fine", "coarse"):
        (folder / "melody" / f"{name}.yaml").write_text("# Why?\n# 10 parameters. Expected: RPA .7 (thesis).\na: 1\n")
    record = recorded_study(folder)
    assert table(folder, "kind: studied\nfamily: melody")[2:] == [
        "| `fine` | Expected: RPA .7 (thesis). | mixes: raw_pitch_accuracy fine .700 [.650, .750] | holds | "
        "[bins](../studies/records/bins.json) |"
    ]
    record.unlink()
    assert table(folder, "kind: studied\nfamily: melody") == ["No study has been recorded yet."]


def test_a_document_without_markers_stays_what_it_is(folder):
    file = folder / "notes.md"
    file.write_text("| a |\n")
    assert Results.read(folder).documents() == []
    assert Results.read(folder).write() == []
