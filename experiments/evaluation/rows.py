"""The parts of a data set of which figures are given: registers, low tracks, verified frames, conditions, families.

A set whose recordings say a `condition` in their metadata, as `datamodules.Conditions` writes it, has every `recording`
in several conditions, named by their factors, such as `scene_room`; `clean` has none. A set whose recordings say a
`family` is of stress signals; families without any voiced frame are controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from experiments.evaluation.frames import Truth

REGISTERS = (0.0, 110.0, 220.0, 440.0, 880.0, np.inf)  # Hz
LOW = 110.0  # Hz, median of a low track
CLEAN = "clean"
Kind = Literal["set", "register", "low", "verified", "family", "control", "condition", "conditions", "interaction"]


@dataclass(frozen=True)
class FigureRow:
    """Some tracks and frames of a set, or a sum over conditions of the figures of each.

    Attributes:
        kind: of it.
        part: what it is called beside the set's name; empty for the whole set.
        tracks: bool `(tracks,)`.
        frames: bool `(frames,)`; None: all of the tracks'.
        weights: by which the figures of other rows, named by their part, are added up; None: it is no such sum.
        told: whether its figures are given; else they only go into sums.
    """

    kind: Kind
    part: str
    tracks: NDArray[np.bool_]
    frames: NDArray[np.bool_] | None = None
    weights: Mapping[str, float] | None = None
    told: bool = True


def rows_of(
    truth: Truth, metadata: Mapping[str, Mapping[str, Any]], verified: NDArray[np.bool_] | None = None
) -> list[FigureRow]:
    """The rows of a set.

    Args:
        truth: of its frames.
        metadata: of every track, by its id.
        verified: bool `(frames,)`, the frames that count on verified rows; None: there are no such rows.

    Raises:
        DataError: some recordings lack a condition, or a family, that others have.
    """
    conditions = conditions_of(truth.tracks, metadata)
    if conditions is not None:
        return _condition_rows(conditions, verified)
    every = np.ones(len(truth.tracks), np.bool_)
    families = _stated(truth.tracks, metadata, "family")
    return [
        FigureRow("set", "", every),
        *([] if verified is None else [FigureRow("verified", "verified", every, verified)]),
        *([] if families is not None else _register_rows(truth)),
        *([] if families is None else _family_rows(truth, families)),
    ]


def conditions_of(tracks: Sequence[str], metadata: Mapping[str, Mapping[str, Any]]) -> NDArray[np.str_] | None:
    """The condition of each track, `(tracks,)`; None if the set is not of conditions.

    Raises:
        DataError: some recordings have a condition and others have none.
    """
    stated = _stated(tracks, metadata, "condition")
    return None if stated is None else np.where(stated == "", CLEAN, stated)


def bases_of(tracks: Sequence[str], metadata: Mapping[str, Mapping[str, Any]]) -> NDArray[np.str_]:
    """The recording that each track is a version of, `(tracks,)`; itself if it does not say."""
    return np.array([str(metadata[track].get("recording", track)) for track in tracks], np.str_)


def factors(condition: str) -> frozenset[str]:
    """The factors of a condition: `scene_room` has scene and room, `clean` has none."""
    return frozenset() if condition == CLEAN else frozenset(condition.split("_"))


def _stated(tracks: Sequence[str], metadata: Mapping[str, Mapping[str, Any]], key: str) -> NDArray[np.str_] | None:
    lacking = [track for track in tracks if key not in metadata[track]]
    if len(lacking) == len(tracks):
        return None
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(tracks)} recordings have no {key!r} in their metadata: {lacking[0]} ..."
        )
    return np.array([str(metadata[track][key]) for track in tracks], np.str_)


def _register_rows(truth: Truth) -> list[FigureRow]:
    every = np.ones(len(truth.tracks), np.bool_)
    rows = []
    for low, high in pairwise(REGISTERS):
        inside = truth.voiced & (truth.f0 >= low) & (truth.f0 < high)
        if inside.any():
            name = f"under {high:g} Hz" if low == 0 else f"{low:g} Hz up" if high == np.inf else f"{low:g}-{high:g} Hz"
            rows.append(FigureRow("register", name, every, inside))
    medians = [np.median(f0) if len(f0) else np.inf for f0 in _voiced_f0(truth)]
    low_tracks = np.array(medians) < LOW
    return rows + ([FigureRow("low", f"tracks under {LOW:g} Hz", low_tracks)] if low_tracks.any() else [])


def _voiced_f0(truth: Truth) -> list[NDArray[np.float64]]:
    track, f0 = truth.track[truth.voiced], truth.f0[truth.voiced]
    return np.split(f0, np.searchsorted(track, np.arange(1, len(truth.tracks))))


def _family_rows(truth: Truth, families: NDArray[np.str_]) -> list[FigureRow]:
    voiced = np.bincount(truth.track, truth.voiced, minlength=len(truth.tracks))
    rows = []
    for family in dict.fromkeys(families.tolist()):
        tracks = families == family
        rows.append(FigureRow("family" if voiced[tracks].any() else "control", family, tracks))
    return rows


def _condition_rows(conditions: NDArray[np.str_], verified: NDArray[np.bool_] | None) -> list[FigureRow]:
    names = sorted(set(conditions.tolist()), key=lambda name: (len(factors(name)), name != CLEAN, name))
    rows = [FigureRow("condition", name, conditions == name) for name in names]
    every = np.ones(len(conditions), np.bool_)
    mean = FigureRow("conditions", "mean of conditions", every, None, dict.fromkeys(names, 1 / len(names)))
    rows.append(mean)
    rows += [FigureRow("interaction", f"together {name}", every, None, weights) for name, weights in _together(names)]
    if verified is not None:
        single = [row for row in rows if row.kind == "condition"]
        parts = [replace(row, part=f"{row.part}, verified", frames=verified, told=False) for row in single]
        weights = {row.part: 1 / len(parts) for row in parts}
        rows += [*parts, replace(mean, part=f"{mean.part}, verified", weights=weights)]
    return rows


def _together(names: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Of each condition of several factors, what they lose together beyond what each loses apart, as weights.

    With F the figure and L its loss from the clean condition, L(all) - the sum of L(one) is
    (1 - factors) F(clean) - F(all) + the sum of F(one).
    """
    by_factors = {factors(name): name for name in names}
    found = []
    for name in names:
        single = [by_factors.get(frozenset([factor])) for factor in factors(name)]
        if len(single) < 2 or CLEAN not in names or None in single:
            continue
        weights = {CLEAN: 1.0 - len(single), name: -1.0, **{one: 1.0 for one in single if one is not None}}
        found.append((name, weights))
    return found
