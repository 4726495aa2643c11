"""Find the files of a corpus and name the recordings after them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from datamodules.corpora.sources.patterns import compiled, first_group
from datamodules.errors import DataError


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """Files below a folder that match a pattern, sorted; those with a hidden name or in a hidden folder are left out.

    Args:
        folder: where to look.
        pattern: as `pathlib.Path.glob` takes it, relative to the folder.

    Raises:
        DataError: there is no such folder, or the pattern is none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    try:
        found = sorted(path for path in folder.glob(pattern) if not path.is_dir())
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"{pattern!r} is not a pattern for files below {folder}: {error}") from error
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def identifier(relative: str) -> str:
    """The id of the recording in a file: its path below the corpus' folder, without extension, as one word."""
    word = re.sub(r"[^A-Za-z0-9_.\-]", "_", Path(relative).with_suffix("").as_posix())
    return re.sub(r"^\.|\.$|\.(?=\.)", "_", word)


def by_identifier(relatives: Iterable[str], origin: Path) -> dict[str, str]:
    """Paths below a corpus' folder by the id of their recording.

    Args:
        relatives: the paths.
        origin: folder or manifest that the messages name.

    Raises:
        DataError: two paths give the same id.
    """
    found: dict[str, str] = {}
    for relative in relatives:
        name = identifier(relative)
        if name in found:
            raise DataError(f"{origin}: {found[name]!r} and {relative!r} give the same id {name!r}; rename one of them")
        found[name] = relative
    return found


def group_pattern(pattern: str | None, corpus: str) -> re.Pattern[str] | None:
    """Compile the option `group_pattern` of a corpus.

    Raises:
        DataError: it is not a regular expression with a group.
    """
    return compiled(pattern, corpus, "group_pattern")


def group_of(name: str, pattern: re.Pattern[str] | None) -> str:
    """The split group of the recording with this id: what the pattern's first group finds in it, or the id itself.

    Raises:
        DataError: the pattern does not match, or its first group is empty.
    """
    return name if pattern is None else first_group(name, pattern, "group_pattern", name)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
