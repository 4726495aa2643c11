"""All figures of all methods on all rows of data sets, with paired intervals of the differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules import DataError
from experiments.evaluation.figures import Figure
from experiments.evaluation.frames import FrameSet
from experiments.evaluation.rows import FigureRow, Kind, rows_of
from experiments.evaluation.statistics import Bootstrap, summed
from experiments.evaluation.sums import Sums

_WHOLE: tuple[Kind, ...] = ("set", "verified", "condition", "conditions")
_DETAILS: tuple[Kind, ...] = ("set", "verified", "conditions")
# The rows on which a figure says something; all others: `_WHOLE`.
SHOWN: dict[str, tuple[Kind, ...]] = {
    "raw_pitch_accuracy": (*_WHOLE, "low"),
    "raw_pitch_accuracy_25": (*_WHOLE, "low"),
    "raw_pitch_accuracy_10": (*_WHOLE, "low"),
    "frame_pitch_accuracy": ("set", "register"),
    "pitch_f1": (*_WHOLE, "interaction"),
    "pitch_recall": (*_DETAILS, "family"),
    "false_alarm": ("set", "control"),
    **dict.fromkeys(("pitch_precision", "exact", "close", "off", "octave_up", "octave_down", "wrong"), _DETAILS),
    "cents_bias": _DETAILS,
    "time_offset_ms": _DETAILS,
}


class Cell(NamedTuple):
    """A figure of a method on a row.

    Attributes:
        data: name of the set.
        part: of it; empty: all.
        figure: name.
        method: name.
        value: NaN where undefined.
        low: lower end of its interval; NaN where there are fewer than two clusters.
        high: upper end.
        difference: from the first method.
        difference_low: lower end of its interval.
        difference_high: upper end.
        tracks: of the row.
        clusters: of the row.
    """

    data: str
    part: str
    figure: str
    method: str
    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    tracks: int
    clusters: int


@dataclass(frozen=True)
class JudgedSet:
    """A data set to be judged on.

    Attributes:
        name: of it.
        frames: of all tracks, with the guesses of every method.
        metadata: of every track, by its id.
        clusters: int64 `(tracks,)`, number of each track's cluster, from 0.
        verified: bool `(frames,)`, which frames are; None: nobody asked.
    """

    name: str
    frames: FrameSet
    metadata: Mapping[str, Mapping[str, Any]]
    clusters: NDArray[np.int64]
    verified: NDArray[np.bool_] | None = None


def verified_frames(
    frames: FrameSet, bases: NDArray[np.str_], seen: NDArray[np.bool_], by: Sequence[str]
) -> NDArray[np.bool_]:
    """The frames whose reference at least two of some methods confirm within 50 cents, and all unvoiced ones.

    A method confirms by its guess, whatever its voicing. One that is judged itself should not be one of only two: the
    frames on which it is right would be kept because it is right.

    Args:
        frames: of all tracks.
        bases: `(tracks,)`, the recording that each track is a version of.
        seen: bool `(tracks,)`, the versions that are looked at; what is found holds for the others of the recording.
        by: names of the methods, at least two.

    Raises:
        DataError: fewer than two methods, or a recording has no such version or not the same frames in all.
    """
    if len(by) < 2:
        raise DataError(f"--verify {','.join(by)}: at least two methods have to agree; name three")
    truth = frames.truth
    agree = np.sum([frames.guesses[name].right() for name in by], axis=0)
    verified = ~truth.voiced | (agree >= 2)
    starts = np.searchsorted(truth.track, np.arange(len(truth.tracks) + 1))
    of_base = {base: slice(*starts[number : number + 2]) for number, base in enumerate(bases.tolist()) if seen[number]}
    found = verified.copy()
    for number, base in enumerate(bases.tolist()):
        own = slice(*starts[number : number + 2])
        source = of_base.get(base)
        if source is None or not np.array_equal(truth.f0[own], truth.f0[source]):
            raise DataError(f"--verify: {truth.tracks[number]}: there is no clean version with the same truth")
        found[own] = verified[source]
    return np.asarray(found)


def judge(
    sets: Sequence[JudgedSet],
    figures: Mapping[str, Figure],
    methods: Sequence[str],
    thresholds: Mapping[str, float | None],
    bootstrap: Bootstrap,
) -> list[Cell]:
    """Every figure of every method on the rows where it says something.

    Args:
        sets: the data.
        figures: by name.
        methods: names, the one that others are compared with first.
        thresholds: of their confidence; None: their own voicing.
        bootstrap: draws clusters of tracks, the same for all methods and figures of a row.
    """
    work = [(each, row) for each in sets for row in rows_of(each.frames.truth, each.metadata, each.verified)]
    cells: list[Cell] = []
    parts: dict[str, _Drawn] = {}  # the conditions of a set, from which its other rows are added up
    for data, row in tqdm(work, desc="judging", unit="row"):
        shown = [figure for figure in figures.values() if row.kind in SHOWN.get(figure.name, _WHOLE)]
        if row.weights is None:
            drawn = _drawn(data, row, shown, methods, thresholds, bootstrap)
            parts = {**parts, row.part: drawn} if row.kind == "condition" else {}
        else:
            drawn = _added_up(row.weights, {part: parts[part] for part in row.weights}, shown)
        if row.told:
            cells += _cells(data.name, row, drawn, methods, bootstrap)
    return cells


class _Drawn(NamedTuple):
    """Of each figure by name: values `(methods,)`, what was found in each draw `(draws, methods)`; and the clusters."""

    values: dict[str, NDArray[np.float64]]
    draws: dict[str, NDArray[np.float64]]
    clusters: NDArray[np.int64]


def _drawn(
    data: JudgedSet,
    row: FigureRow,
    figures: Sequence[Figure],
    methods: Sequence[str],
    thresholds: Mapping[str, float | None],
    bootstrap: Bootstrap,
) -> _Drawn:
    present, cluster = np.unique(data.clusters[row.tracks], return_inverse=True)
    sums = [
        Sums(data.frames.truth, data.frames.guesses[name], thresholds.get(name), row.frames, row.tracks)
        for name in methods
    ]
    values = {figure.name: np.array([figure.of(each) for each in sums]) for figure in figures}
    terms = {figure.name: [summed(figure.terms(each), cluster) for each in sums] for figure in figures}
    draws: dict[str, list[NDArray[np.float64]]] = {figure.name: [] for figure in figures}
    for counts in bootstrap.counts(len(present)):
        for figure in figures:
            draws[figure.name].append(
                np.stack([figure.value(counts @ of_method) for of_method in terms[figure.name]], axis=1)
            )
    return _Drawn(values, {name: np.concatenate(parts) for name, parts in draws.items()}, present)


def _added_up(weights: Mapping[str, float], parts: Mapping[str, _Drawn], figures: Sequence[Figure]) -> _Drawn:
    first = next(iter(parts.values()))
    for part, drawn in parts.items():
        # Only the same draws of the same clusters may be added up.
        if not np.array_equal(drawn.clusters, first.clusters):
            raise DataError(f"condition {part}: not of the same recordings as the others; prepare the set again")
    names = [figure.name for figure in figures if figure.name in first.values]
    values = {name: sum(weight * parts[part].values[name] for part, weight in weights.items()) for name in names}
    draws = {name: sum(weight * parts[part].draws[name] for part, weight in weights.items()) for name in names}
    return _Drawn(values, draws, first.clusters)  # type: ignore[arg-type]  # a sum of arrays, not 0


def _cells(data: str, row: FigureRow, drawn: _Drawn, methods: Sequence[str], bootstrap: Bootstrap) -> Iterator[Cell]:
    for figure, values in drawn.values.items():
        draws = drawn.draws[figure]
        ends, difference_ends = _ends(draws, drawn, bootstrap), _ends(draws - draws[:, :1], drawn, bootstrap)
        for place, method in enumerate(methods):
            yield Cell(
                data=data,
                part=row.part,
                figure=figure,
                method=method,
                value=float(values[place]),
                low=float(ends[0, place]),
                high=float(ends[1, place]),
                difference=float(values[place] - values[0]),
                difference_low=float(difference_ends[0, place]),
                difference_high=float(difference_ends[1, place]),
                tracks=int(row.tracks.sum()),
                clusters=len(drawn.clusters),
            )


def _ends(draws: NDArray[np.float64], drawn: _Drawn, bootstrap: Bootstrap) -> NDArray[np.float64]:
    """Ends of the intervals, `(2, methods)`; NaN where a figure is undefined in all draws, or there is one cluster."""
    ends = np.full((2, draws.shape[1]), np.nan)
    defined = ~np.isnan(draws).all(axis=0) & (len(drawn.clusters) > 1)
    ends[:, defined] = bootstrap.ends(draws[:, defined])
    return ends
