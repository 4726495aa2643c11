"""Metrics of two f0 series with times of their own, equal to those of mir_eval.melody.

The estimate is resampled to the times of the reference as in mir_eval 0.8.2. |f0| in cents is interpolated linearly
between frames that are not 0 Hz, and held where 0 Hz follows. The voicing is held from frame to frame. mir_eval's
particularities are kept:

- A series that does not start at 0 s gets its first f0 at 0 s too: the reference may gain a frame.
- Two series with the same number of frames are not resampled if their times differ by at most 1e-8 s plus 1e-5 of the
  reference's time; that is 2.4 ms after 4 minutes.
- An estimate that ends before the reference is interpolated towards 0 Hz at the reference's last time, which holds its
  last frame until then.
- Times are rounded to 1e-10 s before resampling.
- With a hop, both series are resampled to its multiples up to their own ends. The estimate is then cut, or padded with
  frames without a guess, to the length of the reference.
- A pitch of 10 Hz, which is 0 cents, is no pitch.

mir_eval's functions fail for a series without frames. Here all metrics of a reference without frames are undefined, and
`mir_eval_scores` gives 0 for them, as mir_eval's single metrics do for empty arrays. An estimate without frames has no
guess anywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightning_modules.metrics.melody.counts import (
    STANDARD_TOLERANCE,
    Criteria,
    PitchFrames,
    TrackCounts,
    cents,
    error_counts,
    harmonic_counts,
    outcome_counts,
    outcome_counts_of_f0,
)
from lightning_modules.metrics.melody.scores import all_scores, outcome_scores, undefined_in_mir_eval

_DECIMALS = 10  # of times in s, as in mir_eval
_SAME_TIME = 1e-9  # s; closer times may become equal by rounding
_ONE_TOLERANCE = Criteria((STANDARD_TOLERANCE,), ())
_MIR_EVAL_NAMES = {
    "Voicing Recall": "voicing_recall",
    "Voicing False Alarm": "voicing_false_alarm",
    "Raw Pitch Accuracy": "raw_pitch_accuracy",
    "Raw Chroma Accuracy": "raw_chroma_accuracy",
    "Overall Accuracy": "overall_accuracy",
}


class _Pitches(NamedTuple):
    """Cents and voicing over time; `(frames,)` each."""

    times: NDArray[np.float64]
    cents: NDArray[np.float64]
    voiced: NDArray[np.bool_]


def evaluate_series(
    reference_times: ArrayLike,
    reference_f0: ArrayLike,
    estimate_times: ArrayLike,
    estimate_f0: ArrayLike,
    *,
    hop: float | None = None,
    criteria: Criteria | None = None,
) -> dict[str, float]:
    """All metrics of one track, as documented in `lightning_modules.metrics.melody.scores`.

    Args:
        reference_times: `(frames,)`, s, increasing from 0 or later.
        reference_f0: `(frames,)`, Hz; 0 or negative where unvoiced.
        estimate_times: `(estimate frames,)`, s, increasing from 0 or later.
        estimate_f0: `(estimate frames,)`, Hz; negative where unvoiced with a guess of the pitch, 0 where there is none.
        hop: s between the frames that both are resampled to; None: the reference's frames.
        criteria: what counts as a right pitch; None: 50, 25 and 10 cents, and 2, 3 and 4 harmonics.

    Returns:
        Each of `metric_names(criteria)`; NaN where undefined.

    Raises:
        ValueError: a series is invalid; the message says which, why, and at which index, counted from 0.
    """
    frames = align_series(reference_times, reference_f0, estimate_times, estimate_f0, hop=hop)
    criteria = criteria or Criteria()
    outcomes = outcome_counts(frames, frames.estimate_voiced, 2, criteria)[None]
    counts = TrackCounts(outcomes, error_counts(frames)[None], harmonic_counts(frames)[None])
    return {name: float(value[0]) for name, value in all_scores(counts, outcomes[:, :, 1], criteria).items()}


def mir_eval_scores(
    reference_times: ArrayLike,
    reference_f0: ArrayLike,
    estimate_times: ArrayLike,
    estimate_f0: ArrayLike,
    *,
    hop: float | None = None,
) -> dict[str, float]:
    """What `mir_eval.melody.evaluate` returns: its five metrics, by its names, with its values where undefined.

    Arguments and errors are those of `evaluate_series`.
    """
    reference, estimate = _checked(reference_times, reference_f0, estimate_times, estimate_f0, hop)
    if not len(reference.times):
        return dict.fromkeys(_MIR_EVAL_NAMES, 0.0)
    if hop is None and _same_times(estimate.times, reference.times):
        f0 = reference.f0, estimate.f0
        outcomes = outcome_counts_of_f0(*f0, estimate.f0 > 0, 2, _ONE_TOLERANCE)[None]
    else:
        frames = _aligned(reference, estimate, hop)
        outcomes = outcome_counts(frames, frames.estimate_voiced, 2, _ONE_TOLERANCE)[None]
    scores = outcome_scores(outcomes.sum(axis=2), outcomes[:, :, 1], _ONE_TOLERANCE)
    values = {theirs: (ours, float(scores[ours][0])) for theirs, ours in _MIR_EVAL_NAMES.items()}
    return {
        theirs: undefined_in_mir_eval(ours) if math.isnan(value) else value for theirs, (ours, value) in values.items()
    }


def align_series(
    reference_times: ArrayLike,
    reference_f0: ArrayLike,
    estimate_times: ArrayLike,
    estimate_f0: ArrayLike,
    *,
    hop: float | None = None,
) -> PitchFrames:
    """Resample an estimate to the times of a reference, or both to multiples of a hop, as mir_eval does.

    Arguments and errors are those of `evaluate_series`.
    """
    return _aligned(*_checked(reference_times, reference_f0, estimate_times, estimate_f0, hop), hop)


class _Series(NamedTuple):
    """A series that starts at 0 s; `(frames,)` each, s and Hz."""

    times: NDArray[np.float64]
    f0: NDArray[np.float64]


def _checked(
    reference_times: ArrayLike,
    reference_f0: ArrayLike,
    estimate_times: ArrayLike,
    estimate_f0: ArrayLike,
    hop: float | None,
) -> tuple[_Series, _Series]:
    if hop is not None and not 0 < hop < np.inf:
        raise ValueError(f"hop: {hop} s; it must be positive and finite")
    seconds = _checked_times("reference", reference_times)
    reference = _from_0("reference", seconds, reference_f0)
    if estimate_times is reference_times:  # of one grid
        estimate = _from_0("estimate", seconds, estimate_f0)
        return reference, estimate._replace(times=reference.times)
    return reference, _from_0("estimate", _checked_times("estimate", estimate_times), estimate_f0)


def _aligned(reference: _Series, estimate: _Series, hop: float | None) -> PitchFrames:
    if not len(reference.times):
        nothing = np.zeros(0)
        return PitchFrames(nothing > 0, nothing, nothing > 0, nothing)
    if not len(estimate.times):
        estimate = _Series(np.zeros(1), np.zeros(1))
    known, guessed = (_Pitches(each.times, cents(each.f0), each.f0 > 0) for each in (reference, estimate))
    if hop is None:
        guessed = _resampled(guessed, known.times)
    else:
        known, guessed = (_resampled(each, _multiples(hop, each.times[-1])) for each in (known, guessed))
        guessed = _of_length(guessed, known.times)
    return PitchFrames(known.voiced, known.cents, guessed.voiced, guessed.cents)


class TimedFrames(NamedTuple):
    """A reference and an estimate at the same times, and the estimate's confidence.

    Attributes:
        times: float64 `(frames,)`, s.
        frames: pitch and voicing of both.
        confidence: float64 `(frames,)`; None if there is none.
    """

    times: NDArray[np.float64]
    frames: PitchFrames
    confidence: NDArray[np.float64] | None


def align_with_confidence(
    reference_times: ArrayLike,
    reference_f0: ArrayLike,
    estimate_times: ArrayLike,
    estimate_f0: ArrayLike,
    confidence: NDArray[np.float64] | None,
    *,
    hop: float | None = None,
) -> TimedFrames:
    """As `align_series`; confidence is held from frame to frame as voicing is, and 0 after the estimate's end.

    A threshold on the aligned confidence therefore gives the voicing that the estimate itself would have with it.

    Args:
        reference_times: as in `evaluate_series`, also the other series and the hop.
        reference_f0: likewise.
        estimate_times: likewise.
        estimate_f0: likewise.
        confidence: `(estimate frames,)`; None: there is none.
        hop: likewise.
    """
    frames = align_series(reference_times, reference_f0, estimate_times, estimate_f0, hop=hop)
    times = np.asarray(reference_times, dtype=np.float64)
    if len(times) and times[0] > 0:
        times = np.insert(times, 0, 0.0)
    if len(times) and hop is not None:
        times = _multiples(hop, times[-1])
    if confidence is None or not len(times):
        return TimedFrames(times, frames, confidence)
    known = np.asarray(estimate_times, dtype=np.float64)
    if not len(known):
        known, confidence = np.zeros(1), np.zeros(1)
    asked = times if hop is None else times[times <= _multiples(hop, known[-1])[-1]]
    held = _confidence_at(asked, known, confidence)
    return TimedFrames(times, frames, np.pad(held, (0, len(times) - len(held))))


def _confidence_at(
    times: NDArray[np.float64], known: NDArray[np.float64], confidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    if known[0] > 0:
        known, confidence = np.insert(known, 0, 0.0), np.insert(confidence, 0, confidence[0])
    if _same_times(known, times):
        return confidence
    known, asked = np.round(known, _DECIMALS), np.round(times, _DECIMALS)
    if asked[-1] > known[-1]:
        known, confidence = np.append(known, asked[-1]), np.append(confidence, 0.0)
    return np.asarray(confidence[np.searchsorted(known, asked, side="right") - 1])


def _checked_times(name: str, times: ArrayLike) -> NDArray[np.float64]:
    seconds = np.asarray(times, dtype=np.float64)
    if seconds.ndim != 1:
        raise ValueError(f"{name}: times of shape {seconds.shape}; expected one dimension")
    if not len(seconds):
        return seconds
    increasing = np.diff(seconds) >= _SAME_TIME
    if seconds[0] >= 0 and seconds[-1] < np.inf and increasing.all():
        return seconds
    _check_finite(name, "time", seconds)
    if seconds[0] < 0:
        raise ValueError(f"{name}: time {seconds[0]:g} s at index 0 is negative")
    index = int(np.argmin(increasing)) + 1
    raise ValueError(
        f"{name}: time {seconds[index]:.12g} s at index {index} comes after {seconds[index - 1]:.12g} s; "
        "times must increase, by a nanosecond or more"
    )


def _check_finite(name: str, what: str, values: NDArray[np.float64]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        index = int(np.argmin(finite))
        raise ValueError(f"{name}: {what} {values[index]} at index {index} is not a finite number")


def _from_0(name: str, seconds: NDArray[np.float64], f0: ArrayLike) -> _Series:
    hz = np.asarray(f0, dtype=np.float64)
    if hz.shape != seconds.shape:
        raise ValueError(f"{name}: f0 of shape {hz.shape}, but times of {seconds.shape}; every frame has one of each")
    _check_finite(name, "f0", hz)
    if len(seconds) and seconds[0] > 0:
        seconds, hz = np.insert(seconds, 0, 0.0), np.insert(hz, 0, hz[0])
    return _Series(seconds, hz)


def _resampled(series: _Pitches, times: NDArray[np.float64]) -> _Pitches:
    """A series at other times, which start at 0 s, as by `mir_eval.melody.resample_melody_series`."""
    if _same_times(series.times, times):
        return series
    known, asked = np.round(series.times, _DECIMALS), np.round(times, _DECIMALS)
    pitch, voiced = series.cents, series.voiced
    if asked[-1] > known[-1]:
        known, pitch, voiced = np.append(known, asked[-1]), np.append(pitch, 0.0), np.append(voiced, False)
    previous = np.searchsorted(known, asked, side="right") - 1
    resampled = np.interp(asked, known, _held(pitch)) * (pitch[previous] != 0)
    return _Pitches(times, resampled, voiced[previous])


def _same_times(times: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether mir_eval takes them for the same; it calls numpy.allclose."""
    if times is other:
        return True
    return times.shape == other.shape and bool((np.abs(times - other) <= 1e-8 + 1e-5 * other).all())


def _held(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zeros replaced by the last value before them, if there is one."""
    frame = np.arange(len(pitch))
    held: NDArray[np.float64] = pitch[np.maximum.accumulate(np.where(pitch != 0, frame, 0))]
    return held


def _multiples(hop: float, end: float) -> NDArray[np.float64]:
    """Times from 0 s to an end, equal to `mir_eval.melody.constant_hop_timebase`, bit by bit."""
    steps = int(np.floor(np.round(end, _DECIMALS) / hop))
    return np.asarray(np.round(np.linspace(0, hop * steps, steps + 1), _DECIMALS))


def _of_length(series: _Pitches, times: NDArray[np.float64]) -> _Pitches:
    """A series cut, or padded with frames without a guess, to as many frames as there are times."""
    missing = max(0, len(times) - len(series.times))
    pitch, voiced = np.pad(series.cents, (0, missing)), np.pad(series.voiced, (0, missing))
    return _Pitches(times, pitch[: len(times)], voiced[: len(times)])
