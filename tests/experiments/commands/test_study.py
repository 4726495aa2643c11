"""`melisma study`: runs that are there are judged; the slow test makes them."""

import json
from pathlib import Path

import pytest
import yaml

from tests.experiments.studies.conftest import STATED, leave_run  # noqa: F401 -- a fixture


@pytest.fixture
def study(tmp_path, leave_run, monkeypatch):  # noqa: F811
    """The path of a study whose runs are there: wide is .1 better on each of four songs."""
    monkeypatch.chdir(tmp_path)
    Path("wide.yaml").write_text(yaml.safe_dump(STATED))
    for run, better in (("narrow", 0.0), ("wide", 0.1)):
        for seed in (0, 1):
            scores = {f"song{song}": {"accuracy": 0.2 * song + better + 0.001 * seed} for song in range(4)}
            leave_run(Path("runs/studies/wide", run, f"seed{seed}"), scores)
    return "wide.yaml"


def test_it_prints_and_keeps_the_verdict(melisma, study):
    printed = melisma("study", study, "--record", "kept").out
    assert "HOLDS: Wide is better." in printed and "wide - narrow: 0.100 [0.100, 0.100], holds" in printed
    record = json.loads(Path("kept/wide.json").read_text())
    assert record == json.loads(Path("runs/studies/wide/study.json").read_text())
    assert record["kind"] == "study" and record["study"] == "wide.yaml" and record["hours"] == 2.0
    assert record["runs"]["wide"]["settings"]["model.width"] == 2
    (finding,) = record["findings"]
    assert finding["verdict"] == "holds" and finding["figures"]["narrow"]["mean"] == pytest.approx(0.3005)
    assert Path("kept/wide.png").read_bytes()[:4] == b"\x89PNG"


def test_a_figure_that_is_missing_stops_it_in_one_line(melisma, study):
    Path("runs/studies/wide/wide/seed1/validation/songs/scores.tsv").unlink()
    outcome = melisma("study", study)
    assert outcome.code == 1 and "asks for the set 'songs'" in outcome.err
    assert not Path("runs/studies/wide/study.json").exists()


@pytest.mark.long
@pytest.mark.slow
def test_a_study_of_real_runs(melisma, small_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stated = {
        **STATED,
        "recipe": str(small_recipe),
        "settings": {"trainer.val_check_interval": 3, "trainer.callbacks": None},
        "runs": {"longer": {}, "shorter": {"trainer.max_steps": 3}},
        "findings": [
            {
                **{"claim": "Longer is surer.", "published": "nothing", "metric": "mine/voiced_confidence"},
                "order": ["shorter", "longer"],
            },
        ],
    }
    Path("longer.yaml").write_text(yaml.safe_dump(stated))
    assert "Longer is surer." in melisma("study", "longer.yaml", "--jobs", "2").out
    record = json.loads(Path("runs/studies/longer/study.json").read_text())
    assert record["findings"][0]["figures"]["longer"]["mean"] > 0
    assert [each.split(" on ")[0] for each in record["hardware"]] == ["1 threads"]
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("record.json")}
    assert len(before) == 4
    melisma("study", "longer.yaml")  # all are finished
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("record.json")} == before
