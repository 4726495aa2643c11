"""What may stand in the place of a file and is none: folders, pipes that stay silent, devices, links."""

import os
from pathlib import Path

import numpy as np


def _npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([_Executing()], dtype=object), allow_pickle=True)


class _Executing:
    def __reduce__(self) -> tuple:
        return os.system, ("echo executed > ../outside/executed",)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


def _unreadable(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)


ODD = {
    "a folder": lambda path: path.mkdir(),
    "a silent pipe": os.mkfifo,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to /dev/null": lambda path: path.symlink_to("/dev/null"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link out of the folder": lambda path: path.symlink_to(path.parents[1].parent / "outside" / "canary"),
    "a link to a folder": lambda path: path.symlink_to(".."),
    "a link to /proc/self/mem": lambda path: path.symlink_to("/proc/self/mem"),
    "3 GiB of zeros": _sparse,
    "pickled objects": _npy,
    "not readable": _unreadable,
    "not there": lambda path: None,
}
