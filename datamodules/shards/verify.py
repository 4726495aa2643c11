"""`verify`: compare all shards of a directory with their indexes, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError
from datamodules.files import sha256_of
from datamodules.shards.format import read_sidecar
from datamodules.shards.index import describe, shards_of


class Finding(NamedTuple):
    """A shard, and what is wrong with it and what to do; None if nothing is."""

    shard: Path
    problem: str | None


def verify(directory: Path) -> Iterator[Finding]:
    """Check that every shard of a prepared directory is there with its size and SHA-256, and that there are no others.

    Args:
        directory: holds dataset.json.

    Yields:
        One finding for each shard, as it is read.

    Raises:
        DataError: there is no readable dataset.json.
    """
    description = describe(directory)
    named = dict(shard for split in description["splits"] for shard in shards_of(directory, description, split))
    for path, digest in named.items():
        yield Finding(path, _problem(path, digest))
    for path in sorted(set(directory.glob("*.tar")) - named.keys()):
        yield Finding(path, f"{path}: not one of the shards that dataset.json names; move or delete it")


def _problem(path: Path, digest: str | None) -> str | None:
    try:
        index = read_sidecar(path, digest)
    except DataError as error:
        return str(error)
    if sha256_of(path) != index["sha256"]:
        return f"{path}: its bytes are not those that were written; delete it and run `melisma prepare` again"
    return None
