"""A judgement as printed tables, CSV, JSON and a table in Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.evaluation.figures import Figure
from experiments.evaluation.judgement import Cell
from experiments.evaluation.report import aligned, csv_text, write_documents
from experiments.evaluation.statistics import Bootstrap

CSV, JSON, MARKDOWN = "judgement.csv", "judgement.json", "judgement.md"
_FORMATS = {"share": ".4f", "cents": ".2f", "ms": ".2f"}
_FEW = 10  # clusters; an interval of fewer says little
_KEYS = ("value", "low", "high", "difference", "difference_low", "difference_high", "tracks", "clusters")
Labels = dict[tuple[str, str], dict[str, Cell]]  # cells by set and part, then by method


def judgement_lines(
    cells: Sequence[Cell], figures: Mapping[str, Figure], methods: Sequence[str], bootstrap: Bootstrap
) -> Iterator[str]:
    """Lines of the printed tables: of several sets one for each figure, of one set a single one with all figures.

    Args:
        cells: to show.
        figures: by name.
        methods: columns, the one that others are compared with first.
        bootstrap: of the intervals.
    """
    by_figure = {name: _rows(cells, name) for name in figures}
    if len({cell.data for cell in cells}) > 1:
        tables = {_title(figures[name]): {name: rows} for name, rows in by_figure.items()}
    else:
        tables = {f"{cells[0].data}, frames of all tracks together (↓: lower is better)": by_figure}
    for title, table in tables.items():
        if not any(table.values()):
            continue
        alone = len(table) > 1
        yield from ("", title)
        yield from aligned([["", *methods], *_values(table, figures, methods, alone)])
        if len(methods) > 1:
            yield f"difference from {methods[0]}, {_interval(bootstrap)}"
            yield from aligned([["", *methods[1:]], *_differences(table, figures, methods, alone)])
    if few := list(dict.fromkeys(_few(cells))):
        yield from ("", f"of fewer than {_FEW} clusters of tracks, so that intervals say little: {'; '.join(few)}")


def _few(cells: Sequence[Cell]) -> Iterator[str]:
    """Rows of few clusters; if all of a set are, the set."""
    enough = {cell.data for cell in cells if cell.clusters >= _FEW}
    for cell in cells:
        if cell.clusters < _FEW:
            yield f"{cell.data}, {cell.part}" if cell.data in enough else cell.data


def _title(figure: Figure) -> str:
    return f"{figure.name} ↓" if figure.better < 0 else figure.name


def _interval(bootstrap: Bootstrap) -> str:
    return f"{100 * bootstrap.level:g} % interval of paired draws of clusters; *: it leaves out 0"


def _rows(cells: Sequence[Cell], figure: str) -> Labels:
    rows: Labels = {}
    for cell in cells:
        if cell.figure == figure:
            rows.setdefault((cell.data, cell.part), {})[cell.method] = cell
    return rows


def _label(data: str, part: str, figure: Figure, alone: bool) -> str:
    """Name of a row: in a table of one set that of the figure comes first, else that of the set."""
    return ", ".join(filter(None, (_title(figure) if alone else data, part)))


def _values(
    table: Mapping[str, Labels], figures: Mapping[str, Figure], methods: Sequence[str], alone: bool
) -> Iterator[list[str]]:
    for name, rows in table.items():
        for (data, part), of in rows.items():
            cells = (_number(figures[name], of[method].value) for method in methods)
            yield [_label(data, part, figures[name], alone), *cells]


def _differences(
    table: Mapping[str, Labels], figures: Mapping[str, Figure], methods: Sequence[str], alone: bool
) -> Iterator[list[str]]:
    for name, rows in table.items():
        for (data, part), of in rows.items():
            cells = (_difference(figures[name], of[method]) for method in methods[1:])
            yield [_label(data, part, figures[name], alone), *cells]


def _difference(figure: Figure, cell: Cell) -> str:
    ends = ", ".join(_number(figure, end, "+") for end in (cell.difference_low, cell.difference_high))
    star = "*" if cell.difference_low > 0 or cell.difference_high < 0 else " "
    return f"{_number(figure, cell.difference, '+')} [{ends}]{star}"


def _number(figure: Figure, value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else format(value, f"{sign}{_FORMATS[figure.unit]}")


def write_judgement(
    folder: Path,
    cells: Sequence[Cell],
    figures: Mapping[str, Figure],
    methods: Sequence[str],
    bootstrap: Bootstrap,
    details: Mapping[str, Any],
) -> None:
    """Write `judgement.csv`, a line for each cell; `judgement.json`; and `judgement.md`, a table for each figure.

    Args:
        folder: receives them; it is made.
        cells: of the judgement.
        figures: by name.
        methods: columns, the one that others are compared with first.
        bootstrap: of the intervals.
        details: further JSON values: what was compared and how.

    Raises:
        DataError: a file cannot be written.
    """
    rows = ([None if value != value else value for value in cell] for cell in cells)
    nested: dict[str, Any] = {}
    for cell in cells:
        values = {key: None if getattr(cell, key) != getattr(cell, key) else getattr(cell, key) for key in _KEYS}
        row = nested.setdefault(cell.data, {}).setdefault(cell.part or "all", {})
        row.setdefault(cell.figure, {})[cell.method] = values
    document = {**details, "compared_with": methods[0], "figures": nested}
    write_documents(
        folder,
        {
            CSV: csv_text(Cell._fields, iter(rows)),
            JSON: json.dumps(document, indent=1, allow_nan=False) + "\n",
            MARKDOWN: "\n".join(_markdown(cells, figures, methods, bootstrap)) + "\n",
        },
    )


def _markdown(
    cells: Sequence[Cell], figures: Mapping[str, Figure], methods: Sequence[str], bootstrap: Bootstrap
) -> Iterator[str]:
    yield f"In brackets the difference from {methods[0]} and its {_interval(bootstrap)}."
    for name, figure in figures.items():
        rows = _rows(cells, name)
        if not rows:
            continue
        yield from ("", f"| {_title(figure)} | {' | '.join(methods)} |", "|---" * (len(methods) + 1) + "|")
        for (data, part), of in rows.items():
            first, *others = (of[method] for method in methods)
            shown = [_number(figure, first.value)]
            shown += [f"{_number(figure, cell.value)} ({_difference(figure, cell).strip()})" for cell in others]
            yield f"| {_label(data, part, figure, False)} | {' | '.join(shown)} |"
