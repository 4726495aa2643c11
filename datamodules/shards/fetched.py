"""The column file of a split whose shards are not on this machine: fetched, or made from the sidecars, and kept."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.errors import DataError
from datamodules.shards.access import named_shards
from datamodules.shards.column_writer import ColumnWriter
from datamodules.shards.columns import VERSION, ColumnFile, columns_path
from datamodules.shards.format import parse_sidecar, sidecar_name
from datamodules.storage.base import StoredFile
from datamodules.storage.remote import RemoteFolder

if TYPE_CHECKING:
    from datamodules.shards.schema import Description


def fetched_columns(storage: RemoteFolder, description: Description, split: str) -> ColumnFile:
    """The columns of a split behind a URL or a command.

    The column file is fetched if dataset.json knows its hash. Otherwise, or if it cannot be had, it is made from the
    sidecars, and kept for the next run under a name that says of which ones.

    Args:
        storage: of the prepared directory.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split, or a sidecar is missing or damaged; names it.
    """
    shards = named_shards(storage.label, description, split)
    stated = description["splits"][split].get("columns")
    if stated is not None:
        file = StoredFile(columns_path(Path(), split).name, stated["size"], stated["sha256"])
        try:
            columns = _opened(storage, file)
            if columns.belongs_to([name for name, _ in shards], [str(digest) for _, digest in shards]):
                return columns
            problem = f"{storage.where(file.name)}: of other shards than those that dataset.json names"
        except DataError as error:
            problem = str(error)
        warnings.warn(f"{problem}; the indexes of the shards are read instead", stacklevel=2)
    return _made(storage, shards, split)


def _opened(storage: RemoteFolder, file: StoredFile) -> ColumnFile:
    try:
        return ColumnFile(storage.path(file))
    except DataError:
        storage.forget(file.sha256)  # what was kept by an earlier run is damaged on this disk
        return ColumnFile(storage.path(file))


def _made(storage: RemoteFolder, shards: list[tuple[str, str | None]], split: str) -> ColumnFile:
    names = [(sidecar_name(name), digest) for name, digest in shards]
    known = hashlib.sha256(json.dumps([VERSION, shards]).encode()).hexdigest()
    if all(digest is not None for _, digest in shards):
        kept = storage.kept(known)
        try:
            if kept is not None:
                return ColumnFile(kept)
        except DataError:
            storage.forget(known)
    with tempfile.TemporaryDirectory(prefix="melisma-") as folder, ColumnWriter(Path(folder)) as writer:
        for (name, _), (index, digest), content in zip(shards, names, storage.read_many(names), strict=True):
            said = parse_sidecar(content, storage.where(index), digest)
            writer.add(name, said, digest or hashlib.sha256(content).hexdigest())
        writer.refuse_gaps()
        path = Path(folder) / columns_path(Path(), split).name
        with path.open("wb") as file:
            writer.write(file)
        return ColumnFile(storage.keep(known, path), check=False)
