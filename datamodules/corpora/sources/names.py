"""The files of a corpus, and what their names say: a recording's id, group and label."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from datamodules.corpora.sources.listing import visible_names
from datamodules.errors import DataError, shown


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """Files below a folder that match a pattern, sorted, without hidden files and those in hidden folders.

    Args:
        folder: where to look.
        pattern: as `pathlib.Path.glob` takes it, relative to the folder.

    Raises:
        DataError: there is no such folder, or the pattern is invalid.
    """
    return [folder / name for name in visible_names(folder, pattern)]


def identifier(relative: str) -> str:
    """The id of the recording in a file: its path below the corpus' folder, without extension, as one word."""
    word = re.sub(r"[^A-Za-z0-9_.\-]", "_", Path(relative).with_suffix("").as_posix())
    return re.sub(r"^\.|\.$|\.(?=\.)", "_", word)


def by_identifier(relatives: Iterable[str], origin: Path) -> dict[str, str]:
    """Paths below a corpus' folder by the id of their recording.

    Args:
        relatives: the paths.
        origin: folder or manifest, for messages.

    Raises:
        DataError: two paths give the same id.
    """
    found: dict[str, str] = {}
    for relative in relatives:
        if not Path(relative).name:
            raise DataError(f"{origin}: {shown(relative)} is no name of a file")
        name = identifier(relative)
        if name in found:
            both = f"{shown(found[name])} and {shown(relative)}"
            raise DataError(f"{origin}: {both} give the same id {shown(name)}; rename one of them")
        found[name] = relative
    return found


def compiled(pattern: str | None, corpus: str, key: str) -> re.Pattern[str] | None:
    """Compile a regular expression among a corpus' options.

    Args:
        pattern: its value; None: there is none.
        corpus: class of the corpus, for the message.
        key: name of the option, for the message.

    Raises:
        DataError: it is not a regular expression with a group.
    """
    if pattern is None:
        return None
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{corpus}: {key} = {pattern!r}: not a regular expression: {error}") from error
    if not made.groups:
        raise DataError(f"{corpus}: {key} = {pattern!r}: put parentheses around what names the {key.split('_')[0]}")
    return made


def first_group(text: str, pattern: re.Pattern[str], key: str, name: str) -> str:
    """What the pattern's first group finds in a text.

    Args:
        text: a recording's id or path.
        pattern: searched in it.
        key: name of the option that holds the pattern, for the message.
        name: the recording's id, for the message.

    Raises:
        DataError: the pattern does not match, or its first group is empty.
    """
    match = pattern.search(text)
    if match is None or not match[1]:
        place = "its id" if text == name else repr(text)
        raise DataError(f"recording {name!r}: {key} = {pattern.pattern!r} finds no {key.split('_')[0]} in {place}")
    return match[1]


def group_of(name: str, pattern: re.Pattern[str] | None) -> str:
    """The split group of the recording with this id: what `group_pattern` finds in it; without a pattern, the id.

    Raises:
        DataError: the pattern does not match, or its first group is empty.
    """
    return name if pattern is None else first_group(name, pattern, "group_pattern", name)
