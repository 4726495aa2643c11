"""`LocalFolder`: a prepared directory on a file system of this machine."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from datamodules.errors import DataError
from datamodules.files import read_regular
from datamodules.storage.base import Part, Storage, StoredFile

OPEN_FILES = 64


class LocalFolder(Storage):
    """A folder.

    Args:
        folder: with dataset.json and shards.
    """

    remedy = "delete the shard and run `melisma prepare` again"

    def __init__(self, folder: Path) -> None:
        self.folder, self.label, self.name = folder, str(folder), folder.name
        self._open_none()

    def _open_none(self) -> None:
        self._files: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()  # a loader's background thread reads too
        weakref.finalize(self, _close_all, self._files)

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_files", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_none()

    @override
    def read(self, name: str, sha256: str | None = None) -> bytes:
        return read_regular(self.folder / name)

    @override
    def path(self, file: StoredFile) -> Path:
        return self.folder / file.name

    @override
    def part(self, part: Part) -> bytes | None:
        name = part.file.name
        with self._lock:
            if name in self._files:
                self._files.move_to_end(name)
            else:
                if len(self._files) >= OPEN_FILES:
                    os.close(self._files.popitem(last=False)[1])
                try:
                    self._files[name] = os.open(self.folder / name, os.O_RDONLY)
                except OSError as error:
                    raise DataError(f"{self.where(name)}: cannot be read: {error.strerror}; {self.remedy}") from error
            data = os.pread(self._files[name], part.size, part.offset)
        # A tar has no checksum of its data. Hashing takes a few per cent of the time of decoding.
        return data if hashlib.sha256(data).digest() == part.sha256 else None

    @override
    def prefetch(self, parts: Iterable[Part]) -> None:
        pass  # the kernel reads ahead

    @override
    def admit(self, files: Sequence[StoredFile], split: str) -> None:
        again = "run `melisma prepare` again to rebuild it"
        for name, size, _ in files:
            try:
                found = os.stat(self.folder / name).st_size
            except FileNotFoundError as error:
                raise DataError(f"{self.where(name)}: missing; {again}") from error
            except OSError as error:
                raise DataError(f"{self.where(name)}: cannot be read: {error.strerror}; {again}") from error
            if found != size:
                raise DataError(
                    f"{self.where(name)}: {found} bytes, but its index says {size} (truncated or replaced); {again}"
                )


def _close_all(files: OrderedDict[str, int]) -> None:
    while files:
        os.close(files.popitem()[1])
