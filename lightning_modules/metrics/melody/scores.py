"""Melody extraction metrics, computed from counts of frames.

Pitch and voicing are scored apart and together, frame by frame on a common time grid. The metrics are those of

    J. Salamon, E. Gómez, D. P. W. Ellis and G. Richard, "Melody Extraction from Polyphonic Music Signals: Approaches,
    Applications and Challenges", IEEE Signal Processing Magazine 31(2), 118-134, 2014;

    G. E. Poliner, D. P. W. Ellis, A. F. Ehmann, E. Gómez, S. Streich and B. Ong, "Melody transcription from music
    audio: Approaches and evaluation", IEEE Transactions on Audio, Speech, and Language Processing 15(4), 1247-1256,
    2007;

without the graded voicing of R. Bittner and J. Bosch, "Generalized Metrics for Single-F0 Estimation Evaluation",
ISMIR 2019: a frame is voiced or not; and the gross pitch error of

    W. Chu and A. Alwan, "Reducing F0 Frame Error of F0 tracking algorithms under noisy conditions with an
    unvoiced/voiced classification frontend", ICASSP 2009, 3969-3972.

Conventions
-----------
A reference of 0 Hz or less is unvoiced. The estimate is a guess in every frame, voiced or not; 0 is no guess, never a
right pitch, and unvoiced. A pitch is right if it differs from the reference by less than the tolerance: 50 cents, or
the 25 or 10 in a metric's name. A chroma is right if the pitch is after a shift by whole octaves.

Metrics
-------
Each is computed per track. All but the last two, in cents, are fractions of frames, 0 ... 1. Higher is better, except
for `LOWER_IS_BETTER`.

- `raw_pitch_accuracy`, `raw_pitch_accuracy_25`, `raw_pitch_accuracy_10`: of the reference's voiced frames, those with
  the right pitch, whatever the estimated voicing.
- `raw_chroma_accuracy`, `raw_chroma_accuracy_25`, `raw_chroma_accuracy_10`: the same for chroma; never lower.
- `overall_accuracy`: of all frames, those correctly estimated unvoiced, or correctly voiced with the right pitch.
- `overall_chroma_accuracy`: the same for chroma.
- `voicing_recall`: of the reference's voiced frames, those estimated voiced.
- `voicing_false_alarm`: of the reference's unvoiced frames, those estimated voiced.
- `voicing_accuracy`: of all frames, those with the right voicing.
- `raw_harmonic_accuracy_n`: as `raw_pitch_accuracy`, but any of the first n harmonics of the reference is right.
- `gross_error_rate`: of the frames voiced in both, those whose f0 is more than 20 % from the reference's.
- `cents_error_median`, `cents_error_90`: median and 90 % quantile of |error| over the reference's voiced frames with a
  guess. Octaves are not folded: a listener hears an octave error, and it counts as 1200 cents. Exact within 0.25 cents
  up to 100 cents, within half a per cent above.

A fraction of no frames is undefined (NaN): the raw accuracies and the recall of a track without voiced reference
frames, and the false alarm of one without unvoiced ones. Means leave such tracks out. mir_eval puts 1 for the recall
and 0 for the others.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightning_modules.metrics.melody.counts import (
    GROSS,
    STANDARD_TOLERANCE,
    UNVOICED,
    Criteria,
    TrackCounts,
    error_quantiles,
)

VOICING_METRICS = ("voicing_recall", "voicing_false_alarm", "voicing_accuracy")
_OVERALL_METRICS = ("overall_accuracy", "overall_chroma_accuracy")
_QUANTILES = {"cents_error_median": 0.5, "cents_error_90": 0.9}
LOWER_IS_BETTER = frozenset({"voicing_false_alarm", "gross_error_rate", *_QUANTILES})


def metric_names(criteria: Criteria | None = None) -> tuple[str, ...]:
    """All metrics under some criteria; None: the default ones."""
    criteria = criteria or Criteria()
    harmonic = (f"raw_harmonic_accuracy_{number}" for number in criteria.harmonics)
    return (*accuracy_names(criteria), *VOICING_METRICS, *harmonic, "gross_error_rate", *_QUANTILES)


def accuracy_names(criteria: Criteria) -> tuple[str, ...]:
    """Names of the raw and overall accuracies of pitch and chroma."""
    return (*_right(criteria), *_OVERALL_METRICS)


@cache
def _right(criteria: Criteria) -> dict[str, list[int]]:
    """The outcomes that each raw accuracy counts as right."""
    suffix = {tolerance: _suffix(tolerance) for tolerance in criteria.tolerances}
    pitch = {f"raw_pitch_accuracy{suffix[each]}": criteria.right_pitch(each) for each in suffix}
    return pitch | {f"raw_chroma_accuracy{suffix[each]}": criteria.right_chroma(each) for each in suffix}


def _suffix(tolerance: float) -> str:
    return "" if tolerance == STANDARD_TOLERANCE else f"_{tolerance}".removesuffix(".0")


def all_scores(counts: TrackCounts, voiced: NDArray[np.float64], criteria: Criteria) -> dict[str, NDArray[np.float64]]:
    """Every metric of every track, `(tracks,)`; NaN where it is undefined.

    Args:
        counts: of all frames.
        voiced: `(tracks, outcomes)` numbers of the frames that are estimated voiced.
        criteria: by which the frames were counted.
    """
    frames = counts.outcomes.sum(axis=2)
    scores = outcome_scores(frames, voiced, criteria)
    on_pitch = frames[:, criteria.right_pitch(STANDARD_TOLERANCE)].sum(axis=1)
    with np.errstate(invalid="ignore"):
        for number in criteria.harmonics:
            right = on_pitch + counts.harmonics[:, : number - 1].sum(axis=1)
            scores[f"raw_harmonic_accuracy_{number}"] = right / frames[:, UNVOICED + 1 :].sum(axis=1)
        gross = voiced[:, GROSS] + _in_another_octave(voiced, criteria)
        scores["gross_error_rate"] = gross / voiced[:, UNVOICED + 1 :].sum(axis=1)
    for name, share in _QUANTILES.items():
        scores[name] = error_quantiles(counts.errors, share)
    return scores


def _in_another_octave(frames: NDArray[np.float64], criteria: Criteria) -> NDArray[np.float64]:
    widest = max(criteria.tolerances)
    others = set(criteria.right_chroma(widest)) - set(criteria.right_pitch(widest))
    return np.asarray(frames[:, sorted(others)].sum(axis=1))


def outcome_scores(
    frames: NDArray[np.float64], voiced: NDArray[np.float64], criteria: Criteria
) -> dict[str, NDArray[np.float64]]:
    """Accuracies and voicing metrics of every track; as `all_scores`, with the outcomes of all levels summed."""
    total, unvoiced = frames.sum(axis=1), frames[:, UNVOICED]
    rejected = unvoiced - voiced[:, UNVOICED]  # correctly estimated unvoiced
    recalled = voiced[:, UNVOICED + 1 :].sum(axis=1)
    right = _right(criteria)
    with np.errstate(invalid="ignore"):
        scores = {name: frames[:, rows].sum(axis=1) / (total - unvoiced) for name, rows in right.items()}
        for overall, raw in zip(_OVERALL_METRICS, ("raw_pitch_accuracy", "raw_chroma_accuracy"), strict=True):
            scores[overall] = (voiced[:, right[raw]].sum(axis=1) + rejected) / total
        scores["voicing_recall"] = recalled / (total - unvoiced)
        scores["voicing_false_alarm"] = voiced[:, UNVOICED] / unvoiced
        scores["voicing_accuracy"] = (recalled + rejected) / total
    return scores


def undefined_in_mir_eval(name: str) -> float:
    """The value that mir_eval.melody.evaluate gives an undefined metric; NaN for metrics that it does not have."""
    if name == "voicing_recall":
        return 1.0
    return float("nan") if name == "gross_error_rate" or name in _QUANTILES else 0.0


def mean_where_defined(values: ArrayLike) -> float:
    """The plain mean of `(tracks,)` values that are not NaN; NaN if there are none."""
    values = np.asarray(values, dtype=np.float64)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
