"""A summary as printed tables, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.files import make_folder, write_atomically
from experiments.evaluation.statistics import Summary
from lightning_modules.metrics import LOWER_IS_BETTER

CENTS = "cents_"  # metrics in cents begin so; all others are shares
COLUMNS = ("mean", "low", "high", "tracks", "undefined", "difference", "difference_low", "difference_high")


def table_lines(summary: Summary, costs: Mapping[str, Mapping[str, float]] | None = None) -> Iterator[str]:
    """Lines of the tables: means, then differences from the first method if there are several.

    Args:
        summary: what to show.
        costs: further rows by their label, each with a figure of every method.
    """
    scores, means = summary.scores, summary.means
    yield f"{len(scores.tracks)} tracks, mean over tracks (↓: lower is better)"
    rows = [["", *scores.methods]]
    for column, metric in enumerate(scores.metrics):
        cells = [
            _figure(metric, means.mean[method, column]) + _count(int(means.tracks[method, column]), len(scores.tracks))
            for method in range(len(scores.methods))
        ]
        rows.append([_label(metric), *cells])
    for label, figures in (costs or {}).items():
        rows.append([label, *(f"{figures[name]:.1f}" for name in scores.methods)])
    yield from aligned(rows)
    if (means.tracks < len(scores.tracks)).any():
        yield "[n]: over the n tracks where it is defined"
    if len(scores.methods) > 1:
        yield from _difference_lines(summary)


def _difference_lines(summary: Summary) -> Iterator[str]:
    scores, differences, bootstrap = summary.scores, summary.differences, summary.bootstrap
    drawn = "tracks" if summary.clusters is None else f"{summary.clusters} clusters of tracks"
    yield ""
    yield (
        f"difference from {scores.methods[0]} on the same tracks, {100 * bootstrap.level:g} % bootstrap interval "
        f"({bootstrap.resamples} resamples of {drawn}, seed {bootstrap.seed}); *: it leaves out 0"
    )
    rows = [["", *scores.methods[1:]]]
    for column, metric in enumerate(scores.metrics):
        cells = []
        for method in range(1, len(scores.methods)):
            mean, low, high = (end[method, column] for end in (differences.mean, differences.low, differences.high))
            ends = ", ".join(_figure(metric, end, "+") for end in (low, high))
            cells.append(f"{_figure(metric, mean, '+')} [{ends}]{'*' if low > 0 or high < 0 else ' '}")
        rows.append([_label(metric), *cells])
    yield from aligned(rows)


def _label(metric: str) -> str:
    return f"{metric} ↓" if metric in LOWER_IS_BETTER else metric


def _figure(metric: str, value: float, sign: str = "") -> str:
    if math.isnan(value):
        return "-"
    return format(value, f"{sign}.2f" if metric.startswith(CENTS) else f"{sign}.4f")


def _count(defined: int, tracks: int) -> str:
    return "" if defined == tracks else f" [{defined}]"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([f"{first:<{widths[0]}}", *cells]).rstrip()


def write_report(folder: Path, summary: Summary, details: Mapping[str, Any]) -> None:
    """Write `tracks.csv` (method, track, metric, value), `summary.csv` and `summary.json`, each complete or not at all.

    An undefined value is an empty field of a CSV and null in JSON.

    Args:
        folder: receives them; it is made.
        summary: what to write.
        details: further JSON values for `summary.json`: what was compared and how.

    Raises:
        DataError: a file cannot be written.
    """
    documents = {
        "tracks.csv": csv_text(["method", "track", "metric", "value"], _track_rows(summary)),
        "summary.csv": csv_text(["method", "metric", *COLUMNS], _summary_rows(summary)),
        "summary.json": json.dumps(_nested(summary, details), indent=1, allow_nan=False) + "\n",
    }
    write_documents(folder, documents)


def write_documents(folder: Path, documents: Mapping[str, str]) -> None:
    """Write text files by their names into a folder, which is made.

    Raises:
        DataError: one cannot be written.
    """
    make_folder(folder)
    for name, text in documents.items():
        with write_atomically(folder / name) as file:
            file.write(text.encode())


def csv_text(header: Sequence[str], rows: Iterator[Sequence[Any]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _track_rows(summary: Summary) -> Iterator[Sequence[Any]]:
    scores = summary.scores
    for method, of_method in zip(scores.methods, scores.values, strict=True):
        for track, of_track in zip(scores.tracks, of_method, strict=True):
            for metric, value in zip(scores.metrics, of_track, strict=True):
                yield method, track, metric, _or_none(value)


def _summary_rows(summary: Summary) -> Iterator[Sequence[Any]]:
    for method, metrics in _figures(summary).items():
        for metric, figures in metrics.items():
            yield method, metric, *(figures[column] for column in COLUMNS)


def _nested(summary: Summary, details: Mapping[str, Any]) -> dict[str, Any]:
    bootstrap = {
        "resamples": summary.bootstrap.resamples,
        "level": summary.bootstrap.level,
        "seed": summary.bootstrap.seed,
        "clusters": summary.clusters,
    }
    return {
        **details,
        "tracks": len(summary.scores.tracks),
        "compared_with": summary.scores.methods[0],
        "bootstrap": bootstrap,
        "methods": _figures(summary),
    }


def _figures(summary: Summary) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """By method, metric and column."""
    scores, means, differences = summary.scores, summary.means, summary.differences
    return {
        name: {
            metric: {
                "mean": _or_none(means.mean[method, column]),
                "low": _or_none(means.low[method, column]),
                "high": _or_none(means.high[method, column]),
                "tracks": int(means.tracks[method, column]),
                "undefined": len(scores.tracks) - int(means.tracks[method, column]),
                "difference": _or_none(differences.mean[method, column]),
                "difference_low": _or_none(differences.low[method, column]),
                "difference_high": _or_none(differences.high[method, column]),
            }
            for column, metric in enumerate(scores.metrics)
        }
        for method, name in enumerate(scores.methods)
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
