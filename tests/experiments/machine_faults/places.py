"""Places for files that are small or take none."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


def can_mount() -> bool:
    """Whether this process may mount a file system in memory."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


class Disk:
    """A file system in memory.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size: int) -> None:
        """Give it another size, bytes."""
        self._mount(f"remount,size={size}")

    def protect(self) -> None:
        """Let nothing be written any more."""
        self._mount("remount,ro")

    def unprotect(self) -> None:
        """Let files be written again."""
        self._mount("remount,rw")

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, self.folder], check=True)


@contextlib.contextmanager
def disk(folder: Path, size: int = 1 << 28) -> Iterator[Disk]:
    """Mount a file system of some bytes; it is gone behind the `with` block.

    Args:
        folder: is made.
        size: bytes.
    """
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their names in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
