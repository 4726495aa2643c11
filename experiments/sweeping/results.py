"""What a sweep gave: a table, a record, and lines for the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.run.command import typed_command
from callbacks.run.packages import package_versions
from datamodules.files import write_atomically
from experiments.studies.processes import last_lines
from experiments.sweeping.command_line import as_word
from experiments.sweeping.fits import LOG
from experiments.sweeping.point_figures import PointFigures, record_of
from experiments.sweeping.sweep_file import SweepFile
from experiments.sweeping.sweep_folder import SweepFolder

TABLE, RECORD, PICTURE = "sweep.tsv", "sweep.json", "sweep.png"
_PACKAGES = ("sweeps", "torch", "lightning", "numpy", "scipy", "scikit-learn")
_SHOWN = 20  # points in the terminal


def write_table(sweep: SweepFolder) -> list[PointFigures]:
    """Write `sweep.tsv` of all points as they are now.

    Returns:
        What is in it, by the numbers of the points.
    """
    with sweep.locked("tables"):
        figures = sweep.figures()
        with write_atomically(sweep.folder / TABLE) as file:
            file.write(_tsv(figures, sweep.file).encode())
        return figures


def write_record(sweep: SweepFolder) -> list[PointFigures]:
    """Write `sweep.json` likewise, with the configurations of all points."""
    with sweep.locked("tables"):
        figures = sweep.figures()
        with write_atomically(sweep.folder / RECORD) as file:
            file.write((json.dumps(_record(figures, sweep), indent=1) + "\n").encode())
        return figures


def ranked(figures: Sequence[PointFigures], file: SweepFile) -> list[PointFigures]:
    """The best first; those without a figure last."""
    sign = -1 if file.maximised else 1
    return sorted(figures, key=lambda each: (each.best is None, sign * (each.best or 0.0), each.name))


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """For each key its last part, and as many before it as tell it from the others; `init_args` says nothing."""
    parts = {key: [part for part in key.split(".") if part != "init_args"] or [key] for key in keys}
    names: dict[str, str] = {}
    for key, own in parts.items():
        others = [each for other, each in parts.items() if other != key]
        length = next((n for n in range(1, len(own)) if all(each[-n:] != own[-n:] for each in others)), len(own))
        names[key] = ".".join(own[-length:])
    return names


def _rows(figures: Sequence[PointFigures], file: SweepFile) -> tuple[list[str], list[list[str]]]:
    names = short_names(sorted({key for each in figures for key in each.values}))
    header = ["point", file.metric, "at_step", "status", "steps", "hours", "seed", "attempts", *names.values()]
    rows = [
        [
            each.name,
            "" if each.best is None else f"{each.best:.6g}",
            "" if each.best_step is None else str(each.best_step),
            each.status,
            str(each.steps),
            f"{each.hours:.4f}",
            "" if each.seed is None else str(each.seed),
            str(each.attempts),
            *(as_word(each.values.get(key)) for key in names),
        ]
        for each in ranked(figures, file)
    ]
    return header, rows


def _tsv(figures: Sequence[PointFigures], file: SweepFile) -> str:
    header, rows = _rows(figures, file)
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _record(figures: Sequence[PointFigures], sweep: SweepFolder) -> dict[str, Any]:
    best = next(iter(ranked(figures, sweep.file)), None)
    return {
        "kind": "sweep",
        "sweep": str(sweep.file.path),
        "command": typed_command(),
        **sweep.origin(),
        "packages": package_versions(_PACKAGES),
        "best": None if best is None or best.best is None else best.name,
        "hours": round(sum(each.hours for each in figures), 4),
        "points": [_point(each) for each in figures],
    }


def _point(figures: PointFigures) -> dict[str, Any]:
    record = record_of(figures.folder)
    return {
        "point": figures.name,
        "status": figures.status,
        "values": figures.values,
        "metric": figures.best,
        "at_step": figures.best_step,
        "steps": figures.steps,
        "hours": figures.hours,
        "seed": figures.seed,
        "attempts": figures.attempts,
        "code": figures.code,
        "commit": record.get("commit"),
        "hardware": record.get("hardware"),
        "config": record.get("config"),
    }


def line_of(figures: PointFigures, file: SweepFile) -> str:
    """What is said of a point when an attempt has ended."""
    names = short_names(list(figures.values))
    values = ", ".join(f"{name} {_cell(as_word(figures.values[key]))}" for key, name in names.items())
    reached = "no figure" if figures.best is None else f"{figures.best:.4g} at step {figures.best_step}"
    status = figures.status if figures.status != "waiting" else f"to be gone on with (exit code {figures.code})"
    return f"{figures.name} {status}: {reached} ({values})"


def table(figures: Sequence[PointFigures], file: SweepFile) -> list[str]:
    """Lines of the best points, and how many there are of each kind."""
    header, rows = _rows(figures, file)
    shown = [header, *([_cell(cell) for cell in row] for row in rows[:_SHOWN])]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    left = len(rows) - _SHOWN
    return [*lines, *([f"... and {left} more in {TABLE}"] if left > 0 else [])]


def counts(figures: Sequence[PointFigures]) -> str:
    """How many points there are of each kind, and what they took."""
    kinds: Mapping[str, int] = {
        kind: sum(each.status == kind for each in figures)
        for kind in ("finished", "stopped early", "failed", "waiting")
    }
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"{len(figures)} points: {listed or 'none'}; {sum(each.hours for each in figures):.3f} hours"


def failures(figures: Sequence[PointFigures]) -> list[str]:
    """Each point that failed, with what its log says last."""
    lines = []
    for each in figures:
        if each.status == "failed":
            lines.append(f"{each.folder} (exit code {each.code}, {each.attempts} attempts):")
            lines += [f"  {line}" for line in last_lines(each.folder / LOG)]
    return lines


def _cell(text: str) -> str:
    """A value that is a number of many digits, shorter."""
    try:
        number = float(text)
    except ValueError:
        return text if len(text) <= 32 else f"{text[:29]}..."
    return f"{number:.4g}" if len(text) > 8 else text
