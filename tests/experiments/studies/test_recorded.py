"""What a study leaves, as the catalogue reads it."""

import json

import pytest

from experiments.catalogue.studies import read_study
from experiments.studies.report import write


def test_the_catalogue_reads_what_a_study_leaves(tmp_path, leave_run, made_study):
    study = made_study(runs={"narrow": {}, "wide": {"model.width": 2, "recipe": "wide.yaml"}})
    for planned in study.plan():
        for_run = {"narrow": 0.25, "wide": 0.75}[planned.run]
        leave_run(tmp_path / "runs" / planned.place, {f"{song}": {"accuracy": for_run} for song in "abc"})
    record = write(study, "experiments/studies/melody/wide.yaml", tmp_path / "runs", tmp_path / "kept")
    kept = tmp_path / "kept" / "runs.json"
    assert json.loads(kept.read_text()) == record
    read = read_study(kept, "studies/records/runs.json")
    assert (read.study, read.question, read.family) == (record["study"], study.question, study.family)
    assert (read.stand_in, read.commit, read.has_picture) == (study.stand_in, "0" * 40, True)
    assert read.runs["narrow"].recipe == study.recipe and read.runs["narrow"].changed == frozenset()
    assert read.runs["wide"].recipe == "wide.yaml" and read.runs["wide"].changed == {"model.width"}
    (finding,) = read.findings
    assert finding.verdict == record["findings"][0]["verdict"] == "holds"
    figure = finding.figures["wide"]
    assert figure.value == pytest.approx(0.75) and figure.interval == pytest.approx((0.75, 0.75))
