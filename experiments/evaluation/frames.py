"""The frames of a data set, one track after the other: truth and the guesses of every method at the same times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from experiments.evaluation.scores import Rules
from experiments.evaluation.tables import Pairs, TableFolder
from experiments.evaluation.tracked import TrackedFolder, TrackedTable
from lightning_modules.metrics import TimedFrames, align_with_confidence

STEEPEST = 3000.0  # cents per second; faster changes of the truth are jumps between notes or octaves
RIGHT = 50.0  # cents
LOWEST = 10.0  # Hz, from which cents are counted


@dataclass(frozen=True)
class Truth:
    """The reference of all tracks.

    Attributes:
        tracks: ids.
        track: int64 `(frames,)`, number of each frame's track.
        voiced: bool `(frames,)`.
        f0: float64 `(frames,)`, Hz, 0 where unvoiced.
        slope: float64 `(frames,)`, cents per second, from the frames before and after; NaN at the ends of voiced runs
            and where it is steeper than `STEEPEST`.
    """

    tracks: tuple[str, ...]
    track: NDArray[np.int64]
    voiced: NDArray[np.bool_]
    f0: NDArray[np.float64]
    slope: NDArray[np.float64]


@dataclass(frozen=True)
class Guesses:
    """What a method says of these frames.

    Attributes:
        known: bool `(frames,)`, whether it has a guess of the pitch.
        error: float64 `(frames,)`, signed, cents; NaN where the truth is unvoiced or there is no guess.
        voiced: bool `(frames,)`, by its own threshold.
        confidence: float64 `(frames,)`, 0 to 1; None if it has none.
    """

    known: NDArray[np.bool_]
    error: NDArray[np.float64]
    voiced: NDArray[np.bool_]
    confidence: NDArray[np.float64] | None

    def right(self) -> NDArray[np.bool_]:
        """`(frames,)` where the truth is voiced and the guess within 50 cents of it."""
        return np.asarray(np.abs(self.error) < RIGHT)

    def voiced_at(self, threshold: float | None) -> NDArray[np.bool_]:
        """`(frames,)` where it is voiced if the confidence has to reach a threshold; None: as it says itself."""
        if threshold is None or self.confidence is None:
            return self.voiced
        return (self.confidence >= threshold) & self.known


@dataclass(frozen=True)
class FrameSet:
    """A data set as frames.

    Attributes:
        truth: the reference.
        guesses: of every method.
    """

    truth: Truth
    guesses: dict[str, Guesses]


class TrackGuess(NamedTuple):
    """What a method says of the frames of a track.

    Attributes:
        cents: float64 `(frames,)`, above 10 Hz, the best guess, also where it is unvoiced; 0 where there is none.
        voiced: bool `(frames,)`, by its own threshold.
        confidence: float64 `(frames,)`, 0 to 1; None if it has none.
    """

    cents: NDArray[np.float64]
    voiced: NDArray[np.bool_]
    confidence: NDArray[np.float64] | None


class AlignedTrack(NamedTuple):
    """A track at the times of its reference.

    Attributes:
        name: of it.
        times: float64 `(frames,)`, s.
        voiced: bool `(frames,)`, in truth.
        cents: float64 `(frames,)`, the truth, above 10 Hz; where it is unvoiced, 0 or a guess.
        guesses: of every method.
    """

    name: str
    times: NDArray[np.float64]
    voiced: NDArray[np.bool_]
    cents: NDArray[np.float64]
    guesses: dict[str, TrackGuess]

    @classmethod
    def of(cls, name: str, aligned: Mapping[str, TimedFrames]) -> AlignedTrack:
        """A track of which there are the frames of each method, one at least, at the same times."""
        times, frames, _ = next(iter(aligned.values()))
        guesses = {
            method: TrackGuess(each.frames.estimate_cents, each.frames.estimate_voiced, each.confidence)
            for method, each in aligned.items()
        }
        return cls(name, times, frames.reference_voiced, frames.reference_cents, guesses)

    def errors(self, method: str) -> NDArray[np.float64]:
        """Signed errors of a method, `(frames,)`, cents; NaN where the truth is unvoiced or there is no guess."""
        guess = self.guesses[method].cents
        return np.where(self.voiced & (self.cents != 0) & (guess != 0), guess - self.cents, np.nan)


def collect(references: TableFolder, estimates: Mapping[str, TrackedFolder], pairs: Pairs, rules: Rules) -> FrameSet:
    """The frames of `aligned_tracks`, whose arguments and errors these are."""
    return joined(aligned_tracks(references, estimates, pairs, rules))


def aligned_tracks(
    references: TableFolder, estimates: Mapping[str, TrackedFolder], pairs: Pairs, rules: Rules
) -> Iterator[AlignedTrack]:
    """Read and align the tables of all tracks.

    Args:
        references: where the truth is.
        estimates: where each method's tables are.
        pairs: of the tables.
        rules: how they are aligned.

    Raises:
        DataError: a table cannot be read.
    """
    for track in pairs.tracks:
        of_track: dict[str, TimedFrames] = {}
        reference = references.read(pairs.references[track])
        for name, folder in estimates.items():
            path = pairs.estimates[name][track]
            series, confidence = folder.tracked(path)
            try:
                of_track[name] = align_with_confidence(*reference, *series, confidence, hop=rules.resample)
            except ValueError as error:
                raise DataError(f"{path}: cannot be compared with {pairs.references[track]}: {error}") from error
        yield AlignedTrack.of(track, of_track)


def frames_of(
    references: Mapping[str, F0Series],
    estimates: Mapping[str, Mapping[str, TrackedTable]],
    hop: float | None = None,
) -> FrameSet:
    """Align series that are in memory.

    Args:
        references: the truth of every track.
        estimates: of every method, by track: f0 that is negative where unvoiced, and its confidence.
        hop: s between the frames that both are brought to; None: the estimate is brought to the reference's.

    Raises:
        DataError: there is no method, one lacks a track, or some of its tracks have confidence and others have not.
        ValueError: a series is invalid; the message says why.
    """
    if not references or not estimates:
        raise DataError("frames_of: at least one track and one method are needed")
    for name, of_method in estimates.items():
        if lacking := sorted(references.keys() - of_method.keys()):
            raise DataError(f"{name}: no estimate of {', '.join(lacking)}")
    return joined(
        AlignedTrack.of(
            track,
            {
                name: align_with_confidence(*reference, *of_method[track].series, of_method[track].confidence, hop=hop)
                for name, of_method in estimates.items()
            },
        )
        for track, reference in references.items()
    )


def joined(tracks: Iterable[AlignedTrack]) -> FrameSet:
    """The frames of some tracks, one after the other.

    Raises:
        DataError: some of a method's tables have confidence and others have not.
    """
    truths: list[tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]] = []
    guesses: dict[str, list[Guesses]] = {}
    names = []
    for track in tracks:
        names.append(track.name)
        f0 = np.where(track.voiced, LOWEST * 2 ** (track.cents / 1200), 0.0)
        truths.append((track.voiced, f0, _slope(track.times, track.cents, track.voiced)))
        for method, (cents, voiced, confidence) in track.guesses.items():
            guesses.setdefault(method, []).append(Guesses(cents != 0, track.errors(method), voiced, confidence))
    number = np.repeat(np.arange(len(truths)), [len(voiced) for voiced, _, _ in truths])
    truth = Truth(tuple(names), number, *(np.concatenate(column) for column in zip(*truths, strict=True)))
    return FrameSet(truth, {name: _joined(name, parts) for name, parts in guesses.items()})


def _slope(times: NDArray[np.float64], cents: NDArray[np.float64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    slope = np.full(len(times), np.nan)
    if len(times) < 3:
        return slope
    inner = voiced[:-2] & voiced[1:-1] & voiced[2:]
    slope[1:-1] = np.where(inner, (cents[2:] - cents[:-2]) / (times[2:] - times[:-2]), np.nan)
    return np.where(np.abs(slope) <= STEEPEST, slope, np.nan)


def _joined(name: str, parts: list[Guesses]) -> Guesses:
    confidences = [part.confidence for part in parts if part.confidence is not None]
    if confidences and len(confidences) < len(parts):
        raise DataError(f"{name}: {len(confidences)} of {len(parts)} tables have confidence, the others have not")
    return Guesses(
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.error for part in parts]),
        np.concatenate([part.voiced for part in parts]),
        np.concatenate(confidences) if confidences else None,
    )
