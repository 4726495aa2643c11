"""`Storage`: what the index needs of the place where a prepared directory lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class StoredFile(NamedTuple):
    """A file of a prepared directory, and what it has to hold.

    Attributes:
        name: within the directory.
        size: bytes.
        sha256: of its bytes, hexadecimal.
    """

    name: str
    size: int
    sha256: str


class Part(NamedTuple):
    """Bytes of a shard: one member of one record.

    Attributes:
        file: the shard.
        offset: of its first byte.
        size: bytes.
        sha256: of these bytes, `(32,)`.
    """

    file: StoredFile
    offset: int
    size: int
    sha256: bytes


class Storage(ABC):
    """A place where a prepared directory lies. Every process has its own copy; threads may share it.

    Attributes:
        label: the place, for messages; holds no password.
        name: last component of its path: what tracks of several directories are told apart by.
        remedy: what to do about a damaged shard, for messages.
    """

    label: str
    name: str
    remedy: str

    def where(self, name: str) -> str:
        """A file of the directory, for messages."""
        return f"{self.label}/{name}"

    @abstractmethod
    def read(self, name: str, sha256: str | None = None) -> bytes:
        """The whole of a small file.

        Args:
            name: of the file.
            sha256: of its bytes, hexadecimal, if known: it may then come out of a cache. Whether the bytes agree with
                it is for the caller to say.

        Raises:
            FileNotFoundError: there is no such file.
            DataError: it cannot be had; the message names it.
        """

    @abstractmethod
    def path(self, file: StoredFile) -> Path:
        """Where a whole file lies on this machine; it stays there as long as this object lives.

        Raises:
            DataError: it is missing, cannot be fetched, or there is no room for it.
        """

    @abstractmethod
    def part(self, part: Part) -> bytes | None:
        """The bytes of a member; None if they are not those of its hash, however often they were fetched.

        Raises:
            DataError: they cannot be fetched; the message names the shard.
        """

    @abstractmethod
    def prefetch(self, parts: Iterable[Part]) -> None:
        """Begin to fetch members that are read soon; returns at once. It changes no result, only the time it takes."""

    @abstractmethod
    def admit(self, files: Sequence[StoredFile], split: str) -> None:
        """Refuse shards that this place cannot serve.

        Args:
            files: the shards of a split.
            split: its name, for the message.

        Raises:
            DataError: one of them is missing or of another size (if that is known without a request), or they need more
                room than there is; names the shard or the key to change.
        """
