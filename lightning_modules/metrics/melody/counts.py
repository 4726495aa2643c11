"""Frames compared with a reference, and counted by what became of them: what every figure is made of.

Two f0 series of the same frames are compared in cents, as mir_eval.melody does to the last bit, so that a difference
right at a tolerance falls to the same side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STANDARD_TOLERANCE = 50.0  # cents; half of a semitone, for everything that names no tolerance
# Below it, a frame whose pitch is right is no gross error, and one whose chroma is right in another octave is one.
WIDEST_TOLERANCE = 300.0
# Above it, the next harmonics are less than 100 cents apart, so that a pitch can be right for two of them.
MOST_HARMONICS = 16
_GROSS = 0.2  # of the reference's f0
_NEAR_CENTS = (1200 * np.log2(1 - _GROSS), 1200 * np.log2(1 + _GROSS))

# Cells of the histogram of |error|: of equal widths up to a size, then of equal ratios, the last without an end.
_FINE_WIDTH, _FINE_END = 0.5, 100.0  # cents
_FINE_CELLS = round(_FINE_END / _FINE_WIDTH)
_COARSE_RATIO = 1.01
_COARSE_CELLS = 482  # 100 * 1.01^482 cents are ten octaves
ERROR_CELLS = _FINE_CELLS + _COARSE_CELLS

# What can become of a frame. After these come the frames with the right chroma in another octave, by how many
# tolerances it meets (1 ... n), then those with the right pitch, by the same.
UNVOICED, GROSS, NEAR = range(3)


@dataclass(frozen=True)
class Criteria:
    """What counts as right.

    Args:
        tolerances: cents, greater than 0, at most 300; 50 is among them. Pitches agree if they differ by less.
        harmonics: for each n, 2 ... 16, a raw harmonic accuracy that takes the first n harmonics for right.

    Raises:
        ValueError: one of them is not possible, or is there twice.
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
                f"tolerances: {list(self.tolerances)} lacks 50 cents, of which the accuracies without a number are"
            )
        for number in self.harmonics:
            if not (2 <= number <= MOST_HARMONICS and number == int(number)):
                raise ValueError(f"harmonics: {number} is not a whole number from 2 to {MOST_HARMONICS}")

    @property
    def outcomes(self) -> int:
        """How many things can become of a frame."""
        return NEAR + 1 + 2 * len(self.tolerances)

    def right_pitch(self, tolerance: float) -> list[int]:
        """The outcomes whose pitch is within a tolerance."""
        first = NEAR + 1 + len(self.tolerances) + self._wider(tolerance)
        return list(range(first, self.outcomes))

    def right_chroma(self, tolerance: float) -> list[int]:
        """The outcomes whose chroma is within a tolerance."""
        first = NEAR + 1 + self._wider(tolerance)
        return [*range(first, NEAR + 1 + len(self.tolerances)), *self.right_pitch(tolerance)]

    def _wider(self, tolerance: float) -> int:
        return sum(other > tolerance for other in self.tolerances)


class PitchFrames(NamedTuple):
    """A reference and an estimate on the same frames.

    Attributes:
        reference_voiced: bool `(frames,)`.
        reference_cents: float64 `(frames,)`, cents above 10 Hz, whatever the voicing; 0 where there is no pitch.
        estimate_voiced: bool `(frames,)`.
        estimate_cents: float64 `(frames,)`, the best guess whatever the voicing; 0 where there is none.
    """

    reference_voiced: NDArray[np.bool_]
    reference_cents: NDArray[np.float64]
    estimate_voiced: NDArray[np.bool_]
    estimate_cents: NDArray[np.float64]

    def known(self) -> NDArray[np.bool_]:
        """The frames voiced in the reference for which there is a guess.

        As in mir_eval, 0 cents stands for no pitch, even if it is a pitch of 10 Hz.
        """
        known: NDArray[np.bool_] = (self.reference_cents != 0) & (self.estimate_cents != 0) & self.reference_voiced
        return known


class TrackCounts(NamedTuple):
    """Frames of tracks by what became of them; float64.

    Attributes:
        outcomes: `(tracks, outcomes, levels)`, by outcome and by how many voicing thresholds their confidence exceeds.
        errors: `(tracks, cells)`, those of `known` by the size of their error, see `error_counts`.
        harmonics: `(tracks, MOST_HARMONICS - 1)`, by the harmonic of the reference that they are on, from the second.
    """

    outcomes: NDArray[np.float64]
    errors: NDArray[np.float64]
    harmonics: NDArray[np.float64]


def cents(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cents above 10 Hz of the size of an f0 in Hz; 0 where it is 0."""
    size = np.abs(f0)
    size[size == 0] = 10.0
    size /= 10.0
    np.log2(size, out=size)
    size *= 1200.0
    return size


def outcome_counts(
    frames: PitchFrames, level: NDArray[np.int64] | NDArray[np.bool_], levels: int, criteria: Criteria
) -> NDArray[np.float64]:
    """Frames by outcome and level, `(outcomes, levels)`.

    Args:
        frames: `(frames,)`.
        level: how many voicing thresholds the confidence of each exceeds, below `levels`; 0 where there is no guess.
        levels: how many there are.
        criteria: what counts as right.
    """
    cell = np.multiply(_outcomes(frames, criteria), levels, dtype=np.int32)
    np.add(cell, level, out=cell, casting="same_kind")
    counts = np.bincount(cell, minlength=criteria.outcomes * levels)
    return counts.reshape(criteria.outcomes, levels).astype(np.float64)


def _outcomes(frames: PitchFrames, criteria: Criteria) -> NDArray[np.int8]:
    """What becomes of each frame; see the comment at the top."""
    error = frames.estimate_cents - frames.reference_cents
    near = (error >= _NEAR_CENTS[0]) & (error <= _NEAR_CENTS[1])
    distance = np.abs(error, out=error)
    met = np.zeros(len(distance), np.int8)
    folded = _folded(distance)
    for tolerance in criteria.tolerances:
        met += folded < tolerance
    # A right chroma comes behind what is wrong; if it is near, thus in the same octave, behind those in another.
    right = (met > 0) * (1 + near * np.int8(len(criteria.tolerances) - 1))
    outcome: NDArray[np.int8] = (GROSS + frames.known() * (near + met + right)) * frames.reference_voiced
    return outcome


def _folded(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a distance in cents is from the nearest octave; as mir_eval reckons it, to the last bit."""
    folded: NDArray[np.float64] = distance / 1200.0
    folded += 0.5
    np.floor(folded, out=folded)
    folded *= 1200.0
    np.subtract(distance, folded, out=folded)
    np.abs(folded, out=folded)
    return folded


def error_counts(frames: PitchFrames) -> NDArray[np.float64]:
    """Frames by the size of their error, `(ERROR_CELLS,)`: those voiced in the reference that have a guess.

    Cells are 0.5 cents wide up to 100 cents, and 1 % from there on; the last takes all errors of ten octaves and more.
    """
    distance = np.abs(frames.reference_cents - frames.estimate_cents)[frames.known()]
    coarse = np.log(np.maximum(distance, _FINE_END) / _FINE_END) / np.log(_COARSE_RATIO)
    cell = np.where(distance < _FINE_END, distance / _FINE_WIDTH, _FINE_CELLS + coarse).astype(np.intp)
    return np.bincount(np.minimum(cell, ERROR_CELLS - 1), minlength=ERROR_CELLS).astype(np.float64)


def error_quantiles(errors: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The smallest error that a share of the frames does not exceed, cents.

    Args:
        errors: `(tracks, cells)`, see `error_counts`.
        share: 0 ... 1.

    Returns:
        `(tracks,)`, the middle of the cell that it lies in: within 0.25 cents up to 100 cents, within half a per cent
        above. NaN where there are no frames.
    """
    reached = np.cumsum(errors, axis=1)
    total = reached[:, -1:]
    # A product such as 0.9 * 10 may come out just above the whole number that it is.
    needed = np.maximum(np.ceil(share * total - 1e-6), 1)
    cell = np.argmax(reached >= needed, axis=1)
    return np.asarray(np.where(total[:, 0] > 0, _middles()[cell], np.nan))


def _middles() -> NDArray[np.float64]:
    fine = (np.arange(_FINE_CELLS) + 0.5) * _FINE_WIDTH
    coarse = _FINE_END * _COARSE_RATIO ** np.arange(_COARSE_CELLS) * (1 + _COARSE_RATIO) / 2
    return np.asarray(np.concatenate([fine, coarse]))


def harmonic_counts(frames: PitchFrames) -> NDArray[np.float64]:
    """Frames within 50 cents of the second, third ... harmonic of the reference, `(MOST_HARMONICS - 1,)`."""
    above = (frames.estimate_cents - frames.reference_cents)[frames.known()]
    # Only what is an octave above, or nearly, can be on one of them.
    above = above[above > 1200.0 - STANDARD_TOLERANCE]
    harmonics = 1200.0 * np.log2(np.arange(2, MOST_HARMONICS + 1))
    right = np.abs(above - harmonics[:, None]) < STANDARD_TOLERANCE
    return np.asarray(right.sum(axis=1), dtype=np.float64)
