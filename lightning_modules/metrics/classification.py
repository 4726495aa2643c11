"""Metrics of clip classification, all computed from one confusion matrix."""

from __future__ import annotations

import math

from scipy.stats import binomtest
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

CLIP_METRICS = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1")


class ClipMetrics(MulticlassConfusionMatrix):
    """Confusion matrix `(classes, classes)` of clips, by class and estimate; reduced over processes by sum.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(num_classes=classes)

    def scores(self) -> dict[str, float]:
        """The metrics of `CLIP_METRICS`; NaN without clips.

        `accuracy_low` and `accuracy_high` are the ends of the accuracy's 95 % score interval (E. B. Wilson, J. Am.
        Stat. Assoc. 22, 1927). Macro F1 is the plain mean over the classes that occur, as truth or as estimate.
        """
        counts = self.compute()
        correct, total = int(counts.trace()), int(counts.sum())
        if not total:
            return dict.fromkeys(CLIP_METRICS, math.nan)
        low, high = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
        return dict(zip(CLIP_METRICS, (correct / total, float(low), float(high), macro_f1(counts)), strict=True))


def macro_f1(counts: Tensor) -> float:
    """Mean of `2 TP / (2 TP + FP + FN)` over the classes that occur in counts `(classes, classes)`; NaN without any."""
    counts = counts.double()
    sums = counts.sum(0) + counts.sum(1)  # 2 TP + FP + FN
    occur = sums > 0
    return float((2 * counts.diagonal()[occur] / sums[occur]).mean())
