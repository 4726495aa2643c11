"""Everything here that touches paths of a prepared directory: dataset.json, and the sizes and bytes of its shards."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datamodules.errors import DataError

OPEN_FILES = 64


def describe(directory: Path) -> dict[str, Any]:
    """The `dataset.json` of a prepared directory.

    Raises:
        DataError: there is none, or it is unreadable.
    """
    path = directory / "dataset.json"
    try:
        description: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{directory}: no dataset.json, so no finished shards; run `melisma prepare` for it") from error
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON ({error}); run `melisma prepare` again") from error
    return description


def shards_of(folder: Path, description: dict[str, Any], split: str) -> list[tuple[Path, str | None]]:
    """Path of every shard of a split, and SHA-256 of its index, None if dataset.json does not have it.

    Args:
        folder: a prepared directory.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split.
    """
    if split not in description["splits"]:
        known = ", ".join(description["splits"])
        raise DataError(f"{folder}: no split {split!r}; it has {known}")
    names = description["splits"][split]["shards"]
    digests = description["splits"][split].get("indexes", [None] * len(names))
    return [(folder / name, digest) for name, digest in zip(names, digests, strict=True)]


def check_sizes(shards: Iterable[Path], sizes: Iterable[int]) -> None:
    """Refuse shards that are missing or of another size.

    Args:
        shards: the tars.
        sizes: of each, bytes.

    Raises:
        DataError: names the first of them.
    """
    again = "run `melisma prepare` again to rebuild it"
    for shard, size in zip(shards, sizes, strict=True):
        try:
            found = os.stat(shard).st_size
        except FileNotFoundError as error:
            raise DataError(f"{shard}: missing; {again}") from error
        if found != size:
            raise DataError(f"{shard}: {found} bytes, but its index says {size} (truncated or replaced); {again}")


class ShardFiles:
    """Reads ranges of bytes of shards; keeps the last `OPEN_FILES` of them open. Threads may share it.

    Args:
        paths: of the shards.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._files: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()  # a loader's background thread reads too
        weakref.finalize(self, _close_all, self._files)

    def read(self, shard: int, offset: int, size: int) -> bytes:
        """The bytes of a shard from `offset` on; fewer at its end.

        Args:
            shard: its place in `paths`.
            offset: of the first byte.
            size: how many.
        """
        with self._lock:
            if shard in self._files:
                self._files.move_to_end(shard)
            else:
                if len(self._files) >= OPEN_FILES:
                    os.close(self._files.popitem(last=False)[1])
                self._files[shard] = os.open(self.paths[shard], os.O_RDONLY)
            return os.pread(self._files[shard], size, offset)


def _close_all(files: OrderedDict[int, int]) -> None:
    while files:
        os.close(files.popitem()[1])
