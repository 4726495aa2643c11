"""`RemoteFolder`: what prepared directories behind URLs and behind commands have in common."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from typing_extensions import override

from datamodules.errors import DataError
from datamodules.storage.base import Storage, StoredFile
from datamodules.storage.cache import SharedCache, cost, let_go
from datamodules.storage.fetching import DamagedError, Threads, persist
from datamodules.storage.options import RemoteShards

UNDER_WAY = 4096  # fetches that are asked for and not done; further hints are not taken


class _Process:
    """What a process may not share with the one that it was forked from."""

    def __init__(self, connections: int) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.threads = Threads(connections)
        self.coming: dict[str, Future[dict[str, bytes | None]]] = {}
        self.opened: Any = None  # by a subclass


class RemoteFolder(Storage):
    """A prepared directory that is fetched, through the cache of this host.

    Args:
        label: the place, for messages.
        name: last component of its path.
        options: how to fetch.
    """

    def __init__(self, label: str, name: str, options: RemoteShards) -> None:
        self.label, self.name, self.options = label, name, options
        self.remedy = f"it was fetched {options.retries + 1} times; copy the shard there again"
        self.cache = SharedCache(options.folder, options.limit)
        try:
            self.cache.make()
        except OSError as error:
            raise DataError(
                f"data.remote.cache: {options.folder}: cannot be written ({error.strerror}); name another folder"
            ) from error
        self._described: bytes | None = None
        self._none_of_a_process()

    def _none_of_a_process(self) -> None:
        self._process: _Process | None = None
        self._held: dict[str, BinaryIO] = {}

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_process", "_held")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._none_of_a_process()

    @property
    def process(self) -> _Process:
        """Threads, connections and fetches of the present process; a forked one begins with none."""
        if self._process is None or self._process.pid != os.getpid():
            self._process = _Process(self.options.connections)
        return self._process

    @property
    def opened(self) -> bool:
        """Whether dataset.json has been fetched."""
        return self._described is not None

    @override
    def read(self, name: str, sha256: str | None = None) -> bytes:
        if name == "dataset.json" and self._described is not None:
            return self._described  # one state of the directory for the whole run
        if sha256 is not None:
            kept = self.cache.get(sha256)
            if kept is not None and hashlib.sha256(kept).hexdigest() == sha256:
                return kept
            if kept is not None:
                self.cache.discard(sha256, len(kept))
        data = self._whole(name, sha256)
        if name == "dataset.json":
            self._described = data
        if sha256 is not None and hashlib.sha256(data).hexdigest() == sha256:
            self.cache.put(sha256, data)
        return data

    def _whole(self, name: str, sha256: str | None) -> bytes:
        data = b""

        def attempt() -> bytes:
            nonlocal data
            data = self.content(name)
            # A file without a known hash is fetched twice: damage is not the same both times.
            if self.content(name) != data if sha256 is None else hashlib.sha256(data).hexdigest() != sha256:
                raise DamagedError
            return data

        try:
            return persist(self.where(name), self.options.retries, attempt)
        except DamagedError as error:
            if sha256 is None:
                raise DataError(
                    f"{self.where(name)}: comes with other bytes each time ({self.options.retries + 1} attempts); "
                    "check the connection, or whether somebody changes it"
                ) from error
            return data  # the caller says whose index is damaged

    def read_many(self, files: Iterable[tuple[str, str | None]]) -> Iterator[bytes]:
        """Small files, each as `read` gives it, in this order; several are under way at a time."""
        coming: deque[Future[bytes]] = deque()
        for file in files:
            coming.append(self.process.threads.submit(partial(self.read, *file)))
            if len(coming) > self.options.connections:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()

    @override
    def path(self, file: StoredFile) -> Path:
        if file.sha256 not in self._held:
            self._held[file.sha256] = self.held(file)
        return self.cache.path(file.sha256)

    def kept(self, key: str) -> Path | None:
        """A file that `keep` was given under this name; None if it is not there."""
        if key not in self._held:
            found = self.cache.hold(key)
            if found is None:
                return None
            self._held[key] = found
        return self.cache.path(key)

    def keep(self, key: str, path: Path) -> Path:
        """Keep a file that was made of what is stored here, for further runs on this machine.

        Args:
            key: SHA-256 of what it follows from, hexadecimal.
            path: of the file, which is copied.

        Returns:
            Where it is now, as long as this object lives.

        Raises:
            DataError: there is no room for it.
        """
        size = path.stat().st_size
        with self.cache.writing(key, size, durable=True) as out, path.open("rb") as file:
            if out is not None:
                shutil.copyfileobj(file, out)
        kept = self.kept(key)
        if kept is None:
            raise self._no_room(f"the index of {self.label}", size)
        return kept

    def forget(self, key: str) -> None:
        """Remove a file from the cache that turned out to be damaged there."""
        held = self._held.pop(key, None)
        if held is not None:
            size = os.fstat(held.fileno()).st_size
            let_go(held)
            self.cache.discard(key, size)

    def _no_room(self, what: str, size: int) -> DataError:
        return DataError(
            f"data.remote.gigabytes: {what} takes {cost(size)} bytes, for which {self.options.folder} with at most "
            f"{self.options.limit} bytes has no room beside files in use; raise it"
        )

    def held(self, file: StoredFile) -> BinaryIO:
        """A whole file, open, which stays in the cache until it is let go."""
        found = self.cache.hold(file.sha256, file.size)
        if found is not None:
            return found
        with self.cache.alone(file.sha256):
            found = self.cache.hold(file.sha256, file.size)
            if found is None:
                self._fetch_whole(file)
                found = self.cache.hold(file.sha256, file.size)
        if found is None:
            raise self._no_room(self.where(file.name), file.size)
        return found

    def _fetch_whole(self, file: StoredFile) -> None:
        def attempt() -> None:
            with self.cache.writing(file.sha256, file.size, durable=True) as out:
                if out is not None:
                    self.copy(file, out)

        try:
            persist(self.where(file.name), self.options.retries, attempt)
        except DamagedError as error:
            raise DataError(
                f"{self.where(file.name)}: its bytes are not those that were written; {self.remedy}"
            ) from error

    @abstractmethod
    def content(self, name: str) -> bytes:
        """A whole file, by one request."""

    @abstractmethod
    def copy(self, file: StoredFile, out: BinaryIO) -> None:
        """Write a whole file to `out`, by one request.

        Raises:
            DamagedError: it has another size or hash.
        """
