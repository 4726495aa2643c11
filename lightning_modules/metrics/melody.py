"""How well an f0 series agrees with a reference, as mir_eval.melody measures it, for every voicing threshold at once.

The task is to give the pitch of the main melody over time, and to say when there is none. Pitch and voicing are judged
apart and together, frame by frame on a common time grid. The measures are those of

    J. Salamon, E. Gómez, D. P. W. Ellis and G. Richard, "Melody Extraction from Polyphonic Music Signals: Approaches,
    Applications and Challenges", IEEE Signal Processing Magazine 31(2), 118-134, 2014;

    G. E. Poliner, D. P. W. Ellis, A. F. Ehmann, E. Gómez, S. Streich and B. Ong, "Melody transcription from music
    audio: Approaches and evaluation", IEEE Transactions on Audio, Speech, and Language Processing 15(4), 1247-1256,
    2007;

without the graded voicing of R. Bittner and J. Bosch, "Generalized Metrics for Single-F0 Estimation Evaluation",
ISMIR 2019: a frame is voiced or not.

Conventions
-----------
A reference of 0 Hz or less is unvoiced. The estimate is a best guess in every frame, voiced or not; 0 is no guess, is
never correct in pitch and counts as unvoiced. A frame is estimated voiced where its confidence is greater than a
threshold. Pitches agree if they differ by less than a tolerance: 50 cents, or the 25 or 10 of a metric's name. Chroma
agrees if they do so after moving by whole octaves.

Metrics
-------
All are shares of frames, 0 ... 1, per track. Higher is better, except for `voicing_false_alarm`.

- `raw_pitch_accuracy`, `raw_pitch_accuracy_25`, `raw_pitch_accuracy_10`: of the reference's voiced frames, those whose
  pitch is right, whatever the estimated voicing.
- `raw_chroma_accuracy`, `raw_chroma_accuracy_25`, `raw_chroma_accuracy_10`: the same for chroma; never lower.
- `voicing_recall`: of the reference's voiced frames, those estimated voiced.
- `voicing_false_alarm`: of the reference's unvoiced frames, those estimated voiced.
- `voicing_accuracy`: of all frames, those whose voicing is right.
- `overall_accuracy`: of all frames, those rightly estimated unvoiced, or rightly voiced with the right pitch.
- `overall_chroma_accuracy`: the same for chroma.

A share of no frames is undefined: the raw accuracies and the recall of a track without voiced reference frames, and the
false alarm of one without unvoiced ones. Means leave such tracks out. mir_eval puts 1 for the recall, 0 for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

# Cents. What is within one of these is within those before it.
_TOLERANCES = (50.0, 25.0, 10.0)
# Outcomes of a frame: unvoiced reference; wrong; chroma right within each tolerance; pitch right within each.
_UNVOICED, _CHROMA, _PITCH, _OUTCOMES = 0, 2, 5, 8
_THRESHOLDS = tuple(k / 100 for k in range(100))
_MIR_EVAL_UNDEFINED = {"voicing_recall": 1.0}


class MelodyScores:
    """The metrics of every track and their means, for any of the thresholds 0, 0.01 ... 0.99.

    A track without frames was not seen; it is left out of everything. Threshold arguments may carry the rounding of a
    float32, but have to be one of these values: frames between two of them are no longer told apart.

    Args:
        histogram: float64 `(tracks, outcomes, thresholds + 1)` frames by how many thresholds the confidence exceeds.
        plain_mean: put mir_eval's values for undefined metrics into the means instead of leaving the tracks out.
    """

    def __init__(self, histogram: Tensor, plain_mean: bool = False) -> None:
        self._plain_mean = plain_mean
        self._frames = histogram.sum(dim=2)
        # [..., k]: frames estimated voiced at threshold k, those whose confidence exceeds more than k thresholds.
        self._voiced = histogram.flip(2).cumsum(dim=2).flip(2)[..., 1:]
        self._seen = self._frames.sum(dim=1) > 0

    def best_threshold(self) -> float:
        """The threshold with the best mean voicing accuracy over the tracks, the smallest of equal ones.

        Raises:
            ValueError: no track was seen.
        """
        if not bool(self._seen.any()):
            raise ValueError("no threshold is best: no frame was scored")
        means = self._voicing_accuracy(slice(None))[self._seen].mean(dim=0)
        return _THRESHOLDS[int(means.argmax())]

    def per_track(self, threshold: float) -> dict[str, Tensor]:
        """Each metric, float64 `(tracks,)` on the CPU; NaN where it is undefined or the track was not seen.

        Raises:
            ValueError: the threshold is not one of 0, 0.01 ... 0.99.
        """
        k = _place(threshold)
        total, unvoiced = self._frames.sum(dim=1), self._frames[:, _UNVOICED]
        reference_voiced = total - unvoiced
        voiced = self._voiced[:, :, k]
        silent = unvoiced - voiced[:, _UNVOICED]
        scores: dict[str, Tensor] = {}
        for name, outcomes in _right("raw_pitch_accuracy", pitch_only=True) | _right("raw_chroma_accuracy"):
            scores[name] = self._frames[:, outcomes].sum(dim=1) / reference_voiced
        return scores

    def _voicing_accuracy(self, k: int | slice) -> Tensor:
        raise NotImplementedError
