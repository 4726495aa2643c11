"""Tables as they are defined: by the YAML in the marker in front of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datamodules.documents import parse_yaml
from datamodules.errors import DataError
from experiments.catalogue.figures import ALL, FigurePlace

KINDS = ("figures", "verdicts", "studied")
SETTINGS = "settings"
# What can be said of all cells, of a group of rows, of a row or of a column; the last of these that says it counts.
_SELECTING = ("record", *FigurePlace._fields, "show", "facts", "digits", "interval", "difference")
_OF_ROW = (*_SELECTING, "label")
_OF_COLUMN = (*_SELECTING, "title", "fact", "best")
_TABLE = ("kind", "family", "select", "labels", "groups", "rows", "columns")
_FIELD = re.compile(r"\{(\w+)(?: (interval|difference))?(?::(\d))?\}")
Stated = Mapping[str, Any]


@dataclass(frozen=True)
class CellField:
    """A figure, its interval or its difference in the text of a cell.

    Attributes:
        metric: of the figure.
        shown: `value`, `interval` or `difference`.
        digits: behind the point.
    """

    metric: str
    shown: str
    digits: int


@dataclass(frozen=True)
class TableCell:
    """What a cell shows.

    Attributes:
        record: name of the record that it is read from.
        facts: name of the record of whose run a fact is.
        place: of its figures, but for the metric.
        parts: text and figures by turns.
        fact: `parameters`, `hours` or `settings`, in place of figures; or None.
        digits: of a fact.
    """

    record: str
    facts: str | None
    place: FigurePlace
    parts: Sequence[str | CellField]
    fact: str | None
    digits: int


@dataclass(frozen=True)
class TableRow:
    """Labels and cells of a row, those under `group` below each other."""

    group: str | None
    label: str
    cells: Sequence[TableCell]


@dataclass(frozen=True)
class TableDefinition:
    """A table.

    Attributes:
        kind: `figures`, defined cell by cell; or made of the records of studies: `verdicts`, `studied`.
        family: of the latter; None: all.
        titles: of all columns.
        best: by number of a column of cells, `highest` or `lowest`: that one is bold.
        rows: of figures.
    """

    kind: str
    family: str | None = None
    titles: Sequence[str] = ()
    best: Mapping[int, str] = field(default_factory=dict)
    rows: Sequence[TableRow] = ()


def read_definition(text: str, where: str) -> TableDefinition:
    """Read the YAML of a marker.

    Args:
        text: YAML.
        where: file and line, for messages.

    Raises:
        DataError: a key is unknown or missing.
    """
    stated = parse_yaml(text, f"{where}: table")
    _check(stated, _TABLE, where)
    kind = stated.get("kind", "figures")
    if kind not in KINDS:
        raise DataError(f"{where}: kind: one of {', '.join(KINDS)} is expected, not {kind!r}")
    if kind != "figures":
        return TableDefinition(kind, stated.get("family"))
    for key in ("rows", "columns"):
        if not isinstance(stated.get(key), list):
            raise DataError(f"{where}: {key}: a list is expected")
    _check(stated.get("select", {}), _SELECTING, f"{where}: select")
    for number, column in enumerate(stated["columns"]):
        _check(column, _OF_COLUMN, f"{where}: columns[{number}]")
    grouped = "groups" in stated
    titles = [*stated.get("labels", ["", ""] if grouped else [""]), *(each["title"] for each in stated["columns"])]
    return TableDefinition(
        kind,
        titles=[str(title) for title in titles],
        best={number: each["best"] for number, each in enumerate(stated["columns"]) if "best" in each},
        rows=list(_rows(stated, grouped, where)),
    )


def _rows(stated: Stated, grouped: bool, where: str) -> Iterator[TableRow]:
    for number, group in enumerate(stated["groups"] if grouped else [{}]):
        _check(group, _OF_ROW, f"{where}: groups[{number}]")
        for row_number, row in enumerate(stated["rows"]):
            place = f"{where}: rows[{row_number}]"
            _check(row, _OF_ROW, place)
            around = {**stated.get("select", {}), **group, **row}
            cells = [
                _cell({**_without_show(around, column), **column}, f"{place}, columns[{column_number}]")
                for column_number, column in enumerate(stated["columns"])
            ]
            yield TableRow(str(group.get("label", "")) if grouped else None, str(row.get("label", "")), cells)


def _without_show(around: Stated, column: Stated) -> Stated:
    """A column that names its metric shows that, whatever the other cells show."""
    return {key: value for key, value in around.items() if key != "show" or "metric" not in column}


def _cell(keys: Stated, where: str) -> TableCell:
    if "record" not in keys:
        raise DataError(f"{where}: record: which one?")
    digits = keys.get("digits", 3)
    place = FigurePlace(*(str(keys.get(name, ALL if name == "part" else "")) for name in FigurePlace._fields))
    template = keys.get("show") or "".join(_sugar(keys))
    if not template and "fact" not in keys:
        raise DataError(f"{where}: one of metric, show and fact is expected")
    return TableCell(keys["record"], keys.get("facts"), place, list(_parts(template, digits)), keys.get("fact"), digits)


def _sugar(keys: Stated) -> Iterator[str]:
    """`metric: NAME` is short for `show: '{NAME}'`; `interval: true` and `difference: true` put these behind it."""
    if metric := keys.get("metric"):
        yield f"{{{metric}}}"
        for shown in ("interval", "difference"):
            if keys.get(shown):
                yield f" {{{metric} {shown}}}"


def _parts(template: str, digits: int) -> Iterator[str | CellField]:
    end = 0
    for found in _FIELD.finditer(template):
        if found.start() > end:
            yield template[end : found.start()]
        yield CellField(found[1], found[2] or "value", digits if found[3] is None else int(found[3]))
        end = found.end()
    if template[end:]:
        yield template[end:]


def _check(stated: object, known: Sequence[str], where: str) -> None:
    if not isinstance(stated, dict):
        raise DataError(f"{where}: keys are expected, not {stated!r}")
    if unknown := [key for key in stated if key not in known]:
        raise DataError(f"{where}: {unknown[0]}: there is no such key; there are {', '.join(known)}")
