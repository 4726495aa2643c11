"""Files that are either whole or not there."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DAY = 86400.0  # s


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; on success sync and rename it, on failure remove it.

    The temporary name starts with a dot and holds host, process and thread, so that two builders on one file system
    never write the same file; whoever renames last wins, with the same bytes.
    """
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete, in a folder and below, temporary files whose process is gone: on this host, or for a day elsewhere."""
    for path in folder.rglob(".*.tmp"):
        host, process = path.name.removesuffix(".tmp").rsplit(".", 2)[-2:]
        pid = process.partition("-")[0]
        try:
            here = host == socket.gethostname() and pid.isdigit()
            if (here and not _runs(int(pid))) or (not here and time.time() - path.stat().st_mtime > DAY):
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
