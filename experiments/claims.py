"""`Claims`: which of several processes, on hosts that share a file system, works on what."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from typing_extensions import override

from datamodules.files import file_name, write_atomically

RENEWALS = 5  # in the time after which an owner counts as dead
_FREE = ""  # host of a claim that its owner gave back


class Claims:
    """Claims on names, one owner each, in a folder that all hosts see.

    A claim is the file of highest number in the folder of its name. It names its owner, who renews its modification
    time; when he is done he writes there that it is free. Who takes a name that is free, or whose owner is dead, makes
    the file of the next number, which the file system lets only one of several do (O_EXCL, on NFS since version 3).
    Files are never removed, so that no one can be late for a number. All times are those of the file system.

    An owner is dead if its process has ended, where that can be seen, or if it has not renewed its claim for some time.
    One that was only suspended finds its claim lost when it wakes up. Look again, after a name is taken, whether its
    work is still to be done: another process may have done it just before.

    Args:
        folder: of the claims; created with the first. Remove it when all work is done, if it is not to stay.
        stale: s without renewal after which an owner on another host counts as dead; longer than file attributes are
            cached there (60 s on NFS).
    """

    def __init__(self, folder: Path, stale: float = 300.0) -> None:
        self.folder, self.stale = folder, stale

    def take(self, name: str) -> Claim | None:
        """Take a name, to be given back at the end of a `with` block.

        Args:
            name: of a piece of work, any text.

        Returns:
            None if someone who is alive has it.

        Raises:
            OSError: the folder cannot be written to.
        """
        place = self.folder / file_name(name)
        place.mkdir(parents=True, exist_ok=True)
        number = _highest(place)
        if number and self._alive(place / _numbered(number)) is not None:
            return None
        path = place / _numbered(number + 1)
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump(_Owner.this()._asdict(), file)
        except FileExistsError:
            return None
        return Claim(path, self.stale)

    def owner(self, name: str) -> str | None:
        """Who has a name, for people to read; None: no one who is alive."""
        place = self.folder / file_name(name)
        number = _highest(place)
        owner = self._alive(place / _numbered(number)) if number else None
        return None if owner is None else str(owner)

    def _alive(self, path: Path) -> _Owner | None:
        try:
            with path.open(encoding="utf-8") as file:  # on NFS, to open a file is to ask the server for its times
                content, renewed = file.read(), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:  # all work is done, and the folder is being removed
            return None
        try:
            owner = _Owner(**json.loads(content))
        except (ValueError, TypeError):  # being written, or its owner died as he wrote
            owner = _Owner("unknown", "", 0, None)
        if owner.host == _FREE or owner.has_ended() or self._now() - renewed > self.stale:
            return None
        return owner

    def _now(self) -> float:
        """The time by the clock of the file system, which that of this host may differ from."""
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return os.fstat(file.fileno()).st_mtime


class Claim:
    """A name that this process has; renewed by a thread until the `with` block ends.

    Args:
        path: its file.
        stale: see `Claims`.
    """

    def __init__(self, path: Path, stale: float) -> None:
        self._path, self._stale = path, stale
        self._lost, self._renewed = False, time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"claim of {path.parent.name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another process may have the name, because this one did not renew it in time: stop the work."""
        late = time.monotonic() - self._renewed > self._stale
        self._lost = self._lost or late or self._path.with_name(_numbered(int(self._path.name) + 1)).exists()
        return self._lost

    def renew(self) -> None:
        """Say that this process is alive; a file system that does not answer is asked again at the next time."""
        begun = time.monotonic()
        try:
            os.utime(self._path)
        except OSError:
            return
        self._renewed = begun

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the name back."""
        self._ended.set()
        self._thread.join()
        try:
            with write_atomically(self._path) as file:
                file.write(json.dumps(_Owner(_FREE, "", 0, None)._asdict()).encode())
        except FileNotFoundError:  # another process found that all work is done, and removed the folder
            return

    def _keep(self) -> None:
        while not self._ended.wait(self._stale / RENEWALS) and not self.lost:
            self.renew()


class _Owner(NamedTuple):
    host: str  # empty: no one
    machine: str  # where its process number is valid
    pid: int
    started: int | None  # clock ticks from the machine's start to that of the process; None where that is not known

    @classmethod
    def this(cls) -> _Owner:
        status = _status(os.getpid())
        return cls(socket.gethostname(), _machine(), os.getpid(), None if status is None else status.started)

    def has_ended(self) -> bool:
        """Whether its process runs no more; False if that cannot be seen from here."""
        if self.machine != _machine() or self.started is None:
            return False
        status = _status(self.pid)
        return status is None or status.ended or status.started != self.started

    @override
    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class _Status(NamedTuple):
    started: int
    ended: bool


def _status(pid: int) -> _Status | None:
    """Of a process, by Linux; None: there is none, or no Linux."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Status(int(fields[19]), fields[0] in "ZX")


def _machine() -> str:
    """The same for processes that see each other: that of a boot and, of containers, of one of them."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {os.getpid()}"


def _highest(place: Path) -> int:
    try:
        return max((int(name) for name in os.listdir(place) if name.isdecimal()), default=0)
    except FileNotFoundError:
        return 0


def _numbered(number: int) -> str:
    return f"{number:06d}"
