"""Find the table that belongs to an audio file by what their names have in common."""

from __future__ import annotations

import glob
from pathlib import Path, PurePosixPath

from datamodules.corpora.sources.files import visible_files
from datamodules.errors import DataError

PLACE = "{}"


def is_pairable(audio: str, table: str) -> bool:
    """Whether `partner` can work with these patterns: one `*` in the audio file's name, `{}` in the table's path."""
    name = PurePosixPath(audio).name
    return name.count("*") == 1 and not set(name) & set("?[]") and PLACE in table


def partner(root: Path, relative: Path, audio: str, table: str) -> str:
    """The table of an audio file, below the same folder.

    Args:
        root: the folder.
        relative: path of the audio file below it.
        audio: pattern that the audio file was found by; what the `*` in its name stands for, without extension, names
            the table.
        table: pattern of the table's path below the folder, with `{}` for what the `*` stands for.

    Returns:
        The table's path below the folder, or the pattern with the name filled in if no file matches it.

    Raises:
        DataError: several files match; the message names the audio file and two of them.
    """
    before, _, behind = PurePosixPath(audio).name.partition("*")
    name = relative.name if behind else relative.stem
    stem = name[len(before) : len(name) - len(behind)]
    found = visible_files(root, table.replace(PLACE, glob.escape(stem)))
    if len(found) > 1:
        raise DataError(f"{root / relative}: both {found[0]} and {found[1]} match its table, {table!r}")
    return found[0].relative_to(root).as_posix() if found else table.replace(PLACE, stem)
