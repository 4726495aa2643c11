"""Arrays on disk, found again by what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.files import write_atomically


class ArrayCache:
    """A content-addressed folder of .npy files.

    The key of an array is the sha256 of everything that went into it: the fingerprints of its sources, every
    parameter and the version of the code. A changed file or parameter never meets an old result, several recipes may
    share one folder, and two processes that make the same array at once write the same bytes.

    Args:
        folder: made when the first array is stored, in a folder that is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, parts: Mapping[str, Any], make: Callable[[], NDArray[Any]]) -> str:
        """Store an array unless it is there.

        Args:
            parts: JSON values that determine the array.
            make: called if the array is not there yet.

        Returns:
            Its key.
        """
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        path = self._path(key)
        if not path.exists():
            array = make()
            # Without parents: a folder that another process has removed with all its work is not made anew.
            self.folder.mkdir(exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            with write_atomically(path) as file:
                np.save(file, array)
        return key

    def get(self, key: str) -> NDArray[Any]:
        """An array that was put before, read from disk where it is touched."""
        array: NDArray[Any] = np.load(self._path(key), mmap_mode="r")
        return array

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.npy"
