"""The counts that all melody metrics are computed from: frames by outcome, by size of the error, and by harmonic.

Reference and estimate are compared in cents with the arithmetic of mir_eval.melody, bit by bit: a difference right at a
tolerance falls to the same side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STANDARD_TOLERANCE = 50.0  # cents, of metrics whose name states no tolerance
# Cents. Up to here, right pitches are never gross errors, and right chromas in another octave always are.
WIDEST_TOLERANCE = 300.0
# Higher harmonics are less than 100 cents apart, so that a pitch could be right for two of them.
MOST_HARMONICS = 16
LOWEST = 10.0  # Hz, of 0 cents
_DOUBT = 1e-6  # cents; two ways to compute an error differ by far less
_GROSS = 0.2  # fraction of the reference's f0
_NOT_GROSS = (float(1200 * np.log2(1 - _GROSS)), float(1200 * np.log2(1 + _GROSS)))  # cents

# Bins of the histogram of |error|: of equal width up to _FINE_END, then of equal ratio; the last one is open.
_FINE_WIDTH, _FINE_END = 0.5, 100.0  # cents
_FINE_BINS = round(_FINE_END / _FINE_WIDTH)
_COARSE_RATIO = 1.01
_COARSE_BINS = 482  # 100 * 1.01^482 cents are ten octaves
ERROR_BINS = _FINE_BINS + _COARSE_BINS

# Outcomes of a frame: the reference is unvoiced; a gross error, or no guess; any other wrong guess. Then follow n
# outcomes for the right chroma in another octave, and n for the right pitch: the k-th of them meets k of the n
# tolerances.
UNVOICED, GROSS, NEAR = range(3)


@dataclass(frozen=True)
class Criteria:
    """What counts as a right pitch.

    Args:
        tolerances: cents, greater than 0, at most 300; 50 is among them. Pitches agree if they differ by less.
        harmonics: for each n, 2 ... 16, there is a raw harmonic accuracy that accepts the first n harmonics.

    Raises:
        ValueError: a value is out of range, or occurs twice.
    """

    tolerances: Sequence[float] = (50.0, 25.0, 10.0)
    harmonics: Sequence[int] = (2, 3, 4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerances", tuple(self.tolerances))
        object.__setattr__(self, "harmonics", tuple(self.harmonics))
        for name, values in (("tolerances", self.tolerances), ("harmonics", self.harmonics)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: {list(values)} has one of them twice")
        for tolerance in self.tolerances:
            if not 0 < tolerance <= WIDEST_TOLERANCE:
                raise ValueError(f"tolerances: {tolerance} cents; each must be more than 0 and at most 300")
        if STANDARD_TOLERANCE not in self.tolerances:
            raise ValueError(
                f"tolerances: {list(self.tolerances)} lacks 50 cents, the tolerance of accuracies without a number"
            )
        for number in self.harmonics:
            if not (2 <= number <= MOST_HARMONICS and number == int(number)):
                raise ValueError(f"harmonics: {number} is not a whole number from 2 to {MOST_HARMONICS}")

    @property
    def outcomes(self) -> int:
        """Number of outcomes."""
        return NEAR + 1 + 2 * len(self.tolerances)

    def right_pitch(self, tolerance: float) -> list[int]:
        """The outcomes with a pitch within a tolerance."""
        first = NEAR + 1 + len(self.tolerances) + self._wider(tolerance)
        return list(range(first, self.outcomes))

    def right_chroma(self, tolerance: float) -> list[int]:
        """The outcomes with a chroma within a tolerance."""
        first = NEAR + 1 + self._wider(tolerance)
        return [*range(first, NEAR + 1 + len(self.tolerances)), *self.right_pitch(tolerance)]

    def _wider(self, tolerance: float) -> int:
        return sum(other > tolerance for other in self.tolerances)


class PitchFrames(NamedTuple):
    """A reference and an estimate at the same times.

    Attributes:
        reference_voiced: bool `(frames,)`.
        reference_cents: float64 `(frames,)`, cents above 10 Hz, in unvoiced frames too; 0 where there is no pitch.
        estimate_voiced: bool `(frames,)`.
        estimate_cents: float64 `(frames,)`, the guess, in unvoiced frames too; 0 where there is none.
    """

    reference_voiced: NDArray[np.bool_]
    reference_cents: NDArray[np.float64]
    estimate_voiced: NDArray[np.bool_]
    estimate_cents: NDArray[np.float64]

    def known(self) -> NDArray[np.bool_]:
        """Frames that are voiced in the reference and have a guess; a pitch of 10 Hz is none, as in mir_eval."""
        known: NDArray[np.bool_] = (self.reference_cents != 0) & (self.estimate_cents != 0) & self.reference_voiced
        return known


class TrackCounts(NamedTuple):
    """Numbers of frames; float64.

    Attributes:
        outcomes: `(tracks, outcomes, levels)`, by outcome and by the number of voicing thresholds that the confidence
            exceeds.
        errors: `(tracks, ERROR_BINS)`, frames of `PitchFrames.known` by |error|.
        harmonics: `(tracks, MOST_HARMONICS - 1)`, frames on the second, third ... harmonic of the reference.
    """

    outcomes: NDArray[np.float64]
    errors: NDArray[np.float64]
    harmonics: NDArray[np.float64]


def cents(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cents above 10 Hz of |f0| in Hz; 0 where f0 is 0."""
    size = np.abs(f0)
    size[size == 0] = LOWEST
    size /= LOWEST
    np.log2(size, out=size)
    size *= 1200.0
    return size


def outcome_counts(
    frames: PitchFrames, level: NDArray[np.int64] | NDArray[np.bool_], levels: int, criteria: Criteria
) -> NDArray[np.float64]:
    """Numbers of frames `(outcomes, levels)`.

    Args:
        frames: reference and estimate.
        level: `(frames,)` number of voicing thresholds that the confidence exceeds, below `levels`; 0 without a guess.
        levels: number of levels.
        criteria: what counts as a right pitch.
    """
    cell = np.multiply(_outcomes(frames, criteria), levels, dtype=np.int32)
    np.add(cell, level, out=cell, casting="same_kind")
    counts = np.bincount(cell, minlength=criteria.outcomes * levels)
    return counts.reshape(criteria.outcomes, levels).astype(np.float64)


def _outcomes(frames: PitchFrames, criteria: Criteria) -> NDArray[np.int8]:
    """The outcome of each frame, `(frames,)`."""
    error = frames.estimate_cents - frames.reference_cents
    same_octave = (error >= _NOT_GROSS[0]) & (error <= _NOT_GROSS[1])  # or any other error that is not gross
    chroma_error = _folded(np.abs(error, out=error))
    met = np.zeros(len(error), np.int8)
    for tolerance in criteria.tolerances:
        met += chroma_error < tolerance
    wrong = np.where(same_octave, np.int8(NEAR), np.int8(GROSS))
    right = NEAR + met + same_octave * np.int8(len(criteria.tolerances))
    guessed = np.where(met > 0, right, wrong)
    voiced = np.where(frames.known(), guessed, np.int8(GROSS))
    return np.where(frames.reference_voiced, voiced, np.int8(UNVOICED))


def _folded(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in cents from the nearest octave, as mir_eval computes it."""
    folded: NDArray[np.float64] = distance / 1200.0
    folded += 0.5
    np.floor(folded, out=folded)
    folded *= 1200.0
    np.subtract(distance, folded, out=folded)
    np.abs(folded, out=folded)
    return folded


def outcome_counts_of_f0(
    reference: NDArray[np.float64],
    estimate: NDArray[np.float64],
    level: NDArray[np.int64] | NDArray[np.bool_],
    levels: int,
    criteria: Criteria,
) -> NDArray[np.float64]:
    """What `outcome_counts` gives, compiled, of f0: for many tracks.

    It takes one logarithm a frame, and the two that mir_eval takes where the error is near the edge of an outcome.

    Args:
        reference: `(frames,)`, Hz, finite, 0 or negative where unvoiced.
        estimate: `(frames,)`, Hz, finite, the guess, or its negative; 0 where there is none.
        level: as in `outcome_counts`, also the others.
        levels: likewise.
        criteria: likewise.

    Raises:
        ValueError: a level is not below `levels`, or that is more than 256.
    """
    # Here, because numba takes longer to load than NumPy takes for some hundred tracks.
    from lightning_modules.metrics.melody.compiled import count_outcomes, ratios

    is_bool = level.dtype == np.bool_
    if levels > 256 or levels < 2 or (not is_bool and len(level) and not 0 <= level.min() <= level.max() < levels):
        raise ValueError(f"level: from {level.min()} to {level.max()}, of {levels}, of which there may be 256")
    small = np.ascontiguousarray(level.view(np.uint8) if is_bool else level.astype(np.uint8))
    reference, estimate = np.ascontiguousarray(reference), np.ascontiguousarray(estimate)
    octaves, known = ratios(reference, estimate, LOWEST)
    np.log2(octaves, out=octaves)
    counts = np.zeros((criteria.outcomes, levels))
    tolerances = np.array(criteria.tolerances, np.float64)
    doubtful = count_outcomes(reference, known, octaves, small, counts, tolerances, *_NOT_GROSS, _DOUBT)
    if len(doubtful):  # as mir_eval rounds
        some = reference[doubtful], estimate[doubtful]
        frames = PitchFrames(some[0] > 0, cents(some[0]), some[1] > 0, cents(some[1]))
        counts += outcome_counts(frames, level[doubtful], levels, criteria)
    return counts


def error_counts(frames: PitchFrames) -> NDArray[np.float64]:
    """Histogram `(ERROR_BINS,)` of |error| over the frames that are voiced in the reference and have a guess.

    Bins are 0.5 cents wide up to 100 cents, and 1 % from there on; the last one holds all errors above ten octaves.
    """
    distance = np.abs(frames.reference_cents - frames.estimate_cents)[frames.known()]
    coarse = np.log(np.maximum(distance, _FINE_END) / _FINE_END) / np.log(_COARSE_RATIO)
    index = np.where(distance < _FINE_END, distance / _FINE_WIDTH, _FINE_BINS + coarse).astype(np.intp)
    return np.bincount(np.minimum(index, ERROR_BINS - 1), minlength=ERROR_BINS).astype(np.float64)


def error_quantiles(errors: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Quantile of |error| in each track, cents.

    Args:
        errors: `(tracks, ERROR_BINS)`, from `error_counts`.
        share: fraction of the frames that do not exceed the quantile.

    Returns:
        `(tracks,)`, the middle of the quantile's bin: exact within 0.25 cents up to 100 cents, within half a per cent
        above. NaN where there are no frames.
    """
    reached = np.cumsum(errors, axis=1)
    total = reached[:, -1:]
    # A product such as 0.9 * 10 may come out just above the whole number that it is.
    needed = np.maximum(np.ceil(share * total - 1e-6), 1)
    index = np.argmax(reached >= needed, axis=1)
    return np.asarray(np.where(total[:, 0] > 0, _middles()[index], np.nan))


def _middles() -> NDArray[np.float64]:
    fine = (np.arange(_FINE_BINS) + 0.5) * _FINE_WIDTH
    coarse = _FINE_END * _COARSE_RATIO ** np.arange(_COARSE_BINS) * (1 + _COARSE_RATIO) / 2
    return np.asarray(np.concatenate([fine, coarse]))


def harmonic_counts(frames: PitchFrames) -> NDArray[np.float64]:
    """Numbers of frames within 50 cents of the second, third ... harmonic of the reference, `(MOST_HARMONICS - 1,)`."""
    above = (frames.estimate_cents - frames.reference_cents)[frames.known()]
    # Lower guesses match none of them.
    above = above[above > 1200.0 - STANDARD_TOLERANCE]
    harmonics = 1200.0 * np.log2(np.arange(2, MOST_HARMONICS + 1))
    right = np.abs(above - harmonics[:, None]) < STANDARD_TOLERANCE
    return np.asarray(right.sum(axis=1), dtype=np.float64)
