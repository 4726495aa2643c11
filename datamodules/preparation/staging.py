"""`Staging`: the folder `.staging` of an unfinished preparation, and which files of the directory it may replace."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from datamodules.errors import DataError
from datamodules.files import process_runs, read_regular, write_atomically
from datamodules.shards.checked import parse
from datamodules.shards.schema import read_description

DESCRIPTION = "dataset.json"
_SHARD = r"-[0-9]{6,}-of-[0-9]{6,}\.tar"
# What a journal may name, so that no damage makes it claim a file that a preparation would not write.
_CLAIMED = TypeAdapter(list[Annotated[str, Field(pattern=r"^[^/\\:\x00-\x1f]+-[0-9]{6,}-of-[0-9]{6,}\.(tar|json)$")]])


class Staging:
    """`DIRECTORY/.staging`: arrays, notes, temporary files, and a journal of the shards that are being written.

    Nothing of another origin is replaced or removed. A folder `.staging` is a preparation's own if it is empty or has
    the file `melisma-prepare`, which is written first. A file of the directory is its own if the journal or
    dataset.json names it. Processes that share the work share the folder, and each adds to the journal before it writes
    a shard.

    Args:
        directory: of the shards.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.folder = directory, directory / ".staging"
        self._mark, self._journal = self.folder / "melisma-prepare", self.folder / "journal"

    def refuse_foreign(self, splits: Iterable[str]) -> None:
        """Refuse files of another origin with the names of shards of these splits, their indexes or this folder.

        Raises:
            DataError: names the first such file.
        """
        # Listed before the journal is read, so that the journal has every file that another process writes meanwhile.
        listed = sorted(os.listdir(self.directory)) if self.directory.is_dir() else []
        own = self._own()
        shards = re.compile(f"({'|'.join(map(re.escape, splits))}){_SHARD}")
        for name in listed:
            tar = name if name.endswith(".tar") else f"{name.removesuffix('.json')}.tar"
            if shards.fullmatch(tar) and name not in own:
                raise _foreign(self.directory / name)
        # One listing: another process that begins makes the mark first, and one that has finished removes it last.
        try:
            inside = os.listdir(self.folder)
        except FileNotFoundError:
            inside = []
        except NotADirectoryError as error:
            if os.path.lexists(self.folder):
                raise _foreign(self.folder) from error
            inside = []  # a part of the path above it is a file, which making it will say
        if self.folder.is_symlink() or (inside and self._mark.name not in inside):
            raise _foreign(self.folder)
        if inside:
            self._refuse_links()

    def _refuse_links(self) -> None:
        """Refuse links in this folder: nobody makes them here, and what is written would go somewhere else."""
        arrays = self.folder / "arrays"
        for folder in (self.folder, *((arrays,) if arrays.is_dir() and not arrays.is_symlink() else ())):
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if entry.is_symlink():
                    raise DataError(f"{entry.path}: a link, by which files would be written elsewhere; remove it")

    def begin(self) -> None:
        """Make the directory and this folder with its mark."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mark.touch()

    def claim(self, shards: Iterable[str]) -> None:
        """Enter shards into the journal, and those that dataset.json names, because it will be replaced."""
        names = json.dumps(sorted(self._own() | _with_indexes(shards))).encode()
        self._journal.mkdir(exist_ok=True)
        # Named by its content: processes with the same plan write the same file, others write another one.
        with write_atomically(self._journal / f"{hashlib.sha256(names).hexdigest()}.json", self.folder) as file:
            file.write(names)

    def remove_others(self, shards: Iterable[str]) -> None:
        """Delete own files except these: shards of interrupted runs over a corpus that has changed since."""
        unwanted = self._own() - _with_indexes(shards)
        for entry in sorted(os.scandir(self.directory), key=lambda entry: entry.name):
            if entry.name in unwanted and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the folder; its mark goes last, so that after a crash the rest is still known to be own."""
        for path in self.folder.glob("*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path != self._mark:
                path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear_leftover(self) -> None:
        """Remove the folder of a preparation that was killed when it had finished everything but this."""
        noting = [path.name.rsplit(".", 2)[-2:-1] for path in self.folder.glob("notes/*")]
        alive = any(process_runs(int(pid)) for (pid,) in filter(None, noting) if pid.isdecimal())
        if self._mark.exists() and not alive:
            with contextlib.suppress(OSError):  # what others prepared cannot be changed by everyone
                self.clear()

    def _own(self) -> set[str]:
        names = {name for path in self._journal.glob("*.json") for name in _claimed(path)}
        description = self.directory / DESCRIPTION
        if description.exists():
            for split in read_description(read_regular(description), str(description))["splits"].values():
                names |= _with_indexes(name for name in split["shards"] if re.fullmatch(f".+{_SHARD}", name))
        return names


def _claimed(path: Path) -> list[str]:
    """The names in a page of the journal."""
    remedy = f"a preparation that was interrupted has left it; move {path.parents[2]} away and prepare again"
    return parse(_CLAIMED, read_regular(path), str(path), remedy)


def _with_indexes(shards: Iterable[str]) -> set[str]:
    return {name for shard in shards for name in (shard, f"{shard.removesuffix('.tar')}.json")}


def _foreign(path: Path) -> DataError:
    return DataError(
        f"{path}: stands in the way, and nothing in its folder says that `melisma prepare` wrote it; move it away, or "
        "give the recipe another directory"
    )
