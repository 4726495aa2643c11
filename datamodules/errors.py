"""What a user is told when data cannot be used: one message that names the file or key and what to change."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

MOST = 120  # characters of a value that a message repeats

# Whatever file is concerned; an exception that names none is explained by these alone.
_OF_ANY_FILE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.ENOMEM,
    errno.EAGAIN,
}  # fmt: skip

# Of a disk, which whatever is tried next would meet as well.
_OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

# What a disk, a folder or a limit of the machine explains, and what to do about it.
_REMEDIES = {
    errno.ENOSPC: "free some space there, and give the same command again",
    errno.EDQUOT: "free some space there, and give the same command again",
    errno.EFBIG: "the file system, or `ulimit -f`, takes no larger file; write elsewhere",
    errno.EROFS: "make it writable, or write elsewhere",
    errno.EACCES: "change its permissions, or name another place",
    errno.EPERM: "change its permissions, or name another place",
    errno.ENOTDIR: "a part of this path is a file; name another place",
    errno.EISDIR: "this is a folder; name a file",
    errno.EEXIST: "something else stands there; move it away, or name another place",
    errno.ENOTEMPTY: "something else stands there; move it away, or name another place",
    errno.ENAMETOOLONG: "shorten it",
    errno.ELOOP: "its links lead in a circle",
    errno.EMFILE: "too many files are open; raise `ulimit -n`, or use fewer jobs or workers",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "a smaller batch, fewer jobs or workers take less",
    errno.EAGAIN: "no more processes can be started; raise `ulimit -u`, or use fewer jobs or workers",
    errno.EIO: "the disk or the network behind it fails; look into the system's log",
    errno.ESTALE: "the network file system has lost it; give the same command again",
    errno.ENXIO: "there is nothing behind this device",
    errno.ENODEV: "this is no place for files",
    errno.EINVAL: "this is no place for files",
}


class DataError(Exception):
    """Input that melisma refuses: an unreadable file, an impossible value, a shard that is not what its index says.

    The command line prints the message without a traceback and exits with code 1, so a message has to stand alone:
    it names the file (and line) or the key, says what is wrong, and what to do about it.
    """


class MachineFault(DataError):
    """A disk, a folder or a limit of the machine, which is no fault of a single recording: it ends a command."""


def shown(value: object, most: int = MOST) -> str:
    """A value as a message repeats it: its `repr`, cut where it is long, without line breaks."""
    text = repr(value[: 2 * most] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= most else f"{text[:most]}..."


def cut(text: str, most: int = 300) -> str:
    """A text of somebody else's as a message repeats it: cut where it is long, control characters as `?`."""
    text = text if len(text) <= most else f"{text[:most]}..."
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def cut_lines(text: str, most: int = 1500) -> str:
    """A whole message, each of its lines cut where it repeats something long."""
    return "\n".join(cut(line, most) for line in text.split("\n"))


def check_range(key: str, value: float, lowest: float, highest: float) -> None:
    """Refuse a number out of a range, or none.

    Args:
        key: of a recipe, or an option of a command.
        value: that is stated there.
        lowest: that may be.
        highest: that may be.

    Raises:
        DataError: names the key, the number and the range.
    """
    if not lowest <= value <= highest:
        raise DataError(f"{key}: {shown(value)}; a number from {lowest:.15g} to {highest:.15g} is expected")


def machine_fault(error: BaseException, path: Path | None = None, instead: bool = False) -> str | None:
    """What to tell the user of a disk that is full, a folder that takes no file, and the like.

    Args:
        error: the exception; if it is none of the system, the one behind it counts.
        path: what was read or written, if the exception does not name it.
        instead: name the path also where the exception names another, as a temporary one.

    Returns:
        One message; None if nothing of the machine explains the exception.
    """
    for each in _behind(error):
        if isinstance(each, OSError) and each.errno in _REMEDIES:
            known = isinstance(each.filename, (str, bytes, os.PathLike)) and not instead
            place = each.filename if known else path
            if place is None and each.errno not in _OF_ANY_FILE:
                continue
            named = "" if place is None else f"{os.fsdecode(place)}: "
            return f"{named}{os.strerror(each.errno)}; {_REMEDIES[each.errno]}"
    return None


def is_of_disk(said: str) -> bool:
    """Whether a message is one of `machine_fault` of a disk that is full, read-only or failing."""
    return any(f"{os.strerror(number)}; {_REMEDIES[number]}" in said for number in _OF_DISK)


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
