"""Tables of what was predicted: one for each set, a row for each item, gathered over the processes."""

import csv
import io
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from lightning.pytorch import Trainer
from typing_extensions import override

from callbacks.passes import Item, SetCallback, folder_of
from datamodules.files import write_atomically

Row = TypeVar("Row", bound=tuple[Any, ...])


class Rows(Generic[Row]):
    """Rows of a set.

    Attributes:
        rows: their first column sorts them.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def join(self, other: Self) -> None:
        """Add the rows of another process."""
        self.rows += other.rows


class TableCallback(SetCallback[Item, Rows[Row]], Generic[Item, Row]):
    """Keeps a row of every item, and writes those of all processes on one, sorted by their first column."""

    @abstractmethod
    def row(self, item: Item) -> Row:
        """The row of an item."""

    @abstractmethod
    def write_rows(self, folder: Path, rows: Sequence[Row]) -> None:
        """Write all rows of a set, one or more, into the set's folder."""

    @override
    def collect(self, trainer: Trainer, item: Item) -> None:
        self.kept.setdefault(item["dataset"], Rows()).rows.append(self.row(item))

    @override
    def write(self, trainer: Trainer, sets: Mapping[str, Rows[Row]]) -> None:
        for dataset, kept in sets.items():
            folder = folder_of(trainer, dataset)
            folder.mkdir(parents=True, exist_ok=True)
            self.write_rows(folder, sorted(kept.rows, key=itemgetter(0)))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = "\t") -> None:
    """Write a table, whole or not at all.

    Args:
        path: the file to create or replace.
        columns: names, the first line.
        rows: a value for each column; None leaves a cell empty.
        delimiter: between columns; a cell that contains it is quoted.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with write_atomically(path) as file:
        file.write(text.getvalue().encode())
