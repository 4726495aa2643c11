"""`SharedCache`: files by the hash of their content, of bounded size, shared by all processes of a host."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

BLOCK = 4096  # bytes; file systems give room in blocks
ENTRY = 256  # bytes; more than the name of a file takes in its folder
KEPT = 0.9  # of the bound, after files were removed: looking through all of them is rare


def cost(size: int) -> int:
    """Bytes that a file of this size takes."""
    return -(-size // BLOCK) * BLOCK + ENTRY


class _Entry(NamedTuple):
    """A file of the cache: when it was last used (ns), what it takes (bytes), and where it is."""

    used: int
    cost: int
    path: Path


class SharedCache:
    """Files named by the SHA-256 of their content.

    What all files take together, those being written included, is at most `limit` at every moment, with any number of
    writers: a file is made at its full size while the lock of the whole cache is held. It gets its name when it is
    complete, so nothing half-written counts; what a killed process leaves is removed. The least recently used files go
    first. A file that somebody holds open by `hold` is not removed.

    The sum is noted in the file `used`, so that most writers need not look through the folder; looking through it
    corrects the sum.

    Args:
        folder: of the cache; made when something is written.
        limit: bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._objects, self._incoming, self._sum = folder / "objects", folder / "incoming", folder / "used"

    def make(self) -> None:
        """Make the folder, which raises an OSError if it cannot be written."""
        for folder in (self._objects, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            pass

    def get(self, key: str) -> bytes | None:
        """The content of a file, None if it is not there; the caller compares it with its hash."""
        try:
            with (self._objects / key).open("rb") as file:
                os.utime(file.fileno())
                return file.read()
        except OSError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` if there is room for it; a full disk leaves it out as well."""
        with suppress(OSError), self.writing(key, len(data)) as file:
            if file is not None:
                file.write(data)

    def hold(self, key: str, size: int | None = None) -> BinaryIO | None:
        """A file, of this size if it is known, which is not removed before `let_go`; None if it is not there."""
        try:
            file = (self._objects / key).open("rb")
        except OSError:
            return None
        fcntl.flock(file, fcntl.LOCK_SH)
        found = os.fstat(file.fileno())
        if not found.st_nlink or size not in (None, found.st_size):  # removed meanwhile, or cut off by a loss of power
            file.close()
            return None
        os.utime(file.fileno())
        return file

    def path(self, key: str) -> Path:
        """Where a file is, if it is there."""
        return self._objects / key

    @contextmanager
    def writing(self, key: str, size: int, durable: bool = False) -> Iterator[BinaryIO | None]:
        """Room for a file of this size, which is in the cache when the block has ended without an error.

        Args:
            key: SHA-256 of its content.
            size: bytes.
            durable: wait until the disk has it.

        Yields:
            The file to write to; None if there is no room, or the file is there already.
        """
        made = self._reserve(key, size)
        if made is None:
            yield None
            return
        path, file = made
        done = False
        try:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            os.replace(path, self._objects / key)
            done = True
        finally:
            let_go(file)
            if not done:
                with self._locked(), suppress(FileNotFoundError):
                    path.unlink()
                    self._note(self._noted() - cost(size))

    def discard(self, key: str, size: int) -> None:
        """Remove a file, which is not what its name says."""
        with self._locked(), suppress(FileNotFoundError):
            (self._objects / key).unlink()
            self._note(self._noted() - cost(size))

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """While the block runs, no other process is in a block of the same key: a large file is fetched only once."""
        with _locked(self.folder / f"fetching-{key[0]}"):
            yield

    def _locked(self) -> AbstractContextManager[None]:
        return _locked(self.folder / "lock")

    def _noted(self) -> int:
        try:
            return int(self._sum.read_bytes())
        except (OSError, ValueError):
            return sum(entry.cost for entry in self._entries())

    def _note(self, used: int) -> None:
        # Written in place: a temporary file would be one more to account for. A torn number is not a number, or is
        # corrected when the folder is looked through.
        self._sum.write_bytes(b"%020d" % max(used, 0))

    def _reserve(self, key: str, size: int) -> tuple[Path, BinaryIO] | None:
        need = cost(size)
        with self._locked():
            if (self._objects / key).exists():
                return None
            used = self._noted()
            if used + need > self.limit:
                used = self._shrink(self.limit - need)
            if used + need > self.limit:
                self._note(used)
                return None
            self._note(used + need)
            path = self._incoming / f"{key}.{os.getpid()}-{threading.get_ident()}"
            file = path.open("wb")
            fcntl.flock(file, fcntl.LOCK_EX)  # tells whoever looks through the folder that its writer is alive
            os.ftruncate(file.fileno(), size)
            return path, file

    def _shrink(self, goal: int) -> int:
        """Remove the least recently used files until those that are left take at most `goal`; what they take."""
        entries = sorted(self._entries())
        used = sum(entry.cost for entry in entries)
        least = min(goal, int(KEPT * self.limit))
        for entry in entries:
            if used <= least:
                break
            if _remove(entry.path):
                used -= entry.cost
        return used

    def _entries(self) -> Iterator[_Entry]:
        # In this order: a file that is finished meanwhile is counted twice, not forgotten.
        for folder in (self._incoming, self._objects):
            for found in os.scandir(folder):
                with suppress(FileNotFoundError):
                    stat = found.stat()
                    # What is being written is removed first, if its writer is dead.
                    used = stat.st_mtime_ns if folder == self._objects else 0
                    yield _Entry(used, cost(stat.st_size), Path(found.path))


def let_go(file: BinaryIO) -> None:
    """Close a file and give up its lock, also where a process that was forked meanwhile has the file open."""
    with file:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = path.open("wb")
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        let_go(file)


def _remove(path: Path) -> bool:
    """Remove a file unless somebody holds it; whether it is gone.

    One that is not there any more has been finished meanwhile, and is in another folder.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False
    return True
