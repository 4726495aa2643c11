"""The figures by which trackers are judged: what each is computed from, per track, and how.

Every figure is a function of sums over tracks, so that the bootstrap only adds up tracks again. H frames are right
(truth voiced, estimate voiced, within 50 cents), P are estimated voiced, V are truly voiced.

Means over tracks, equal to mir_eval's where it has them:

- `raw_pitch_accuracy`, `raw_pitch_accuracy_25` ...: of a track's voiced frames, those with a guess within 50, 25 ...
  cents, whatever the estimated voicing.
- `overall_accuracy`, `voicing_recall`, `voicing_false_alarm`: as in `lightning_modules.metrics.melody.scores`.

Of all frames together, so that long tracks count for more:

- `frame_pitch_accuracy`: as `raw_pitch_accuracy`.
- `pitch_f1` 2H / (P + V), the harmonic mean of `pitch_recall` H / V and `pitch_precision` H / P.
- `voicing_f1`: the same without the pitch test.
- `false_alarm`: of the unvoiced frames, those estimated voiced.
- `voicing_auc`: how often a voiced frame has more confidence than an unvoiced one (ties count half).
- `exact`, `close`, `off`, `octave_up`, `octave_down`, `wrong`: of the frames voiced in both, those less than 10 cents
  away, 10 to 50, 50 to 200, within 50 cents of the octave above or below, and all others. They add up to 1.
- `cents_bias` and `time_offset_ms`: least squares of the signed error e, in cents, of right frames against the slope s
  of the truth, in cents per second: e = bias - offset * s. A tracker that is late by d seconds gives the pitch of d
  ago, and is low by d * s where the truth rises and high where it falls; one that is sharp is so whatever the slope.
  Both are therefore told apart where the pitch moves up as well as down, or at different speeds. A positive offset is
  late. Frames at the ends of voiced runs have no slope and are left out; where the truth's slope varies by less than
  20 cents per second there is no offset, and the bias is the mean error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from experiments.evaluation.sums import COARSE, Sums

STILL = 20.0  # cents per second, standard deviation of the slope below which the truth does not move
Floats = NDArray[np.float64]
Unit = Literal["share", "cents", "ms"]
Term = Callable[[Sums], Floats]


@dataclass(frozen=True)
class Figure(ABC):
    """A figure of some tracks.

    Attributes:
        name: of it.
        better: whether more is better (1), less (-1), or nearer to 0 (0).
        unit: a share of frames, cents or ms.
    """

    name: str
    better: int = 1
    unit: Unit = "share"

    @abstractmethod
    def terms(self, sums: Sums) -> Floats:
        """What tracks contribute, `(tracks, terms)`."""

    @abstractmethod
    def value(self, totals: Floats) -> Floats:
        """The figure `(...)` of terms that are added up over tracks, `(..., terms)`; NaN where undefined."""

    def of(self, sums: Sums) -> float:
        """The figure of all tracks."""
        return float(self.value(self.terms(sums).sum(axis=0)))


@dataclass(frozen=True)
class ShareOfTracks(Figure):
    """The mean over tracks of a share of frames, where the track has such frames."""

    part: Term = Sums.frames
    whole: Term = Sums.frames

    @override
    def terms(self, sums: Sums) -> Floats:
        defined = self.whole(sums) > 0
        return np.stack([self.part(sums) / np.where(defined, self.whole(sums), 1.0) * defined, defined], axis=1)

    @override
    def value(self, totals: Floats) -> Floats:
        return _ratio(totals)


@dataclass(frozen=True)
class ShareOfFrames(Figure):
    """A share of the frames of all tracks together."""

    part: Term = Sums.frames
    whole: Term = Sums.frames

    @override
    def terms(self, sums: Sums) -> Floats:
        return np.stack([self.part(sums), self.whole(sums)], axis=1)

    @override
    def value(self, totals: Floats) -> Floats:
        return _ratio(totals)


@dataclass(frozen=True)
class AreaUnderCurve(Figure):
    """The area under the curve of voicing recall over false alarm, at all thresholds.

    The figure itself is of `FINE` levels of confidence with as many frames each, exact to 1e-4; the bootstrap's draws
    are of `COARSE` ones.
    """

    @override
    def terms(self, sums: Sums) -> Floats:
        levels = sums.levels()
        return np.asarray(levels.reshape(*levels.shape[:2], COARSE, -1).sum(axis=3).reshape(len(levels), -1))

    @override
    def value(self, totals: Floats) -> Floats:
        unvoiced, voiced = np.moveaxis(totals.reshape(*totals.shape[:-1], 2, -1), -2, 0)
        below = np.cumsum(unvoiced, axis=-1) - unvoiced / 2
        with np.errstate(invalid="ignore"):
            return np.asarray((voiced * below).sum(axis=-1) / (voiced.sum(axis=-1) * unvoiced.sum(axis=-1)))

    @override
    def of(self, sums: Sums) -> float:
        return float(self.value(sums.levels().sum(axis=0).reshape(-1)))


@dataclass(frozen=True)
class Bias(Figure):
    """The error, in cents, where the truth stands still."""

    @override
    def terms(self, sums: Sums) -> Floats:
        return sums.moments()

    @override
    def value(self, totals: Floats) -> Floats:
        frames, error, slope, _, _ = np.moveaxis(totals, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((error - np.nan_to_num(_inclination(totals)) * slope) / frames)


@dataclass(frozen=True)
class Offset(Figure):
    """By how many ms the estimate is late."""

    @override
    def terms(self, sums: Sums) -> Floats:
        return sums.moments()

    @override
    def value(self, totals: Floats) -> Floats:
        return -1000 * _inclination(totals)


def _ratio(totals: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(totals[..., 1] > 0, totals[..., 0] / totals[..., 1], np.nan))


def _inclination(totals: Floats) -> Floats:
    """Seconds by which the error in cents grows with the slope in cents per second; NaN where the truth is still."""
    frames, error, slope, squares, products = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares / frames - (slope / frames) ** 2
        inclination = (products / frames - error * slope / frames**2) / spread
    return np.asarray(np.where(spread > STILL**2, inclination, np.nan))


def _within(tolerance: float) -> Term:
    return lambda sums: sums.within(tolerance)


def _of_class(name: str) -> Term:
    return lambda sums: sums.of_class(name)


def figures(tolerances: Sequence[float]) -> dict[str, Figure]:
    """All figures by name.

    Args:
        tolerances: cents, of the raw pitch accuracies; 50 is among them.
    """
    return {figure.name: figure for figure in _figures(tolerances)}


def _figures(tolerances: Sequence[float]) -> Iterator[Figure]:
    for tolerance in tolerances:
        suffix = "" if tolerance == 50 else f"_{tolerance}".removesuffix(".0")
        yield ShareOfTracks(f"raw_pitch_accuracy{suffix}", part=_within(tolerance), whole=Sums.voiced)
    yield ShareOfTracks("overall_accuracy", part=lambda sums: sums.hits() + sums.rejected(), whole=Sums.frames)
    yield ShareOfTracks("voicing_recall", part=Sums.recalled, whole=Sums.voiced)
    yield ShareOfTracks("voicing_false_alarm", -1, part=Sums.alarms, whole=Sums.unvoiced)
    yield ShareOfFrames("frame_pitch_accuracy", part=_within(50.0), whole=Sums.voiced)
    yield ShareOfFrames("pitch_f1", part=lambda sums: 2 * sums.hits(), whole=lambda s: s.claimed() + s.voiced())
    yield ShareOfFrames("pitch_recall", part=Sums.hits, whole=Sums.voiced)
    yield ShareOfFrames("pitch_precision", part=Sums.hits, whole=Sums.claimed)
    yield ShareOfFrames("voicing_f1", part=lambda sums: 2 * sums.recalled(), whole=lambda s: s.claimed() + s.voiced())
    yield AreaUnderCurve("voicing_auc")
    yield ShareOfFrames("false_alarm", -1, part=Sums.alarms, whole=Sums.unvoiced)
    for name, better in (
        ("exact", 1),
        ("close", 0),
        ("off", -1),
        ("octave_up", -1),
        ("octave_down", -1),
        ("wrong", -1),
    ):
        yield ShareOfFrames(name, better, part=_of_class(name), whole=Sums.recalled)
    yield Bias("cents_bias", 0, "cents")
    yield Offset("time_offset_ms", 0, "ms")
