"""What a page says of a set of tracks: figures, errors by kind and size, voicing, confusions, agreement, excerpts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.evaluation.figures import figures
from experiments.evaluation.frames import AlignedTrack, joined
from experiments.evaluation.judgement import Cell, JudgedSet, judge
from experiments.evaluation.scores import Scores
from experiments.evaluation.statistics import Bootstrap, summarise
from experiments.evaluation.sums import Sums
from experiments.reporting.agreement import agreement
from experiments.reporting.outcomes import ALARM, MISSED, OUTCOMES, outcomes, voiced_at, wrong
from experiments.reporting.values import number, step_of
from lightning_modules.metrics import LOWER_IS_BETTER, Criteria

THRESHOLDS = 101
FINE, COARSE = 2.0, 100.0  # cents, of the two histograms' bins
FINE_END, COARSE_END = 100.0, 3000.0  # cents, where they end
FURTHEST, NEAR = 0.08, 25.0  # s and cents, of the probe for time offsets
TRENDS = ("cents_bias", "time_offset_ms")
FEWEST = 20  # right frames with a slope, from which a track's bias and offset are given
_ERRORS = [OUTCOMES.index(name) for name in ("off", "octave_up", "octave_down", "wrong", MISSED, ALARM)]
LOWEST_NOTE = 69 + 12 * np.log2(10 / 440)  # of 10 Hz


@dataclass(frozen=True)
class TrackSet:
    """Tracks with truth and the guesses of one method or several.

    Attributes:
        name: of the set.
        tracks: of it.
        thresholds: of each method's confidence; None: its own voicing. The methods' order is that of the columns.
        scores: metrics of every track, of the same methods.
        metadata: of every track, by its name.
        clusters: int64 `(tracks,)`, number of each track's cluster in the bootstrap.
    """

    name: str
    tracks: Sequence[AlignedTrack]
    thresholds: Mapping[str, float | None]
    scores: Scores
    metadata: Mapping[str, Mapping[str, Any]]
    clusters: NDArray[np.int64]

    @property
    def methods(self) -> list[str]:
        """Names."""
        return list(self.thresholds)


def melody_section(data: TrackSet, bootstrap: Bootstrap) -> dict[str, Any]:
    """Everything about a set but its excerpts, as JSON values.

    Args:
        data: the set.
        bootstrap: of the intervals.
    """
    found = {
        (track.name, method): outcomes(track, method, threshold)
        for track in data.tracks
        for method, threshold in data.thresholds.items()
    }
    return {
        "kind": "melody",
        "name": data.name,
        "methods": data.methods,
        "tracks": len(data.tracks),
        "seconds": sum(len(track.times) * step_of(track.times) for track in data.tracks),
        "interval": {"level": bootstrap.level, "clusters": len(np.unique(data.clusters))},
        "means": _means(data, bootstrap),
        "figures": list(_figures(data, bootstrap)),
        "outcomes": _outcomes(data, found),
        "histograms": {method: _histograms(data, method) for method in data.methods},
        "voicing": {method: curve for method in data.methods if (curve := _voicing(data, method)) is not None},
        "shifts": {method: _shifts(data, method) for method in data.methods},
        "notes": {method: _confusion(data, method) for method in data.methods},
        "agreement": agreement(data.tracks, data.methods),
        "scores": _scores(data, found),
    }


def _means(data: TrackSet, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    """Means over tracks, and differences from the first method."""
    alone = len(np.unique(data.clusters)) == len(data.clusters)
    summary = summarise(data.scores, bootstrap, None if alone else data.clusters)
    order = [data.scores.methods.index(method) for method in data.methods]
    return [
        {
            "name": metric,
            "better": -1 if metric in LOWER_IS_BETTER else 1,
            "unit": "cents" if metric.startswith("cents_") else "share",
            "cells": [
                {
                    **_cell(summary.means, method, column, "value"),
                    **{f"difference{key}": value for key, value in _ends(summary.differences, method, column).items()},
                    "tracks": int(summary.means.tracks[method, column]),
                }
                for method in order
            ],
        }
        for column, metric in enumerate(data.scores.metrics)
    ]


def _cell(estimate: Any, method: int, column: int, name: str) -> dict[str, float | None]:  # noqa: ANN401
    ends = _ends(estimate, method, column)
    return {name: ends[""], "low": ends["_low"], "high": ends["_high"]}


def _ends(estimate: Any, method: int, column: int) -> dict[str, float | None]:  # noqa: ANN401
    names = {"": "mean", "_low": "low", "_high": "high"}
    return {key: number(getattr(estimate, field)[method, column]) for key, field in names.items()}


def _figures(data: TrackSet, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """The figures of all frames together, of the set and of its parts."""
    known = figures(Criteria().tolerances)
    frames = joined(data.tracks)
    judged = JudgedSet(data.name, frames, data.metadata, data.clusters)
    cells = judge([judged], known, data.methods, data.thresholds, bootstrap)
    rows: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.figure, cell.part), {})[cell.method] = cell
    for (name, part), of in rows.items():
        figure = known[name]
        keys = ("value", "low", "high", "difference", "difference_low", "difference_high")
        yield {
            "name": name,
            "part": part,
            "better": figure.better,
            "unit": figure.unit,
            "cells": [
                {**{key: number(getattr(of[method], key)) for key in keys}, "tracks": of[method].tracks}
                for method in data.methods
            ],
        }


def _outcomes(data: TrackSet, found: Mapping[tuple[str, str], NDArray[np.uint8]]) -> dict[str, Any]:
    counts = {
        method: np.sum([np.bincount(found[track.name, method], minlength=len(OUTCOMES)) for track in data.tracks], 0)
        for method in data.methods
    }
    return {"names": list(OUTCOMES), "frames": {method: of.tolist() for method, of in counts.items()}}


def _histograms(data: TrackSet, method: str) -> dict[str, Any]:
    """Errors of the best guess of truly voiced frames: near ones in steps of 2 cents, all by the semitone."""
    errors = np.concatenate([track.errors(method) for track in data.tracks])
    errors = errors[~np.isnan(errors)]
    fine = np.histogram(errors, np.arange(-FINE_END, FINE_END + FINE, FINE))[0]
    edges = np.arange(-COARSE_END - COARSE / 2, COARSE_END + COARSE, COARSE)
    coarse = np.histogram(np.clip(errors, edges[0], edges[-1]), edges)[0]
    return {"frames": len(errors), "fine": fine.tolist(), "coarse": coarse.tolist()}


def _voicing(data: TrackSet, method: str) -> dict[str, Any] | None:
    """Recall, false alarm and overall accuracy of all frames by the threshold of the confidence."""
    parts = [track.guesses[method].confidence for track in data.tracks]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    confidence = np.concatenate(known)
    voiced = np.concatenate([track.voiced for track in data.tracks])
    guessed = np.concatenate([track.guesses[method].cents != 0 for track in data.tracks])
    right = np.concatenate([np.abs(track.errors(method)) < 50 for track in data.tracks])
    claimed = np.concatenate([voiced_at(track, method, data.thresholds[method]) for track in data.tracks])
    thresholds = np.unique(np.quantile(confidence, np.linspace(0, 1, THRESHOLDS)))

    def figures_of(said: NDArray[np.bool_]) -> list[float | None]:
        hits = (said & right).sum()
        shares = (
            (said & voiced).sum() / max(voiced.sum(), 1) if voiced.any() else np.nan,
            (said & ~voiced).sum() / max((~voiced).sum(), 1) if not voiced.all() else np.nan,
            (hits + (~said & ~voiced).sum()) / len(voiced),
            2 * hits / max(said.sum() + voiced.sum(), 1),
        )
        return [number(share) for share in shares]

    rows = [figures_of((confidence >= threshold) & guessed) for threshold in thresholds]
    names = ("recall", "false_alarm", "overall_accuracy", "pitch_f1")
    operating = dict(zip(names, figures_of(claimed), strict=True))
    smallest = confidence[claimed].min() if claimed.any() else None
    return {
        "threshold": thresholds.tolist(),
        **{name: [row[place] for row in rows] for place, name in enumerate(names)},
        "operating": {**operating, "threshold": None if smallest is None else float(smallest)},
    }


def _confusion(data: TrackSet, method: str) -> dict[str, Any]:
    """How often each note is taken for each, by the best guess of truly voiced frames."""
    truths, guesses = [], []
    for track in data.tracks:
        known = ~np.isnan(track.errors(method))
        truths.append(track.cents[known])
        guesses.append(track.guesses[method].cents[known])
    true, guess = (
        np.clip(np.round(np.concatenate(cents) / 100 + LOWEST_NOTE), 0, 127).astype(int) for cents in (truths, guesses)
    )
    counts = np.zeros((128, 128), np.int64)
    np.add.at(counts, (guess, true), 1)
    held = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, 0)
    return {"first": first, "counts": counts[first:last, first:last].tolist()}  # rows are estimates


def _scores(data: TrackSet, found: Mapping[tuple[str, str], NDArray[np.uint8]]) -> dict[str, Any]:
    """A row for each track and method: seconds of errors, bias and offset, and its metrics."""
    place = {track: row for row, track in enumerate(data.scores.tracks)}
    column = {method: row for row, method in enumerate(data.scores.methods)}
    trends = {method: _trends(data, method) for method in data.methods}
    rows = []
    for order, track in enumerate(data.tracks):
        step = step_of(track.times)
        for method in data.methods:
            values = data.scores.values[column[method], place[track.name]]
            counts = np.bincount(found[track.name, method], minlength=len(OUTCOMES))
            seconds = [len(track.times), wrong(found[track.name, method]).sum(), *(counts[each] for each in _ERRORS)]
            rows.append(
                [
                    track.name,
                    method,
                    *(float(frames * step) for frames in seconds),
                    *(number(float(trend[order])) for trend in trends[method]),
                    *(number(value) for value in values.tolist()),
                ]
            )
    errors = [f"seconds {OUTCOMES[each]}" for each in _ERRORS]
    columns = ["track", "method", "seconds", "seconds in error", *errors, *TRENDS, *data.scores.metrics]
    return {"columns": columns, "rows": rows}


def _trends(data: TrackSet, method: str) -> list[NDArray[np.float64]]:
    """Bias and time offset of each track, `(tracks,)`, NaN where too few frames say anything."""
    frames = joined(data.tracks)
    sums = Sums(frames.truth, frames.guesses[method], data.thresholds[method])
    known = figures(Criteria().tolerances)
    enough = sums.moments()[:, 0] >= FEWEST
    return [np.where(enough, known[name].value(known[name].terms(sums)), np.nan) for name in TRENDS]


def _shifts(data: TrackSet, method: str) -> dict[str, Any]:
    """Raw pitch accuracy within 25 cents when the estimate is moved by whole frames: highest at 0 if nobody is late."""
    step = float(np.median([step_of(track.times) for track in data.tracks]))
    frames = min(max(round(FURTHEST / step), 1), 30) if step else 0
    shares = []
    for shift in range(-frames, frames + 1):
        right = whole = 0
        for track in data.tracks:
            guess = track.guesses[method].cents
            # Moved to earlier times by a positive shift, as a late estimate needs it.
            length = max(len(guess) - abs(shift), 0)
            own, other = (max(-shift, 0), max(shift, 0))
            truth, moved = track.cents[own : own + length], guess[other : other + length]
            voiced = track.voiced[own : own + length] & (truth != 0)
            right += int((voiced & (moved != 0) & (np.abs(moved - truth) < NEAR)).sum())
            whole += int(voiced.sum())
        shares.append(number(right / whole) if whole else None)
    return {"ms": [1000 * step * shift for shift in range(-frames, frames + 1)], "accuracy": shares}
