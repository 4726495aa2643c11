"""Read which tracks belong to which split from a JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from datamodules.errors import DataError


def splits_of_tracks(path: Path, wanted: list[str] | None) -> dict[str, str | None]:
    """The split of every track that a file lists.

    Args:
        path: a JSON list of tracks, or an object of such lists by split.
        wanted: splits whose tracks are returned; None: all.

    Returns:
        Split by track; None for the tracks of a file that has no splits.

    Raises:
        DataError: the file is not such a list, has no such split, or lists a track in two of the splits.
    """
    content = _read(path)
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


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, or not JSON
        raise DataError(f"{path}: not a JSON file: {error}") from error


def _tracks(content: object, origin: str) -> list[str]:
    if not isinstance(content, list):
        raise DataError(f"{origin}: a list of track names is expected")
    tracks = [track for track in content if isinstance(track, str)]
    if len(tracks) < len(content):
        raise DataError(f"{origin}: track names are strings, but one of the {len(content)} is not")
    return tracks
