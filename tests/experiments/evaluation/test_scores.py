"""Scores of what modules measured, without tables."""

import numpy as np
import pytest

from datamodules import DataError
from experiments.evaluation.scores import Scores
from experiments.evaluation.statistics import Bootstrap, summarise

ONE = {"b": {"rpa": 0.5, "oa": 0.25}, "a": {"rpa": 1.0, "oa": float("nan")}}
OTHER = {"a": {"oa": 0.75, "rpa": 0.0}, "b": {"rpa": 1.0, "oa": 0.5}}


def test_scores_of_modules_are_paired_by_track_and_metric():
    scores = Scores.of_tracks({"one": ONE, "other": OTHER})
    assert (scores.methods, scores.tracks, scores.metrics) == (("one", "other"), ("a", "b"), ("rpa", "oa"))
    assert scores.values == pytest.approx(
        np.array([[[1.0, np.nan], [0.5, 0.25]], [[0.0, 0.75], [1.0, 0.5]]]), nan_ok=True
    )
    summary = summarise(scores, Bootstrap(resamples=100))
    assert summary.differences.mean[1].tolist() == [-0.25, 0.25]


def test_some_metrics_and_their_rows():
    scores = Scores.of_tracks({"one": ONE, "other": OTHER}).only("oa")
    assert scores.metrics == ("oa",) and scores.values.shape == (2, 2, 1)
    assert scores.rows()[1:3] == [{"method": "one", "oa": 0.25}, {"method": "other", "oa": 0.75}]


def test_methods_that_do_not_fit_each_other_are_refused():
    with pytest.raises(DataError, match="other: other tracks or metrics than one"):
        Scores.of_tracks({"one": ONE, "other": {"a": OTHER["a"]}})
    with pytest.raises(DataError, match="other: other tracks or metrics than one"):
        Scores.of_tracks({"one": ONE, "other": {**OTHER, "b": {"rpa": 1.0}}})
    for nothing in ({}, {"one": {}}):
        with pytest.raises(DataError, match="of no track"):
            Scores.of_tracks(nothing)
