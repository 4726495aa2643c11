"""dataset.json of a prepared directory, and the names of its shards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from datamodules.storage.base import Storage
from datamodules.storage.local import LocalFolder
from datamodules.storage.places import open_storage
from datamodules.storage.remote import RemoteFolder

_SHARD = re.compile(r"[^./\\:][^/\\:]*\.tar")


def describe(place: str | Path | Storage) -> dict[str, Any]:
    """The `dataset.json` of a prepared directory.

    Args:
        place: the directory; a string may be a URL or a command.

    Raises:
        DataError: there is none, or it is unreadable.
    """
    storage = open_storage(place)
    try:
        description: dict[str, Any] = json.loads(storage.read("dataset.json"))
    except FileNotFoundError as error:
        raise DataError(
            f"{storage.label}: no dataset.json, so no finished shards; run `melisma prepare` for it"
        ) from error
    except ValueError as error:
        raise DataError(
            f"{storage.where('dataset.json')}: not readable as JSON ({error}); run `melisma prepare` again"
        ) from error
    return description


def named_shards(place: str, description: dict[str, Any], split: str) -> list[tuple[str, str | None]]:
    """Name of every shard of a split, and SHA-256 of its index, None if dataset.json does not have it.

    Args:
        place: a prepared directory, for messages.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split, or a name leads out of the directory.
    """
    if split not in description["splits"]:
        known = ", ".join(description["splits"])
        raise DataError(f"{place}: no split {split!r}; it has {known}")
    names = description["splits"][split]["shards"]
    for name in names:
        if not _SHARD.fullmatch(name):
            raise DataError(f"{place}: its dataset.json names {name!r}, which is not the name of a shard")
    return list(zip(names, description["splits"][split].get("indexes", [None] * len(names)), strict=True))


def shards_of(folder: Path, description: dict[str, Any], split: str) -> list[tuple[Path, str | None]]:
    """Path of every shard of a split, and SHA-256 of its index, None if dataset.json does not have it.

    Args:
        folder: a prepared directory.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: as `named_shards`.
    """
    return [(folder / name, digest) for name, digest in named_shards(str(folder), description, split)]


def is_prepared(storage: Storage) -> bool:
    """Whether there is a dataset.json; of what is not on this machine, whether it is in use."""
    if isinstance(storage, RemoteFolder):
        return storage.opened
    return isinstance(storage, LocalFolder) and (storage.folder / "dataset.json").is_file()
