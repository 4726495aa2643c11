"""Plain files: written whole or not at all, read with one clear error, and named after ids."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datamodules.errors import DataError, MachineFault, machine_fault, shown

DAY = 86400.0  # s
LONGEST = 240  # bytes of `file_name`; a file system takes 255, and an extension and marks of a temporary file are added
MOST = 1 << 29  # bytes of a text that is read as a whole
_OPENED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
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
    return text_of(read_bytes(path, hint), path)


def read_bytes(path: Path, hint: str = "", most: int = MOST) -> bytes:
    """The bytes of a file.

    Args:
        path: of the file; also of a pipe that a shell has opened, as of `<(command)`.
        hint: what to do if it cannot be read, for the message.
        most: bytes; a larger file is refused before it is read.

    Raises:
        DataError: it cannot be read, is larger, or is no file but a folder, a device, or a pipe that may stay silent.
    """
    size = check_file(path, hint)
    try:
        with path.open("rb") as file:
            content = file.read(most + 1) if size <= most else None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}{hint and f'; {hint}'}") from error
    if content is None or len(content) > most:
        raise DataError(f"{path}: is larger than {most >> 20} MiB, more than a file of its kind ever has")
    return content


def text_of(content: bytes, name: Path | str) -> str:
    r"""Bytes in UTF-8 as text, without a byte order mark, its lines ended by `\n`.

    Args:
        content: of a file.
        name: of the file, for messages.

    Raises:
        DataError: they are not UTF-8; the message names the line.
    """
    if content.startswith(_UTF_16):
        raise DataError(f"{name}: is UTF-16 text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{name}, line {line}: byte {content[error.start]:#04x} is not UTF-8 text") from error


def check_file(path: Path, hint: str = "") -> int:
    """Refuse what is no plain file: reading a device or a named pipe may never end.

    Args:
        path: that shall be read; a pipe that a shell has opened, as of `<(command)`, will do.
        hint: what to do if there is none, for the message.

    Returns:
        Bytes that it has; 0 for a pipe.

    Raises:
        DataError: there is nothing, a folder, a device or a named pipe.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{shown_path(path)}: cannot be read: {why}{hint and f'; {hint}'}") from error
    if stat.S_ISREG(status.st_mode) or str(path).startswith(_OPENED):
        return status.st_size
    kinds = {stat.S_IFDIR: "Is a directory", stat.S_IFIFO: "Is a named pipe", stat.S_IFCHR: "Is a device"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "Is no file")
    raise DataError(f"{path}: cannot be read: {kind}{hint and f'; {hint}'}")


def shown_path(path: Path | str) -> str:
    """A path as a message repeats it: cut where it is too long for any, without line breaks."""
    text = str(path)
    return text if len(text) <= LONGEST and text.isprintable() else shown(text)


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


def sha256_of(path: Path, most: int | None = None) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Args:
        path: of the file.
        most: bytes; a larger file is refused before it is read. None: any size.

    Raises:
        DataError: the file cannot be read, or is larger.
    """
    if check_file(path) > (most or math.inf):
        raise DataError(f"{path}: is larger than {(most or 0) >> 20} MiB, more than a file of its kind ever has")
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
        MachineFault: the disk is full, the folder read-only and the like; names the file. The file that was there
            stays.
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
        raise MachineFault(fault.replace(str(temporary), str(path))) from error


def make_folder(folder: Path) -> Path:
    """Make a folder and those above it, unless they are there, and remove what killed processes left in it.

    Returns:
        The folder.

    Raises:
        MachineFault: the disk is full, something else has the name, the folder above is read-only and the like.
    """
    with faults_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    return folder


@contextmanager
def faults_named(path: Path, instead: bool = False) -> Iterator[None]:
    """Raise what the system refuses in a `with` block as an error that names a path.

    Args:
        path: that a user knows.
        instead: also where an error names another one, because the block writes to a temporary place.

    Raises:
        MachineFault: the disk is full and the like.
    """
    try:
        yield
    except (OSError, MachineFault) as error:
        fault = machine_fault(error, path, instead) if instead or not isinstance(error, MachineFault) else None
        if fault is None:
            raise
        raise MachineFault(fault) from error


def append(descriptor: int, content: bytes, path: Path) -> None:
    """Write all bytes to a file that is open; an operating system may take a part of them, and then none.

    Args:
        descriptor: of the file.
        content: to write.
        path: for messages.

    Raises:
        MachineFault: the disk is full and the like.
    """
    begin, left = os.lseek(descriptor, 0, os.SEEK_END), content
    try:
        with faults_named(path):
            while left:
                left = left[os.write(descriptor, left) :]
    except MachineFault:
        # Half a line would spoil the next one, unless another process has written that already.
        if os.lseek(descriptor, 0, os.SEEK_END) == begin + len(content) - len(left):
            os.ftruncate(descriptor, begin)
        raise


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files of `write_atomically` in this folder whose process no longer runs.

    A process on another host counts as gone if its file is older than a day, by the clock of the file system: that of
    this host may have been set meanwhile.
    """
    for path in folder.glob(".*.tmp"):
        made = _TEMPORARY.fullmatch(path.name)
        try:
            if made is None or path.is_symlink() or not path.is_file():
                continue
            here = made["host"] == socket.gethostname()
            gone = not process_runs(int(made["pid"])) if here else _now(folder) - path.stat().st_mtime > DAY
            if gone:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # its process has just finished it


def _now(folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def process_runs(pid: int) -> bool:
    """Whether this host has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
