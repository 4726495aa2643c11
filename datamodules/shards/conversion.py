"""The columns of a split, from its column file, or made from the sidecars where there is none that belongs to them."""

from __future__ import annotations

import os
import tempfile
import warnings
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from datamodules.errors import DataError, MachineFault
from datamodules.files import faults_named, sha256_of, write_atomically
from datamodules.shards.access import shards_of
from datamodules.shards.column_writer import ColumnWriter
from datamodules.shards.columns import ColumnFile, columns_path, is_foreign
from datamodules.shards.format import read_sidecar, sidecar

if TYPE_CHECKING:
    from datamodules.shards.schema import Description

_SHOWN_AFTER = 2.0  # s


def open_columns(folder: Path, description: Description, split: str) -> ColumnFile:
    """The columns of a split, from its column file or, if that is missing, damaged or of other shards, the sidecars.

    In the latter case the file is made again, if nothing of another origin stands in its place and the folder can be
    written; else it is a temporary one of this process.

    Args:
        folder: a prepared directory.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split, or a shard or sidecar that is needed is missing or damaged; names it.
    """
    path, shards = columns_path(folder, split), _with_digests(shards_of(folder, description, split))
    names = description["splits"][split]["shards"]
    if os.path.lexists(path):
        try:
            columns = ColumnFile(path)
            if columns.belongs_to(names, [digest for _, digest in shards]):
                return columns
            problem = f"{path}: of other shards than those that dataset.json names"
        except DataError as error:
            problem = str(error)
        kept = "it is left as it is" if is_foreign(path) else "it is made again"
        warnings.warn(f"{problem}; the indexes of the shards are read instead, and {kept}", stacklevel=2)
    if not is_foreign(path):
        try:
            with ColumnWriter(folder) as writer, write_atomically(path) as file:
                _convert(writer, names, shards, split)
                writer.write(file)
            return ColumnFile(path, check=False)
        except (OSError, MachineFault):
            pass  # a folder that others wrote, or a full disk
    return _temporary(names, shards, split)


def _with_digests(shards: Iterable[tuple[Path, str | None]]) -> list[tuple[Path, str]]:
    """The shards with the SHA-256 of their sidecars, which a dataset.json of earlier versions does not have."""
    return [(shard, sha256_of(sidecar(shard)) if digest is None else digest) for shard, digest in shards]


def _convert(writer: ColumnWriter, names: Sequence[str], shards: Sequence[tuple[Path, str]], split: str) -> None:
    named = list(zip(names, shards, strict=True))
    for name, (shard, digest) in tqdm(named, desc=f"reading indexes of {split}", unit="shard", delay=_SHOWN_AFTER):
        writer.add(name, read_sidecar(shard, digest), digest)
    writer.refuse_gaps()


def _temporary(names: Sequence[str], shards: Sequence[tuple[Path, str]], split: str) -> ColumnFile:
    number, name = tempfile.mkstemp(prefix="melisma-", suffix=".index")
    path, owner = Path(name), os.getpid()
    try:
        with faults_named(path), open(number, "wb") as file, ColumnWriter(path.parent) as writer:
            _convert(writer, names, shards, split)
            writer.write(file)
        columns = ColumnFile(path, check=False)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    # It keeps its name as long as this process needs it, because processes that it spawns open it by name.
    weakref.finalize(columns, _remove, path, owner)
    return columns


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        path.unlink(missing_ok=True)
