"""`ArrayCache`: arrays on disk, by a hash of what they were computed from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.corpora.sources.npy_files import DAMAGED
from datamodules.errors import DataError
from datamodules.files import write_atomically

AGAIN = "delete the folders `arrays` and `notes` of .staging, or of --cache, and give the same command again"
MAPPED = 1 << 17  # bytes; to map a file takes longer than to read a smaller one


class ArrayCache:
    """A folder of .npy files named by a hash.

    The key of an array is the SHA-256 of everything that it depends on: the fingerprints of its sources, all parameters
    and the version of the code. So a changed file or parameter never finds an old array, recipes can share a folder,
    and two processes that make the same array at once write the same bytes.

    Args:
        folder: created with the first array, in an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, parts: Mapping[str, Any], make: Callable[[], NDArray[Any]]) -> str:
        """Store an array, unless it is stored already.

        Args:
            parts: JSON values that determine the array.
            make: computes the array if it is not stored.

        Returns:
            Its key.
        """
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        path = self._path(key)
        try:
            stored = path.stat().st_size > 0
        except FileNotFoundError:
            stored = False
        if not stored:
            array = make()
            if not path.parent.is_dir():
                # Without parents: if another process has finished and removed the staging folder, this fails, as it
                # should.
                self.folder.mkdir(exist_ok=True)
                path.parent.mkdir(exist_ok=True)
            # To wait for the disk would take longer than most arrays do; shards are what has to last.
            with write_atomically(path, durable=False) as file:
                # Given the file itself, NumPy writes past it, and does not say why it could not.
                np.save(_WriteOnly(file), array)
        return key

    def get(self, key: str) -> NDArray[Any]:
        """A stored array; a large one as a memory map, of which a record reads its part alone.

        Raises:
            DataError: the file is damaged.
            FileNotFoundError: it is not there.
        """
        path = self._path(key)
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r" if path.stat().st_size > MAPPED else None)
        except DAMAGED as error:
            raise DataError(f"{path}: damaged; {AGAIN}") from error
        return array

    def holds(self, path: object) -> bool:
        """Whether a path is that of an array of this folder, there or not."""
        return isinstance(path, (str, os.PathLike)) and Path(path).is_relative_to(self.folder)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.npy"


class _WriteOnly:
    """A file that can be written to."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write
