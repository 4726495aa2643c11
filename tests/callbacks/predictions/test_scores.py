import csv

import numpy as np
import pytest

from callbacks import ItemScores, run_folder
from tests.callbacks.conftest import CLIPS


def read(trainer, stage):
    with (run_folder(trainer) / stage / "toy" / "scores.tsv").open() as file:
        return {row.pop("id"): row for row in csv.DictReader(file, delimiter="\t")}


def test_clips_have_their_loss_and_whether_they_are_right(quiet, toy_classifier):
    trainer = quiet(ItemScores())
    trainer.validate(toy_classifier())
    table = read(trainer, "validate")
    assert list(table) == sorted(CLIPS)
    for name, (label, probabilities) in CLIPS.items():
        assert float(table[name]["correct"]) == (np.argmax(probabilities) == label)
        expected = -np.log(probabilities[label]) if probabilities[label] else 87.3365
        assert float(table[name]["loss"]) == pytest.approx(expected, rel=1e-5)


def test_utterances_have_edits_and_phones(quiet, toy_recognizer):
    trainer = quiet(ItemScores())
    trainer.test(toy_recognizer())
    table = read(trainer, "test")
    assert set(table) == set("abcd") and table["a"] == {"edits": "1", "phones": "2"}


def test_tracks_have_the_scores_of_the_module_and_their_confidence(quiet, toy_tracker):
    module = toy_tracker()
    module.track_scores = {"toy": {name: {"raw_pitch_accuracy": 0.5, "voicing_recall": np.nan} for name in "abcd"}}
    trainer = quiet(ItemScores())
    trainer.validate(module)
    row = read(trainer, "validate")["b"]
    assert list(row) == ["raw_pitch_accuracy", "voicing_recall", "voiced_confidence", "unvoiced_confidence"]
    assert row["raw_pitch_accuracy"] == "0.5" and row["voicing_recall"] == ""  # undefined
    assert float(row["voiced_confidence"]) == pytest.approx(np.arange(100, 400).mean() / 400)
    assert float(row["unvoiced_confidence"]) == pytest.approx(np.arange(100).mean() / 400)


def test_nothing_is_written_where_there_is_no_truth(quiet, toy_classifier, toy_tracker):
    for module in (toy_classifier(), toy_tracker()):
        trainer = quiet(ItemScores())
        trainer.predict(module)
        assert not (run_folder(trainer) / "predict").exists()


def test_trial_runs_write_nothing(quiet, toy_classifier, tmp_path):
    quiet(ItemScores(), fast_dev_run=True).fit(toy_classifier())
    assert not (tmp_path / "root").exists()
