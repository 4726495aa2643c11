"""Plain files: written whole or not at all, read with one clear error, and named after ids."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datamodules.errors import DataError, machine_fault

DAY = 86400.0  # s
LONGEST = 240  # bytes of `file_name`; a file system takes 255, and an extension and marks of a temporary file are added
_PLAIN = re.compile(r"[^./\x00-\x1f\x7f\ud800-\udfff][^/\x00-\x1f\x7f\ud800-\udfff]*")
_MADE = re.compile(r".*~[0-9a-f]{16}", re.DOTALL)
_TEMPORARY = re.compile(r"\..+\.melisma-(?P<host>.+)\.(?P<pid>\d+)-\d+\.tmp")


def file_name(identifier: str) -> str:
    """A file name without extension for any id: one component of a path.

    A plain id is its own name. An id that is empty, has a slash, a leading dot or a control character, or is longer
    than `LONGEST` bytes becomes a readable part of it, `~` and 16 digits of its SHA-256. So does an id that looks like
    such a name; therefore no two ids have the same name.
    """
    plain = _PLAIN.fullmatch(identifier) and not _MADE.fullmatch(identifier)
    if plain and len(identifier.encode()) <= LONGEST:
        return identifier
    readable = re.sub(r"[^\w.\-]+", "_", identifier).strip("._")[:40] or "unnamed"
    return f"{readable}~{hashlib.sha256(identifier.encode(errors='surrogatepass')).hexdigest()[:16]}"


def read_text(path: Path, hint: str = "") -> str:
    r"""The text of a UTF-8 file, without a byte order mark, its lines ended by `\n`.

    Args:
        path: of the file.
        hint: what to do if it cannot be read, for the message.

    Raises:
        DataError: the file cannot be read, or is not UTF-8; the message names the file and, in that case, the line.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}{hint and f'; {hint}'}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: byte {content[error.start]:#04x} is not UTF-8 text") from error


def read_regular(path: Path) -> bytes:
    """All bytes of a file; a pipe or a device, which may have no end, is refused.

    Raises:
        FileNotFoundError: it is not there.
        DataError: it cannot be read; names it.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # to open a pipe would wait for who writes to it
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise DataError(f"{path}: neither a file nor a link to one; remove it")
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


@contextmanager
def write_atomically(path: Path, folder: Path | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file for writing; on success flush it to disk and rename it to `path`, on failure remove it.

    The temporary name has a leading dot and host, process and thread in it, so that no two writers share a file.

    Args:
        path: the file to create or replace.
        folder: of the temporary file, on the same file system; None: that of `path`.
        durable: wait until the disk has it. Without, a machine that loses power may keep an empty or shorter file; a
            process that is killed never does.

    Raises:
        DataError: the disk is full, the folder read-only and the like; names the file. The file that was there stays.
    """
    name = path.name if len(os.fsencode(path.name)) <= 120 else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    writer = f"melisma-{socket.gethostname()}.{os.getpid()}-{threading.get_ident()}"
    temporary = (folder or path.parent) / f".{name}.{writer}.tmp"
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        # Also where a library, such as torch, has made another error of that of the system.
        fault = None if isinstance(error, (DataError, FileNotFoundError)) else machine_fault(error, path)
        if fault is None:
            raise
        raise DataError(fault.replace(str(temporary), str(path))) from error


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files of `write_atomically` in this folder whose process no longer runs.

    A process on another host counts as gone if its file is older than a day.
    """
    for path in folder.glob(".*.tmp"):
        made = _TEMPORARY.fullmatch(path.name)
        try:
            if made is None or path.is_symlink() or not path.is_file():
                continue
            here = made["host"] == socket.gethostname()
            if (here and not _runs(int(made["pid"]))) or (not here and time.time() - path.stat().st_mtime > DAY):
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # its process has just finished it


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
