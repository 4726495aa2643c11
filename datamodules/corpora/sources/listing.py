"""The files below a folder, found by listing folders alone, and which of them belong together."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from datamodules.errors import DataError

PLACE = "{}"  # in the pattern of a table: what the `*` in the audio file's name stands for
_WILD = re.compile(r"[*?\[\]]")


def visible_names(folder: Path, pattern: str) -> list[str]:
    """Paths of files below a folder that match a pattern, sorted, without hidden files and those in hidden folders.

    Args:
        folder: where to look.
        pattern: as `pathlib.Path.glob` takes it, relative to the folder.

    Returns:
        Relative to the folder, with `/` between names.

    Raises:
        DataError: there is no such folder, or the pattern is invalid.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts or pattern.startswith("/") or any("**" in part and part != "**" for part in parts):
        raise DataError(
            f"{pattern!r} is not a pattern for files below {folder}: it is relative, and '**' stands alone between "
            "slashes"
        )
    if pattern.endswith("/"):  # folders
        return []
    found: Iterable[str] = _walk(os.fspath(folder), "", parts, None)
    if parts.count("**") > 1:
        found = set(found)  # they come to a file in several ways
    return sorted(found, key=lambda name: name.replace("/", "\0"))


def _walk(folder: str, lead: str, parts: Sequence[str], entries: list[os.DirEntry[str]] | None) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part.startswith("."):
        return
    if part == "**":
        entries = _entries(folder) if entries is None else entries
        if rest:
            yield from _walk(folder, lead, rest, entries)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(entry.path, f"{lead}{entry.name}/", parts, None)
    elif not _WILD.search(part):
        path = os.path.join(folder, part)
        if rest and os.path.isdir(path):
            yield from _walk(path, f"{lead}{part}/", rest, None)
        elif not rest and os.path.exists(path) and not os.path.isdir(path):
            yield lead + part
    else:
        matches = re.compile(fnmatch.translate(part)).match
        for entry in _entries(folder) if entries is None else entries:
            if matches(entry.name) and _is_folder(entry) == bool(rest):
                if rest:
                    yield from _walk(entry.path, f"{lead}{entry.name}/", rest, None)
                else:
                    yield lead + entry.name


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except PermissionError:
        return []


class Present:
    """Whether files are there, for many files: their folders are listed, and only what is not there is asked for.

    Args:
        root: of relative paths.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._names: dict[str, frozenset[str]] = {}

    def __call__(self, relative: str) -> bool:
        """Whether this is a file; a path that is absolute stands for itself."""
        folder, name = os.path.split(os.path.join(self._root, relative))
        if folder not in self._names:
            self._names[folder] = _files(folder)
        return name in self._names[folder] or os.path.isfile(os.path.join(folder, name))


def _files(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder) as found:
            return frozenset(entry.name for entry in found if entry.is_file())
    except OSError:
        return frozenset()


def is_pairable(audio: str, table: str) -> bool:
    """Whether `partners` can work with these patterns: one `*` in the audio file's name, `{}` in the table's path."""
    name = PurePosixPath(audio).name
    return name.count("*") == 1 and not set(name) & set("?[]") and PLACE in table


def partners(root: Path, relatives: Sequence[str], audio: str, table: str) -> list[str]:
    """The tables of audio files, found by what their names have in common.

    Args:
        root: folder of both.
        relatives: paths of the audio files below it.
        audio: pattern that they were found by.
        table: pattern of a table's path below the folder; `{}` stands for what matched the `*` in the name in `audio`,
            without extension.

    Returns:
        For each the table's path below the folder, or the pattern with the name filled in if no file matches it.

    Raises:
        DataError: several files match; the message names the audio file and two of them.
    """
    stems = [_stem(relative, audio) for relative in relatives]
    found = _tables_of(root, table, frozenset(stems))
    for relative, stem in zip(relatives, stems, strict=True):
        first, *more = found.get(stem, [""])
        if more:
            raise DataError(f"{root / relative}: both {root / first} and {root / more[0]} match its table, {table!r}")
    return [found[stem][0] if stem in found else table.replace(PLACE, stem) for stem in stems]


def _stem(relative: str, audio: str) -> str:
    before, _, behind = PurePosixPath(audio).name.partition("*")
    path = PurePosixPath(relative)
    name = path.name if behind else path.stem
    return name[len(before) : len(name) - len(behind)]


def _tables_of(root: Path, table: str, stems: frozenset[str]) -> Mapping[str, list[str]]:
    """Tables by the stem that stands at the `{}` of their pattern; one listing serves all."""
    parts = [part for part in table.split("/") if part not in ("", ".")]
    anything = "/".join(re.sub(r"\*+", "*", part.replace(PLACE, "*")) if PLACE in part else part for part in parts)
    matches = re.compile(rf"(?P<stem>[^\0]*)\0{_expression(parts)}").fullmatch
    before, behind = next(part for part in parts if PLACE in part).split(PLACE, 1)
    found: dict[str, list[str]] = {}
    for name in visible_names(root, anything):
        candidates = {stem for part in name.split("/") for stem in _between(part, before, behind) if stem in stems}
        for stem in candidates:
            if matches(f"{stem}\0{name}"):
                found.setdefault(stem, []).append(name)
    return found


def _between(text: str, before: str, behind: str) -> Iterator[str]:
    """What may stand between two patterns in a text, and more: of wildcards only what is next to it is looked at."""
    head, tail = re.split(_WILD, behind.partition(PLACE)[0], maxsplit=1)[0], re.split(_WILD, before)[-1]
    starts = [len(before)] if tail == before else range(len(tail), len(text) + 1)
    for start in starts:
        if text.endswith(tail, 0, start):
            for end in [len(text) - len(behind)] if head == behind else range(start, len(text) + 1):
                if end >= start and text.startswith(head, end):
                    yield text[start:end]


def _expression(parts: Sequence[str]) -> str:
    """A regular expression of a pattern's parts, with the group `stem` at `{}`."""
    written = [
        r"(?:[^/]+/)*" if part == "**" else _expression_of(part) + ("/" if number < len(parts) - 1 else "")
        for number, part in enumerate(parts)
    ]
    return "".join(written)


def _expression_of(part: str) -> str:
    tokens = re.findall(r"\{\}|\[!?\]?[^\]]*\]|.", part, re.DOTALL)
    known = {PLACE: "(?P=stem)", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(token) or (fnmatch.translate(token)[4:-3] if len(token) > 1 else re.escape(token)) for token in tokens
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead in a circle: who reads it says so
        return False
