"""Scores of classifiers: all of them functions of one confusion matrix."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

CLIP_METRICS = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1")
_Z = 1.959963984540054  # the normal distribution's quantile of 0.975


class ClipMetrics(MulticlassConfusionMatrix):
    """Counts of clips by class and estimate, `(classes, classes)`; exact sums on any number of processes.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(num_classes=classes)

    def scores(self) -> dict[str, float]:
        """The metrics of `CLIP_METRICS`.

        Accuracy is the part of all clips that is right, with the ends of its 95 % interval (`wilson_interval`); macro
        F1 is the plain mean over the classes that occur, as truth or as estimate.
        """
        counts = self.compute().double()
        correct, total = float(counts.trace()), float(counts.sum())
        low, high = wilson_interval(correct, total)
        return {
            "accuracy": correct / total if total else math.nan,
            "accuracy_low": low,
            "accuracy_high": high,
            "macro_f1": macro_f1(counts),
        }


def macro_f1(counts: Tensor) -> float:
    """Mean over the classes that occur of `2 TP / (2 TP + FP + FN)`; NaN if none does.

    Args:
        counts: `(classes, classes)`, clips by class and estimate.
    """
    sums = counts.sum(0) + counts.sum(1)  # 2 TP + FP + FN
    occur = sums > 0
    return float((2 * counts.diagonal()[occur] / sums[occur]).mean())


def wilson_interval(correct: float, total: float) -> tuple[float, float]:
    """The 95 % score interval of a proportion; E. B. Wilson, J. Am. Stat. Assoc. 22, 1927.

    Args:
        correct: of `total`.
        total: independent trials.

    Returns:
        Both ends, 0 to 1; NaN without trials.
    """
    if not total:
        return math.nan, math.nan
    proportion, share = correct / total, _Z**2 / total
    centre = (proportion + share / 2) / (1 + share)
    half = math.sqrt(share * (proportion * (1 - proportion) + share / 4)) / (1 + share)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def top_classes(probabilities: Tensor, count: int) -> list[tuple[int, float]]:
    """The most probable classes, with their probabilities, the best first."""
    best = torch.topk(probabilities, min(count, len(probabilities)))
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
