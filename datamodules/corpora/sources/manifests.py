"""Lists of recordings: tab-separated columns with their names in the first line."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError


class Row(NamedTuple):
    """A line of a manifest.

    Attributes:
        values: by column; None behind the end of a line that is too short.
        origin: file and line, for messages.
    """

    values: Mapping[str, str | None]
    origin: str

    def required(self, column: str) -> str:
        """The value of a column.

        Raises:
            DataError: it is empty.
        """
        found = self.values[column]
        if not found:
            raise DataError(f"{self.origin}: column {column!r} is empty")
        return found

    def optional(self, column: str | None) -> str | None:
        """The value of a column if one is named.

        Raises:
            DataError: it is empty.
        """
        return None if column is None else self.required(column)


def read_manifest(path: Path, columns: Sequence[str]) -> list[Row]:
    """All lines of a manifest, UTF-8.

    Args:
        path: of the file.
        columns: those that it needs.

    Raises:
        DataError: the file cannot be read, lacks a column or lists nothing.
    """
    lines = csv.DictReader(io.StringIO(_text(path), newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = lines.fieldnames or ()
    for column in columns:
        if column not in header:
            raise DataError(f"{path}: no column {column!r}; its columns are {', '.join(map(repr, header))}")
    rows = [Row(line, f"{path}, line {lines.line_num}") for line in lines]
    if not rows:
        raise DataError(f"{path}: the manifest lists no recording")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: the manifest cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the manifest is not UTF-8 text") from error
