"""dataset.json of a prepared directory, and the names of its shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.errors import MOST, DataError
from datamodules.storage.base import Storage
from datamodules.storage.local import LocalFolder
from datamodules.storage.places import open_storage
from datamodules.storage.remote import RemoteFolder

if TYPE_CHECKING:
    from datamodules.shards.schema import Description


def describe(place: str | Path | Storage) -> Description:
    """The `dataset.json` of a prepared directory.

    Args:
        place: the directory; a string may be a URL or a command.

    Raises:
        DataError: there is none, or it is not what `melisma prepare` writes (`schema.py`).
    """
    storage = open_storage(place)
    from datamodules.shards.schema import read_description  # here, because it loads pydantic

    try:
        content = storage.read("dataset.json")
    except FileNotFoundError as error:
        raise DataError(
            f"{storage.label}: no dataset.json, so no finished shards; run `melisma prepare` for it"
        ) from error
    return read_description(content, storage.where("dataset.json"))


def named_shards(place: str, description: Description, split: str) -> list[tuple[str, str | None]]:
    """Name of every shard of a split, and SHA-256 of its index, None if dataset.json does not have it.

    Args:
        place: a prepared directory, for messages.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split.
    """
    if split not in description["splits"]:
        known = ", ".join(description["splits"])
        raise DataError(f"{place}: no split {split!r}; it has {known[:MOST]}")
    names = description["splits"][split]["shards"]
    digests: list[str | None] = [*description["splits"][split].get("indexes", [None] * len(names))]
    return list(zip(names, digests, strict=True))


def shards_of(folder: Path, description: Description, split: str) -> list[tuple[Path, str | None]]:
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
