"""Tables as text files."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from callbacks.atomic_files import replacing


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = "\t") -> None:
    """Write a table with a line of names above it, whole or not at all.

    Args:
        path: the file to create or replace; its folder is made if needed.
        columns: names.
        rows: a value for each column; None leaves a cell empty.
        delimiter: between columns; a cell that contains it is quoted.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
