"""The catalogue as a text table, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from experiments.catalogue.numbers import MISSING
from experiments.catalogue.rows import CatalogueRow

# Characters of a text table; what is longer ends in an ellipsis. The other forms have all of it.
_WIDTHS = {"question": 56, "published": 48, "ours": 64, "stand_in": 24, "commit": 7}
TITLES = tuple(name.replace("_", " ").replace("stand in", "stand-in") for name in CatalogueRow._fields)


def text_lines(rows: Sequence[CatalogueRow]) -> Iterator[str]:
    """Columns under their titles."""
    fields = CatalogueRow._fields
    cells = [[_cut(value, _WIDTHS.get(name)) for name, value in zip(fields, row, strict=True)] for row in rows]
    widths = [max(map(len, column)) for column in zip(TITLES, *cells, strict=True)]
    for line in [TITLES, *cells]:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def _cut(text: str, width: int | None) -> str:
    if not text:
        return MISSING
    if width is None or len(text) <= width:
        return text
    return text[:width] if width < 10 else f"{text[: width - 1].rstrip()}…"


def markdown_lines(rows: Iterable[CatalogueRow]) -> Iterator[str]:
    """A table in Markdown."""
    yield from markdown_table(TITLES, ([cell or MISSING for cell in row] for row in rows))


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown; bars in cells are escaped.

    Args:
        titles: of the columns.
        rows: as many cells.
    """
    yield f"| {' | '.join(titles)} |".replace("|  |", "| |")
    yield "|---" * len(titles) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def csv_text(rows: Iterable[CatalogueRow]) -> str:
    """The fields of the rows as CSV, under their names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CatalogueRow._fields)
    writer.writerows(rows)
    return text.getvalue()
