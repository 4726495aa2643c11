"""`verify`: compare all shards of a directory with their indexes, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def verify(directory: Path, jobs: int = 1, share: tuple[int, int] = (0, 1)) -> Iterator[Finding]:
    """Check that every shard of a prepared directory is there with its size and SHA-256, and that there are no others.

    Args:
        directory: holds dataset.json.
        jobs: shards that are read at once, by threads.
        share: number of a part, from 0, and number of parts: every so many-th shard is checked. The first part also
            looks for shards that do not belong here.

    Yields:
        One finding for each shard, in the order of dataset.json.

    Raises:
        DataError: there is no readable dataset.json.
    """
    description = describe(directory)
    named = dict(shard for split in description["splits"] for shard in shards_of(directory, description, split))
    part, parts = share
    mine = list(named.items())[part::parts]
    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(_finding, mine)
        finally:  # who has seen enough does not wait for the rest
            pool.shutdown(cancel_futures=True)
    if part == 0:
        for path in sorted(set(directory.glob("*.tar")) - named.keys()):
            yield Finding(path, f"{path}: not one of the shards that dataset.json names; move or delete it")


def _finding(shard: tuple[Path, str | None]) -> Finding:
    return Finding(shard[0], _problem(*shard))


def _problem(path: Path, digest: str | None) -> str | None:
    try:
        index = read_sidecar(path, digest)
    except DataError as error:
        return str(error)
    if sha256_of(path) != index["sha256"]:
        return f"{path}: its bytes are not those that were written; delete it and run `melisma prepare` again"
    return None
