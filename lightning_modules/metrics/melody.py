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

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric

_THRESHOLDS = tuple(k / 100 for k in range(100))
# Cents. What is within one of these is within those before it.
_TOLERANCES = (50.0, 25.0, 10.0)
# What can become of a frame: the reference is unvoiced (0); it is voiced and the chroma is wrong (1), or right only for
# the first 1, 2 or 3 tolerances in another octave (2, 3, 4), or in the same octave, thus the pitch is right (5, 6, 7).
_OUTCOMES = 8
_RIGHT = {
    "raw_pitch_accuracy": (5, 6, 7),
    "raw_pitch_accuracy_25": (6, 7),
    "raw_pitch_accuracy_10": (7,),
    "raw_chroma_accuracy": (2, 3, 4, 5, 6, 7),
    "raw_chroma_accuracy_25": (3, 4, 6, 7),
    "raw_chroma_accuracy_10": (4, 7),
}
VOICING_METRICS = ("voicing_recall", "voicing_false_alarm", "voicing_accuracy")
MELODY_METRICS = (*_RIGHT, "overall_accuracy", "overall_chroma_accuracy", *VOICING_METRICS)
# What mir_eval.melody.evaluate returns for an undefined metric, where that is not 0.
_MIR_EVAL_UNDEFINED = {"voicing_recall": 1.0}


class MelodyScores:
    """The metrics of every track and their means, for any of the thresholds 0, 0.01 ... 0.99.

    A track without frames was not seen; it is left out of everything. A threshold has to be one of these (within what
    float32 rounds): how many frames lie between two of them is known, but not where.

    Args:
        histogram: float64 `(tracks, outcomes, thresholds + 1)`, frames by how many thresholds their confidence exceeds.
        plain_mean: the means take mir_eval's values for undefined metrics instead of leaving the tracks out.
    """

    def __init__(self, histogram: Tensor, plain_mean: bool = False) -> None:
        self._plain_mean = plain_mean
        self._frames = histogram.sum(dim=2)
        # [..., k]: frames estimated voiced at threshold k, those whose confidence exceeds more than k thresholds.
        self._voiced = histogram.flip(2).cumsum(dim=2).flip(2)[..., 1:]
        self._total = self._frames.sum(dim=1)
        self._silent = self._frames[:, :1] - self._voiced[:, 0]
        self._voicing_accuracy = (self._voiced[:, 1:].sum(dim=1) + self._silent) / self._total[:, None]

    def best_threshold(self) -> float:
        """The threshold with the best mean voicing accuracy over the tracks, the smallest of equal ones.

        Raises:
            ValueError: no track was seen.
        """
        seen = self._total > 0
        if not bool(seen.any()):
            raise ValueError("voicing threshold: no frame was scored, so that none is best")
        return _THRESHOLDS[int(self._voicing_accuracy[seen].mean(dim=0).argmax())]

    def per_track(self, threshold: float) -> dict[str, Tensor]:
        """Each metric, float64 `(tracks,)` on the CPU; NaN where it is undefined or the track was not seen.

        Raises:
            ValueError: the threshold is not one of 0, 0.01 ... 0.99.
        """
        k = _threshold_number(threshold)
        voiced, silent = self._voiced[:, :, k], self._silent[:, k]
        unvoiced = self._frames[:, 0]
        scores = {name: self._frames[:, right].sum(dim=1) / (self._total - unvoiced) for name, right in _RIGHT.items()}
        for overall, raw in (
            ("overall_accuracy", "raw_pitch_accuracy"),
            ("overall_chroma_accuracy", "raw_chroma_accuracy"),
        ):
            scores[overall] = (voiced[:, _RIGHT[raw]].sum(dim=1) + silent) / self._total
        scores["voicing_recall"] = voiced[:, 1:].sum(dim=1) / (self._total - unvoiced)
        scores["voicing_false_alarm"] = voiced[:, 0] / unvoiced
        scores["voicing_accuracy"] = self._voicing_accuracy[:, k]
        return scores

    def means(self, threshold: float) -> dict[str, float]:
        """Each metric's unweighted mean over the tracks where it is defined; NaN if there are none.

        Raises:
            ValueError: the threshold is not one of 0, 0.01 ... 0.99.
        """
        means = {}
        for name, values in self.per_track(threshold).items():
            values = values[self._total > 0]
            if self._plain_mean:
                values = values.nan_to_num(nan=_MIR_EVAL_UNDEFINED.get(name, 0.0))
            means[name] = float(values[~values.isnan()].mean())
        return means

    def undefined(self, threshold: float) -> dict[str, int]:
        """For each metric, how many of the tracks that were seen leave it undefined.

        Raises:
            ValueError: the threshold is not one of 0, 0.01 ... 0.99.
        """
        seen = self._total > 0
        return {name: int(values[seen].isnan().sum()) for name, values in self.per_track(threshold).items()}


class MelodyMetrics(Metric):
    """Counts the frames of every track by outcome and confidence; MelodyScores makes the metrics of it.

    The counts are whole numbers in float64, one row for each track, reduced by sum: they come out the same for any
    number of processes and any order of updates. They keep their precision when the model around is cast to another.

    Args:
        tracks: size of the evaluation set, over all processes.
        plain_mean: see MelodyScores.

    Raises:
        ValueError: there are no tracks.
    """

    full_state_update = False
    histogram: Tensor

    def __init__(self, tracks: int, plain_mean: bool = False) -> None:
        super().__init__()
        if tracks < 1:
            raise ValueError(f"tracks: {tracks} is not at least 1")
        self.tracks, self.plain_mean = tracks, plain_mean
        counts = torch.zeros(tracks, _OUTCOMES, len(_THRESHOLDS) + 1, dtype=torch.float64)
        self.add_state("histogram", counts, dist_reduce_fx="sum", persistent=False)

    # A state that was reset while validating is an inference tensor, which can be written to in this mode only.
    @torch.inference_mode()
    def update(self, track: int, reference: Tensor, estimate: Tensor, confidence: Tensor) -> None:
        """Add frames to a track.

        Args:
            track: which one, from 0.
            reference: `(frames,)`, Hz, 0 or negative where unvoiced.
            estimate: `(frames,)`, Hz, the best guess whatever the voicing; 0 is no guess, the sign does not matter.
            confidence: `(frames,)`; voiced where greater than a threshold.

        Raises:
            ValueError: there is no such track, the lengths differ, or a value is not finite.
        """
        self._check(track, reference, estimate, confidence)
        # On the CPU, so that a difference right at a tolerance falls to the same side on every device.
        reference, estimate, confidence = (each.cpu().double() for each in (reference, estimate, confidence))
        thresholds = torch.tensor(_THRESHOLDS, dtype=torch.float64)
        exceeded = torch.bucketize(confidence, thresholds) * (estimate != 0)
        cell = _outcomes(reference, estimate) * (len(_THRESHOLDS) + 1) + exceeded
        row = self.histogram[track]
        row += torch.bincount(cell, minlength=row.numel()).view_as(row).to(row.device)

    def compute(self) -> MelodyScores:
        """The scores of all frames so far, of all processes; a copy that later updates do not change."""
        return MelodyScores(self.histogram.cpu(), self.plain_mean)

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

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        """Follow the model to its device, but not to its precision: float32 counts frames wrongly above 2^24."""
        return super()._apply(lambda state: state.to(fn(state.new_empty(0)).device), exclude_state)


def _outcomes(reference: Tensor, estimate: Tensor) -> Tensor:
    """What becomes of each frame, int64; see the comment at the top."""
    reference_cents, estimate_cents = _cents(reference), _cents(estimate)
    # As in mir_eval, 0 cents stands for no pitch, even if it is a pitch of 10 Hz.
    known = (reference_cents != 0) & (estimate_cents != 0)
    distance = (reference_cents - estimate_cents).abs()
    folded = (distance - 1200 * (distance / 1200 + 0.5).floor()).abs()
    tolerances_met = sum((folded < tolerance).long() for tolerance in _TOLERANCES)
    same_octave = distance < _TOLERANCES[0]
    return (reference > 0) * (1 + known * (tolerances_met + len(_TOLERANCES) * same_octave))


def _cents(f0: Tensor) -> Tensor:
    """Cents above 10 Hz; 0 where there is no pitch. With numpy's logarithm, to the last bit what mir_eval gets."""
    return torch.from_numpy(1200 * np.log2(f0.abs().masked_fill(f0 == 0, 10).numpy() / 10))


def _threshold_number(threshold: float) -> int:
    """The place of a threshold among those that the histograms tell apart."""
    threshold = float(threshold)
    for k, candidate in enumerate(_THRESHOLDS):
        if abs(threshold - candidate) < 1e-6:
            return k
    raise ValueError(f"voicing threshold: {threshold} is not one of 0, 0.01 ... 0.99")
