"""How the C library handles the memory that tensors give back."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # numbers of malloc.h
LARGE = 1 << 30  # bytes


def keep_freed_memory() -> bool:
    """Keep freed memory for the next tensors of this process, instead of giving it back to the kernel each time.

    A network that makes tensors of some megabytes spends up to a third of its time on new pages, which the kernel has
    to clear; the memory held is that of the largest moment, as before.

    Returns:
        Whether the C library is glibc, and took it; with others, nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return all(library.mallopt(key, LARGE) == 1 for key in (TRIM_THRESHOLD, MMAP_THRESHOLD))
