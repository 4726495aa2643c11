"""Melody metrics while a model is evaluated: a torchmetrics Metric that counts for all voicing thresholds at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric
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
    mean_where_defined,
    undefined_in_mir_eval,
)

_THRESHOLDS = np.arange(100) / 100
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


class MelodyScores:
    """The metrics of every track and their means, at any of the voicing thresholds 0, 0.01 ... 0.99.

    Other thresholds raise ValueError (those rounded to float32 do not): the counts do not tell where between two
    thresholds a confidence lies. Tracks without frames are left out.

    Args:
        counts: of every track, with one level more than there are thresholds.
        criteria: by which the frames were counted.
        plain_mean: in the means, undefined metrics have mir_eval's values instead of being left out. The cents and
            gross errors, which mir_eval does not have, are left out all the same.
    """

    def __init__(self, counts: TrackCounts, criteria: Criteria, plain_mean: bool = False) -> None:
        self._counts, self._criteria, self._plain_mean = counts, criteria, plain_mean
        # [..., k]: frames estimated voiced at threshold k, those whose confidence exceeds more than k thresholds.
        self._voiced = counts.outcomes[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]
        self._total = counts.outcomes.sum(axis=(1, 2))

    def best_threshold(self) -> float:
        """The threshold with the best mean voicing accuracy over the tracks; ties go to the smallest.

        Raises:
            ValueError: there are no frames.
        """
        seen = self._total > 0
        if not seen.any():
            raise ValueError("voicing threshold: no frame was scored, so that none is best")
        unvoiced = self._counts.outcomes[seen, UNVOICED].sum(axis=1, keepdims=True)
        voiced = self._voiced[seen]
        right = voiced[:, UNVOICED + 1 :].sum(axis=1) + unvoiced - voiced[:, UNVOICED]
        return float(_THRESHOLDS[(right / self._total[seen, None]).mean(axis=0).argmax()])

    def per_track(self, threshold: float) -> dict[str, Tensor]:
        """Each of `metric_names`, float64 `(tracks,)` on the CPU; NaN where undefined or without frames."""
        voiced = self._voiced[:, :, _threshold_number(threshold)]
        scores = all_scores(self._counts, voiced, self._criteria)
        return {name: torch.from_numpy(values) for name, values in scores.items()}

    def means(self, threshold: float) -> dict[str, float]:
        """Each metric's plain mean over the tracks where it is defined; NaN if there are none."""
        seen = torch.from_numpy(self._total > 0)
        means = {}
        for name, values in self.per_track(threshold).items():
            values = values[seen]
            if self._plain_mean:
                values = values.nan_to_num(nan=undefined_in_mir_eval(name))
            means[name] = mean_where_defined(values)
        return means

    def undefined(self, threshold: float) -> dict[str, int]:
        """For each metric, the number of tracks with frames where it is undefined."""
        seen = torch.from_numpy(self._total > 0)
        return {name: int(values[seen].isnan().sum()) for name, values in self.per_track(threshold).items()}


class MelodyMetrics(Metric):
    """Counts the frames of every track by outcome and confidence; `compute` gives MelodyScores.

    The state is whole numbers in float64, a row for each track, reduced by sum. It is the same for any number of
    processes and any order of updates, and stays float64 if the model is cast.

    Args:
        tracks: size of the evaluation set, over all processes.
        plain_mean: undefined metrics have mir_eval's values in the means.
        criteria: what counts as a right pitch; None: 50, 25 and 10 cents, and 2, 3 and 4 harmonics.

    Raises:
        ValueError: there are no tracks.
    """

    full_state_update = False
    outcomes: Tensor
    errors: Tensor
    harmonics: Tensor

    def __init__(self, tracks: int, plain_mean: bool = False, criteria: Criteria | None = None) -> None:
        super().__init__()
        if tracks < 1:
            raise ValueError(f"tracks: {tracks} is not at least 1")
        self.tracks, self.plain_mean, self.criteria = tracks, plain_mean, criteria or Criteria()
        shapes = {
            "outcomes": (self.criteria.outcomes, len(_THRESHOLDS) + 1),
            "errors": (ERROR_BINS,),
            "harmonics": (MOST_HARMONICS - 1,),
        }
        for name, shape in shapes.items():
            counts = torch.zeros(tracks, *shape, dtype=torch.float64)
            self.add_state(name, counts, dist_reduce_fx="sum", persistent=False)

    # After a reset in validation the state is inference tensors, which can be written to in this mode only.
    @override
    @torch.inference_mode()
    def update(self, track: int, reference: Tensor, estimate: Tensor, confidence: Tensor) -> None:
        """Add frames to a track.

        Args:
            track: its number, from 0.
            reference: `(frames,)`, Hz, 0 or negative where unvoiced.
            estimate: `(frames,)`, Hz, the guess, in unvoiced frames too; 0 is no guess, the sign is ignored.
            confidence: `(frames,)`; a frame is voiced where it exceeds the threshold.

        Raises:
            ValueError: there is no such track, the lengths differ, or a value is not finite.
        """
        self._check(track, reference, estimate, confidence)
        # On the CPU: a difference right at a tolerance falls to the same side on every device.
        hz, guess, voicing = (each.cpu().double().numpy() for each in (reference, estimate, confidence))
        level = np.searchsorted(_THRESHOLDS, voicing) * (guess != 0)
        frames = PitchFrames(hz > 0, cents(hz), level > 0, cents(guess))
        for state, counts in (
            (self.outcomes, outcome_counts(frames, level, len(_THRESHOLDS) + 1, self.criteria)),
            (self.errors, error_counts(frames)),
            (self.harmonics, harmonic_counts(frames)),
        ):
            row = state[track]
            row += torch.from_numpy(counts).to(row.device)

    @override
    def compute(self) -> MelodyScores:
        states = (self.outcomes, self.errors, self.harmonics)
        counts = TrackCounts(*(state.cpu().numpy().copy() for state in states))  # later updates do not change it
        return MelodyScores(counts, self.criteria, self.plain_mean)

    def _check(self, track: int, reference: Tensor, estimate: Tensor, confidence: Tensor) -> None:
        if not 0 <= track < self.tracks:
            raise ValueError(f"track: {track} is not one of 0 ... {self.tracks - 1}")
        if reference.ndim != 1 or not reference.shape == estimate.shape == confidence.shape:
            raise ValueError(
                f"track {track}: reference {tuple(reference.shape)}, estimate {tuple(estimate.shape)} and confidence "
                f"{tuple(confidence.shape)} are not series of the same number of frames"
            )
        for name, values in (("reference", reference), ("estimate", estimate), ("confidence", confidence)):
            if not bool(values.isfinite().all()):
                raise ValueError(f"track {track}: {name} has a value that is not finite")

    @override
    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        # Follows the model to its device, but not to its precision: float32 counts wrongly above 2^24 frames.
        return super()._apply(lambda state: state.to(fn(state.new_empty(0)).device), exclude_state)


def _threshold_number(threshold: float) -> int:
    """The index of a threshold in _THRESHOLDS."""
    (found,) = np.nonzero(np.abs(_THRESHOLDS - threshold) < 1e-6)
    if not len(found):
        raise ValueError(f"voicing threshold: {threshold} is not one of 0, 0.01 ... 0.99")
    return int(found[0])
