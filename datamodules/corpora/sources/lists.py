"""Lists of recordings: manifests (TSV), and JSON files that say which track is in which split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from datamodules.documents import is_html, read_json
from datamodules.errors import DataError, cut
from datamodules.files import read_text


class Row(NamedTuple):
    """A line of a manifest.

    Attributes:
        values: by column; None where the line ends before the column.
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
        """The value of a column; None if no column is named.

        Raises:
            DataError: it is empty.
        """
        return None if column is None else self.required(column)


def read_manifest(path: Path, columns: Sequence[str]) -> list[Row]:
    """All lines of a manifest: UTF-8, columns separated by tabs, their names in the first line.

    Args:
        path: of the file.
        columns: those that it must have.

    Raises:
        DataError: the file cannot be read, lacks a column or lists nothing.
    """
    text = read_text(path)
    if is_html(text):
        raise DataError(f"{path}: is HTML, a web page, and no manifest")
    # Not by the csv module, which takes no field of more than 131 072 characters.
    lines = [(number, line.split("\t")) for number, line in enumerate(text.split("\n"), start=1) if line]
    header = lines[0][1] if lines else []
    for column in columns:
        if column not in header:
            there = cut(", ".join(map(repr, header))) or "none"
            raise DataError(f"{path}: no column {column!r}; its columns are {there}")
        if header.count(column) > 1:
            raise DataError(f"{path}: column {column!r} stands there twice")
    rows = [
        Row(dict(zip_longest(header, fields[: len(header)])), f"{path}, line {number}") for number, fields in lines[1:]
    ]
    if not rows:
        raise DataError(f"{path}: the manifest lists no recording")
    return rows


def splits_of_tracks(path: Path, wanted: list[str] | None) -> dict[str, str | None]:
    """The split of every track that a JSON file lists.

    Args:
        path: a JSON list of tracks, or an object of such lists by split.
        wanted: splits whose tracks are returned; None: all.

    Returns:
        Split by track; None for the tracks of a file without splits.

    Raises:
        DataError: the file is not such a list, has no such split, or lists a track in two of the splits.
    """
    content: object = read_json(path)
    if isinstance(content, list):
        if wanted is not None:
            raise DataError(f"{path}: a list of tracks without splits, but splits = {wanted} are asked for")
        return dict.fromkeys(_tracks(content, str(path)))
    if not isinstance(content, dict):
        raise DataError(f"{path}: a list of tracks or an object of such lists by split is expected")
    found: dict[str, str | None] = {}
    for split in content if wanted is None else wanted:
        if split not in content:
            raise DataError(f"{path}: no split {split!r}; it has {', '.join(map(repr, content))}")
        for track in _tracks(content[split], f"{path}, {split!r}"):
            if found.setdefault(track, split) != split:
                raise DataError(f"{path}: {track!r} stands in {found[track]!r} and in {split!r}")
    return found


def _tracks(content: object, origin: str) -> list[str]:
    if not isinstance(content, list):
        raise DataError(f"{origin}: a list of track names is expected")
    tracks = [track for track in content if isinstance(track, str)]
    if len(tracks) < len(content):
        raise DataError(f"{origin}: track names are strings, but one of the {len(content)} is not")
    return tracks
