"""`verify`: compare all shards of a directory with their indexes, byte for byte, and with its dataset.json."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from datamodules.errors import DataError
from datamodules.files import sha256_of
from datamodules.shards.access import describe, shards_of
from datamodules.shards.columns import ColumnFile, columns_path
from datamodules.shards.format import Grid, read_sidecar, sidecar
from datamodules.shards.schema import Description, SplitDescription, grid_of, grid_of_index

_AGAIN = "delete it and run `melisma prepare` again"


class Finding(NamedTuple):
    """A file, and what is wrong with it and what to do; None if nothing is."""

    shard: Path
    problem: str | None


class _Said(NamedTuple):
    """What the index of a shard says."""

    sha256: str
    records: int
    frames: int


def verify(directory: Path, jobs: int = 1, share: tuple[int, int] = (0, 1)) -> Iterator[Finding]:
    """Check that every shard of a prepared directory is there with its size and SHA-256, and that there are no others.

    Column files and what dataset.json says of the shards are compared too; nothing is said of what is right there.

    Args:
        directory: holds dataset.json.
        jobs: shards that are read at once, by threads.
        share: number of a part, from 0, and number of parts: every so many-th shard is checked. The first part also
            looks for shards that do not belong here. Counts and id are compared where there is one part.

    Yields:
        One finding for each shard, in the order of dataset.json.

    Raises:
        DataError: there is no readable dataset.json.
    """
    description = describe(directory)
    named = dict(shard for split in description["splits"] for shard in shards_of(directory, description, split))
    part, parts = share
    mine = list(named.items())[part::parts]
    said: dict[Path, _Said] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for finding, index in pool.map(partial(_finding, grid_of(description)), mine):
                if index is not None:
                    said[finding.shard] = index
                yield finding
        finally:  # who has seen enough does not wait for the rest
            pool.shutdown(cancel_futures=True)
    if part == 0:
        yield from _columns(directory, description)
        for path in sorted(set(directory.glob("*.tar")) - named.keys()):
            yield Finding(path, f"{path}: not one of the shards that dataset.json names; move or delete it")
    if len(said) == len(named):
        yield from _counts(directory, description, said)


def _columns(directory: Path, description: Description) -> Iterator[Finding]:
    """The column files of the splits; one that is missing is made again when its split is opened."""
    for name, split in description["splits"].items():
        path = columns_path(directory, name)
        wrong = _problem_of_columns(path, split) if path.is_file() else None
        if wrong is not None:
            yield Finding(path, wrong)


def _problem_of_columns(path: Path, split: SplitDescription) -> str | None:
    try:
        if "columns" in split and sha256_of(path) != split["columns"]["sha256"]:
            return f"{path}: its bytes are not those that were written; delete it, it is made again"
        columns = ColumnFile(path)
        blamed = columns.blamed()
    except DataError as error:
        return str(error)
    if blamed is not None:
        return str(blamed)
    if not columns.belongs_to(split["shards"], split.get("indexes", columns.indexes)):
        return f"{path}: of other shards than those that dataset.json names; delete it, it is made again"
    return None


def _counts(directory: Path, description: Description, said: dict[Path, _Said]) -> Iterator[Finding]:
    """What dataset.json says of all shards together."""
    path = directory / "dataset.json"
    digests: list[str] = []
    for name, split in description["splits"].items():
        there = [said[shard] for shard, _ in shards_of(directory, description, name)]
        digests += [each.sha256 for each in there]
        counted = {"records": sum(each.records for each in there), "frames": sum(each.frames for each in there)}
        for key, count in counted.items():
            stated = split.get(key, count)
            if stated != count:
                yield Finding(path, f"{path}: splits.{name}.{key}: {stated}, but its shards hold {count}")
    if description["id"] not in ("", _identity(digests)):
        yield Finding(path, f"{path}: id: not that of its shards; copy the prepared directory again")


def _identity(digests: Sequence[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _finding(grid: Grid, shard: tuple[Path, str | None]) -> tuple[Finding, _Said | None]:
    path, digest = shard
    try:
        index = read_sidecar(path, digest)
        found = sha256_of(path)
    except DataError as error:
        return Finding(path, str(error)), None
    problem = None
    if found != index["sha256"]:
        problem = f"{path}: its bytes are not those that were written; {_AGAIN}"
    elif (stated := grid_of_index(index)) not in (None, grid):
        problem = f"{sidecar(path)}: made with {stated}, but dataset.json says {grid}; copy dataset.json again"
    records = index["records"]
    return Finding(path, problem), _Said(index["sha256"], len(records), sum(record["frames"] for record in records))
