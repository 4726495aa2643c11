"""Metrics of clips, beside other implementations and published figures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_f1_score

from lightning_modules.metrics import ClipMetrics
from lightning_modules.metrics.classification import macro_f1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_macro_f1_is_that_of_torchmetrics(pairs):
    metrics = ClipMetrics(4)
    truth, guess = torch.tensor(pairs).T
    metrics.update(guess, truth)
    expected = float(multiclass_f1_score(guess, truth, 4, average="macro"))
    assert metrics.scores()["macro_f1"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("correct", "total", "published"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_interval_of_the_accuracy_is_wilsons(correct, total, published):
    """R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17, 1998, table I."""
    metrics = ClipMetrics(2)
    metrics.update((torch.arange(total) >= correct).long(), torch.zeros(total, dtype=torch.int64))
    scores = metrics.scores()
    assert (scores["accuracy_low"], scores["accuracy_high"]) == pytest.approx(published, abs=5e-5)
    assert scores["accuracy"] == correct / total


def test_nothing_has_no_score():
    assert all(np.isnan(value) for value in ClipMetrics(3).scores().values())
    assert np.isnan(macro_f1(torch.zeros(3, 3)))


def test_counts_of_two_processes_add_up():
    whole, parts = ClipMetrics(3), [ClipMetrics(3), ClipMetrics(3)]
    guess, truth = torch.tensor([0, 1, 2, 2, 1]), torch.tensor([0, 2, 2, 1, 1])
    whole.update(guess, truth)
    for part, places in zip(parts, ([0, 3], [1, 2, 4]), strict=True):
        part.update(guess[places], truth[places])
    assert torch.equal(parts[0].compute() + parts[1].compute(), whole.compute())
