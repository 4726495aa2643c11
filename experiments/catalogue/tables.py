"""Tables of figures, made of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from experiments.catalogue.definitions import SETTINGS, CellField, TableCell, TableDefinition
from experiments.catalogue.numbers import MISSING, difference, interval, number
from experiments.catalogue.printing import markdown_table
from experiments.catalogue.records import Record

Records = Mapping[str, Record]
_FACT_DIGITS = {"parameters": 0, "hours": 2}


class _Shown(NamedTuple):
    """Text of a cell.

    Attributes:
        before: what stands in front of the figure that may be bold.
        figure: that figure, the first of the cell; or a fact, or what says that there is none.
        behind: the rest.
        value: of the figure; None if there is none.
    """

    before: str
    figure: str
    behind: str
    value: float | None


_NONE = _Shown("", MISSING, "", None)


def figure_table(definition: TableDefinition, records: Records) -> Iterator[str]:
    """Lines of a table. A cell without a figure says `-`; a row without any is left out.

    Args:
        definition: of kind `figures`.
        records: by name.
    """
    rows = [(row, [_shown(cell, records) for cell in row.cells]) for row in definition.rows]
    rows = [(row, cells) for row, cells in rows if any(cell is not _NONE for cell in cells)]
    for column, best in definition.best.items():
        values = [cells[column].value for _, cells in rows if cells[column].value is not None]
        for _, cells in rows:
            if values and cells[column].value == (max if best == "highest" else min)(
                values, key=lambda value: value or 0
            ):
                cells[column] = cells[column]._replace(figure=f"**{cells[column].figure}**")
    lines, above = [], None
    for row, cells in rows:
        labels = [row.label] if row.group is None else ["" if row.group == above else row.group, row.label]
        lines.append([*labels, *(f"{cell.before}{cell.figure}{cell.behind}" for cell in cells)])
        above = row.group
    yield from markdown_table(definition.titles, lines)


def _shown(cell: TableCell, records: Records) -> _Shown:
    if cell.fact is not None:
        return _fact(cell, records)
    if cell.record not in records:
        return _NONE
    texts: list[str] = []
    first, value = -1, None
    for part in cell.parts:
        if isinstance(part, CellField) and part.shown == "value" and first < 0:
            first = len(texts)
            figure = records[cell.record].figures.get(cell.place._replace(metric=part.metric))
            value = None if figure is None else figure.value
        texts.append(part if isinstance(part, str) else _field(part, cell, records[cell.record]))
    fields = [text for text, part in zip(texts, cell.parts, strict=True) if isinstance(part, CellField)]
    if all(text in ("", MISSING) for text in fields):
        return _NONE
    first = max(first, 0)
    return _Shown("".join(texts[:first]), texts[first], "".join(texts[first + 1 :]).rstrip(), value)


def _field(part: CellField, cell: TableCell, record: Record) -> str:
    figure = record.figures.get(cell.place._replace(metric=part.metric))
    if figure is None:
        return MISSING if part.shown == "value" else ""
    if part.shown == "difference":
        return difference(figure, part.digits)
    if part.shown == "interval":
        return "" if figure.interval is None else interval(figure.interval, part.digits)
    return number(figure.value, part.digits)


def _fact(cell: TableCell, records: Records) -> _Shown:
    """The facts of a run are those of the network of its headline; other methods in its record have none."""
    if cell.record not in records:
        return _NONE
    if cell.fact == SETTINGS:
        text = records[cell.record].settings.get((cell.place.evaluation, cell.place.method))
        return _NONE if text is None else _Shown("", text, "", None)
    record = records.get(cell.facts or cell.record)
    assert cell.fact is not None
    if record is None or not (cell.facts or _is_own(cell.place.method, record)):
        return _NONE
    value = record.facts.get(cell.fact)
    return _NONE if value is None else _Shown("", number(value, _FACT_DIGITS.get(cell.fact, cell.digits)), "", value)


def _is_own(method: str, record: Record) -> bool:
    return not method or record.headline is None or method == record.headline.method
