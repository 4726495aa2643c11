"""What numbers of a recipe may be: what is beyond fills memory, runs for ever, or is a slip of the keyboard."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datamodules.errors import DataError, check_range, shown

HOUR = 3600.0
SEED = (0, 2**63 - 1)
# By the last key that is named here, wherever in the recipe or its corpus it stands.
RANGES: dict[str, tuple[float, float]] = {
    "rate": (1, 768_000),
    "hop": (1, 1 << 20),
    "segment": (0, 10 * HOUR),
    "context": (0, 60.0),
    "seed": SEED,
    "records_per_shard": (1, 1_000_000),
    # Of corpora.
    "counts": (0, 1_000_000),
    "seconds": (0, 24 * HOUR),
    "longest": (0, HOUR),
    "silence": (0, HOUR),
    "step": (1e-6, HOUR),
    "gap": (1e-6, 24 * HOUR),
    "offset": (-24 * HOUR, 24 * HOUR),
    "trim": (0, 24 * HOUR),
    "renderings": (1, 10_000),
    "items": (1, 100_000),
    "harmonics": (1e-3, 1000),
    "notes_per_second": (1e-3, 1000),
    "lowest_note": (-100, 200),
    "highest_note": (-100, 200),
    "vibrato_cents": (0, 12_000),
    "transpose": (-20, 20),
    "snr_db": (-400, 400),
    "accompaniment_db": (-400, 400),
    "level_db": (-400, 400),
    # Of spectrograms.
    "minimum": (1, 384_000),
    "bins_per_octave": (1, 1200),
    "octaves": (-20, 20),
    "filter_scales": (1e-3, 100),
    "top_dbs": (1e-3, 1000),
    "top_db": (1e-3, 1000),
}
ANY = (-1e12, 1e12)
DEEPEST = 200  # folders in each other
_NO_FOLDERS = ("/proc", "/sys", "/dev")
_SHARED_MEMORY = "/dev/shm"


def check_numbers(value: object, place: str = "") -> None:
    """Refuse numbers of a recipe that are not finite or beyond what anybody means.

    Args:
        value: of a recipe, with the corpus and all that stands in it.
        place: its key, with those above it, for messages.

    Raises:
        DataError: names the key, the number and the range.
    """
    for key, number in _numbers(value, place):
        names = [name for name in key.split(".") if name in RANGES]
        check_range(key, number, *(RANGES[names[-1]] if names else ANY))


def _numbers(value: object, place: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield place, value
        return
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    elif type(value).__module__.startswith("datamodules."):
        parts = getattr(value, "__dict__", {}).items()
    for name, part in parts:
        if not str(name).startswith("_"):
            yield from _numbers(part, f"{place}.{name}" if place else str(name))


def check_directory(directory: str, key: str = "directory", what: str = "shards") -> None:
    """Refuse a place for shards or the like that is none.

    Args:
        directory: the folder.
        key: that states it, for the message.
        what: shall be in it.

    Raises:
        DataError: it is a file, the root of the file system, or one of its folders that hold no files of a user's.
    """
    if not directory.strip() or not directory.isprintable():
        raise DataError(f"{key}: {shown(directory)} is no name of a folder")
    if directory.count("/") > DEEPEST:
        raise DataError(f"{key}: {shown(directory)} is more than {DEEPEST} folders deep")
    path = os.path.realpath(directory)
    if path == "/" or (path.startswith(_NO_FOLDERS) and not Path(path).is_relative_to(_SHARED_MEMORY)):
        raise DataError(f"{key}: {shown(directory)}: is no place for {what}; name a folder of your own")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise DataError(f"{key}: {shown(directory)}: is a file; name a folder, which is made if it is not there")
