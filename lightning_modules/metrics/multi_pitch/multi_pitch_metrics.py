"""Multi-pitch metrics while a model is evaluated: a torchmetrics Metric that counts for all thresholds at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lightning_modules.metrics.multi_pitch.matching import enlarging
from lightning_modules.metrics.multi_pitch.scores import accuracy, multi_pitch_scores
from lightning_modules.metrics.per_track import THRESHOLDS, ScoresByThreshold, TrackCounter

# What is counted of the estimates: all; those that are no more than the references of their frame; the right ones.
_ALL, _PAIRED, _RIGHT, _RIGHT_CHROMA = range(4)


class MultiPitchScores(ScoresByThreshold):
    """The metrics of every track, `MULTI_PITCH_METRICS`, and their means; the best threshold is that of the accuracy.

    A track in which nothing sounds and nothing was estimated has the accuracy 1 in that choice.

    Args:
        frames: `(tracks,)`.
        references: `(tracks,)`, pitches that sound.
        estimates: `(tracks, 4, levels)`, by what is counted and by the number of thresholds that the confidence
            exceeds.
        plain_mean: in the means, undefined metrics have mir_eval's value, 0, instead of being left out.
    """

    def __init__(
        self,
        frames: NDArray[np.float64],
        references: NDArray[np.float64],
        estimates: NDArray[np.float64],
        plain_mean: bool = False,
    ) -> None:
        super().__init__(frames, plain_mean)
        self._references = references
        # [..., k]: those whose confidence exceeds more than k thresholds.
        self._estimates = estimates[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]

    @override
    def at(self, number: int) -> dict[str, NDArray[np.float64]]:
        return multi_pitch_scores(self._references, *self._estimates[:, :, number].T)

    @override
    def qualities(self) -> NDArray[np.float64]:
        found = accuracy(self._references[:, None], self._estimates[:, _ALL], self._estimates[:, _RIGHT])
        return np.nan_to_num(found, nan=1.0)

    @override
    def undefined_in_mir_eval(self, name: str) -> float:
        return 0.0


class MultiPitchMetrics(TrackCounter):
    """Counts the pitches of every track by confidence; `compute` gives MultiPitchScores.

    `update` takes `(frames, pitches)` of the reference, 0 or less where fewer sound, and `(frames, estimates)` of
    estimate and confidence, in any order. An estimate of 0 Hz is none; another one counts where its confidence exceeds
    the threshold.

    Args:
        tracks: size of the evaluation set, over all processes.
        plain_mean: undefined metrics have mir_eval's value, 0, in the means.

    Raises:
        ValueError: there are no tracks.
    """

    frames: Tensor
    references: Tensor
    estimates: Tensor

    def __init__(self, tracks: int, plain_mean: bool = False) -> None:
        super().__init__(
            tracks, plain_mean, {"frames": (), "references": (), "estimates": (_RIGHT_CHROMA + 1, len(THRESHOLDS) + 1)}
        )

    @override
    def fit(self, reference: Tensor, estimate: Tensor, confidence: Tensor) -> bool:
        return reference.ndim == estimate.ndim == 2 and (
            len(reference) == len(estimate) and estimate.shape == confidence.shape
        )

    @override
    def count(
        self, reference: NDArray[np.float64], estimate: NDArray[np.float64], confidence: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        level = np.searchsorted(THRESHOLDS, confidence) * (estimate != 0)
        order = np.argsort(-level, axis=1, kind="stable")
        level, estimate = (np.take_along_axis(each, order, axis=1) for each in (level, estimate))
        true, guess = _notes(reference, reference > 0), _notes(np.abs(estimate), level > 0)
        sounding = np.count_nonzero(reference > 0, axis=1)
        counted = (
            level > 0,
            np.arange(level.shape[1]) < sounding[:, None],
            enlarging(true, guess, chroma=False),
            enlarging(true, guess, chroma=True),
        )
        levels = len(THRESHOLDS) + 1
        estimates = np.stack([np.bincount(level[each], minlength=levels) for each in counted]).astype(np.float64)
        estimates[:, 0] = 0.0  # what exceeds no threshold is no estimate
        return {
            "frames": np.asarray(float(len(reference))),
            "references": np.asarray(float(sounding.sum())),
            "estimates": estimates,
        }

    @override
    def compute(self) -> MultiPitchScores:
        return MultiPitchScores(
            self.copied("frames"), self.copied("references"), self.copied("estimates"), self.plain_mean
        )


def _notes(f0: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """MIDI notes of f0 in Hz as mir_eval computes them; NaN where it does not count."""
    return np.asarray(69.0 + 12.0 * np.log2(np.where(counted, f0, np.nan) / 440.0))
