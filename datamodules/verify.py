"""Whether the shards of a directory are what their indexes say, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError
from datamodules.index import describe
from datamodules.shards import read_sidecar, sha256_of


class Finding(NamedTuple):
    """What was found of one shard.

    Attributes:
        shard: its path.
        problem: what is wrong with it and what to do; None if it is whole.
    """

    shard: Path
    problem: str | None


def verify(directory: Path) -> Iterator[Finding]:
    """Check every shard of a prepared directory: there, of the stated size, of the stated sha256; and none too many.

    Args:
        directory: holds dataset.json.

    Yields:
        One finding for each shard, as it is read.

    Raises:
        DataError: there is no readable dataset.json.
    """
    named = [directory / name for split in describe(directory)["splits"].values() for name in split["shards"]]
    for path in named:
        yield Finding(path, _problem(path))
    for path in sorted(set(directory.glob("*.tar")) - set(named)):
        yield Finding(path, f"{path}: not one of the shards that dataset.json names; move or delete it")


def _problem(path: Path) -> str | None:
    try:
        index = read_sidecar(path)
    except DataError as error:
        return str(error)
    if sha256_of(path) != index["sha256"]:
        return f"{path}: its bytes are not those that were written; delete it and run `melisma prepare` again"
    return None
