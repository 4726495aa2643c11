"""Files that are whole or absent: written under another name, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that a reader, or a killed process, only ever leaves the old or the new one.

    The partial file lies in the same folder, because only a rename within one file system is atomic.

    Args:
        path: the file to create or replace; its folder is made if needed.

    Yields:
        Where to write; it becomes `path` when the block ends without an exception.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
