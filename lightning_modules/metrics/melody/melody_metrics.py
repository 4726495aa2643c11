"""Melody metrics while a model is evaluated: a torchmetrics Metric that counts for all voicing thresholds at once."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lightning_modules.metrics.melody.counts import (
    ERROR_BINS,
    MOST_HARMONICS,
    UNVOICED,
    Criteria,
    PitchFrames,
    TrackCounts,
    cents,
    error_counts,
    harmonic_counts,
    outcome_counts,
)
from lightning_modules.metrics.melody.scores import (
    VOICING_METRICS,
    accuracy_names,
    all_scores,
    undefined_in_mir_eval,
)
from lightning_modules.metrics.per_track import THRESHOLDS, ScoresByThreshold, TrackCounter

# The metrics that training logs; `MelodyScores` has all of `metric_names`.
MELODY_METRICS = (*accuracy_names(Criteria()), *VOICING_METRICS)


class TrackMetric(ABC):
    """A figure of one track that a recipe adds to the usual ones, as `model.init_args.metrics`.

    Its unweighted mean over the tracks where it is defined is logged as `<stage>/<set>/<name>`.

    Attributes:
        name: as it is logged; none of `metric_names`.
    """

    name: str

    @abstractmethod
    def __call__(self, reference: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
        """The figure of a whole track, whatever the voicing threshold; NaN where it is undefined.

        Args:
            reference: `(frames,)`, Hz, 0 where unvoiced.
            estimate: `(frames,)`, Hz, the best guess in every frame.
        """


class MelodyScores(ScoresByThreshold):
    """The metrics of every track, `metric_names`, and their means; the best threshold is that of voicing accuracy.

    Args:
        counts: of every track, with one level more than there are thresholds.
        criteria: by which the frames were counted.
        plain_mean: in the means, undefined metrics have mir_eval's values instead of being left out. The cents and
            gross errors, which mir_eval does not have, are left out all the same.
    """

    def __init__(self, counts: TrackCounts, criteria: Criteria, plain_mean: bool = False) -> None:
        self._counts, self._criteria = counts, criteria
        # [..., k]: frames estimated voiced at threshold k, those whose confidence exceeds more than k thresholds.
        self._voiced = counts.outcomes[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]
        self._total = counts.outcomes.sum(axis=(1, 2))
        super().__init__(self._total, plain_mean)

    @override
    def at(self, number: int) -> dict[str, NDArray[np.float64]]:
        return all_scores(self._counts, self._voiced[:, :, number], self._criteria)

    @override
    def qualities(self) -> NDArray[np.float64]:
        unvoiced = self._counts.outcomes[:, UNVOICED].sum(axis=1, keepdims=True)
        right = self._voiced[:, UNVOICED + 1 :].sum(axis=1) + unvoiced - self._voiced[:, UNVOICED]
        return np.asarray(right / np.maximum(self._total, 1)[:, None])

    @override
    def undefined_in_mir_eval(self, name: str) -> float:
        return undefined_in_mir_eval(name)


class MelodyMetrics(TrackCounter):
    """Counts the frames of every track by outcome and confidence; `compute` gives MelodyScores.

    `update` takes series `(frames,)`; a frame is voiced where its confidence exceeds the threshold.

    Args:
        tracks: size of the evaluation set, over all processes.
        plain_mean: undefined metrics have mir_eval's values in the means.
        criteria: what counts as a right pitch; None: 50, 25 and 10 cents, and 2, 3 and 4 harmonics.

    Raises:
        ValueError: there are no tracks.
    """

    outcomes: Tensor
    errors: Tensor
    harmonics: Tensor

    def __init__(self, tracks: int, plain_mean: bool = False, criteria: Criteria | None = None) -> None:
        self.criteria = criteria or Criteria()
        shapes = {
            "outcomes": (self.criteria.outcomes, len(THRESHOLDS) + 1),
            "errors": (ERROR_BINS,),
            "harmonics": (MOST_HARMONICS - 1,),
        }
        super().__init__(tracks, plain_mean, shapes)

    @override
    def fit(self, reference: Tensor, estimate: Tensor, confidence: Tensor) -> bool:
        return reference.ndim == 1 and reference.shape == estimate.shape == confidence.shape

    @override
    def count(
        self, reference: NDArray[np.float64], estimate: NDArray[np.float64], confidence: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        level = np.searchsorted(THRESHOLDS, confidence) * (estimate != 0)
        frames = PitchFrames(reference > 0, cents(reference), level > 0, cents(estimate))
        return {
            "outcomes": outcome_counts(frames, level, len(THRESHOLDS) + 1, self.criteria),
            "errors": error_counts(frames),
            "harmonics": harmonic_counts(frames),
        }

    @override
    def compute(self) -> MelodyScores:
        counts = TrackCounts(self.copied("outcomes"), self.copied("errors"), self.copied("harmonics"))
        return MelodyScores(counts, self.criteria, self.plain_mean)
