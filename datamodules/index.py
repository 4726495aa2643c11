"""The index of one split of a data set: where every record's members are, and which track they belong to."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.shards import Grid, decode_flac, read_sidecar

OPEN_FILES = 64
MEMBERS = ("flac", "f0")


class MemberTable:
    """Where one kind of member lies, for every record; size -1 where a record lacks it.

    Arrays, not dictionaries: workers share them by fork, and reading a Python object would copy its page.
    """

    def __init__(self, entries: list[dict[str, Any] | None]) -> None:
        self.offset = np.array([entry["offset"] if entry else 0 for entry in entries], np.int64)
        self.size = np.array([entry["size"] if entry else -1 for entry in entries], np.int64)
        digests = b"".join(bytes.fromhex(entry["sha256"]) if entry else bytes(32) for entry in entries)
        self.sha256 = np.frombuffer(digests, np.uint8).reshape(-1, 32)


def describe(directory: Path) -> dict[str, Any]:
    """The `dataset.json` of a prepared directory.

    Raises:
        DataError: there is none, or it is unreadable.
    """
    path = directory / "dataset.json"
    try:
        description: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{directory}: no dataset.json, so no finished shards; run `melisma prepare` for it") from error
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON ({error}); run `melisma prepare` again") from error
    return description


def _common_grid(folders: Sequence[Path], descriptions: Sequence[dict[str, Any]]) -> Grid:
    grids = [Grid(*(description[name] for name in Grid._fields)) for description in descriptions]
    for folder, grid in zip(folders, grids, strict=True):
        if grid != grids[0]:
            raise DataError(f"{folder}: its grid is {grid}, that of {folders[0]} is {grids[0]}; prepare both alike")
    return grids[0]


def _shards(folder: Path, description: dict[str, Any], split: str) -> list[Path]:
    if split not in description["splits"]:
        known = ", ".join(description["splits"])
        raise DataError(f"{folder}: no split {split!r}; it has {known}")
    return [folder / name for name in description["splits"][split]["shards"]]


class SplitIndex:
    """Records of one split of one or more data sets, read-only; workers read members through their copy of it.

    Attributes:
        identity: hash of all the split's shard hashes: a different value means different data.
        grid: rate, hop, segment and context.
        tracks: id of every track, sorted; with several directories each is led by its directory's name and a slash.
        track_frames: `(tracks,)` label frames of each.
        track: `(records,)` place of each record's track in `tracks`.
        start: `(records,)` first owned label frame.
        frames: `(records,)` owned label frames.
        has_f0: whether all records carry annotations.

    Args:
        directories: each holds dataset.json and shards; all of the same grid.
        split: name of the split.

    Raises:
        DataError: a directory, split or shard is missing, empty or not what its index says, or the grids differ; the
            message names it.
    """

    def __init__(self, directories: Sequence[str | Path], split: str) -> None:
        folders = [Path(directory) for directory in directories]
        self.directory, self.split = ", ".join(map(str, folders)), split
        descriptions = [describe(folder) for folder in folders]
        self.grid = _common_grid(folders, descriptions)
        self.paths: list[Path] = []
        records: list[dict[str, Any]] = []
        digests: list[str] = []
        for folder, description in zip(folders, descriptions, strict=True):
            lead = f"{folder.name}/" if len(folders) > 1 else ""
            for path in _shards(folder, description, split):
                shard = read_sidecar(path)
                digests.append(shard["sha256"])
                records += [
                    {**record, "track": lead + record["track"], "shard": len(self.paths)} for record in shard["records"]
                ]
                self.paths.append(path)
        if not records:
            raise DataError(f"{self.directory}: split {split!r} holds no records")
        self.identity = hashlib.sha256("".join(digests).encode()).hexdigest()
        self._fill(records)

    def _fill(self, records: list[dict[str, Any]]) -> None:
        self.keys = [record["key"] for record in records]
        self.tracks = tuple(sorted({record["track"] for record in records}))
        place = {name: number for number, name in enumerate(self.tracks)}
        self.shard = np.array([record["shard"] for record in records], np.int32)
        self.track = np.array([place[record["track"]] for record in records], np.int32)
        self.start = np.array([record["start"] for record in records], np.int64)
        self.frames = np.array([record["frames"] for record in records], np.int64)
        self.track_frames = np.zeros(len(self.tracks), np.int64)
        np.maximum.at(self.track_frames, self.track, self.start + self.frames)
        self.has_f0 = all("f0" in record["members"] for record in records)
        self.voiced = [b64decode(record.get("voiced", "")) for record in records]
        self._members = {name: MemberTable([record["members"].get(name) for record in records]) for name in MEMBERS}
        self._files: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self.keys)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": OrderedDict()}

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced."""
        bits = np.unpackbits(np.frombuffer(self.voiced[record], np.uint8), count=int(self.frames[record]))
        return bits.astype(np.bool_)

    def read_audio(self, record: int) -> NDArray[np.int16]:
        """Samples of a record, context included; the first owned frame is centred on sample `context`.

        Raises:
            DataError: the bytes are not those that were written; names shard and record.
        """
        data = self._read(record, "flac")
        try:
            return decode_flac(data)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{self._name(record, 'flac')}: not decodable ({error})") from error

    def read_f0(self, record: int) -> NDArray[np.float32]:
        """f0 of the owned frames and of those behind them within the context, Hz, 0 where unvoiced.

        Raises:
            DataError: there is no annotation, or the bytes are not those that were written.
        """
        if self._members["f0"].size[record] < 0:
            raise DataError(f"{self._name(record, 'f0')}: the recording was prepared without annotation")
        return np.frombuffer(self._read(record, "f0"), "<f4")

    def _name(self, record: int, member: str) -> str:
        return f"{self.paths[self.shard[record]]}: {self.keys[record]}.{member}"

    def _read(self, record: int, member: str) -> bytes:
        table = self._members[member]
        data = os.pread(self._open(int(self.shard[record])), int(table.size[record]), int(table.offset[record]))
        # A tar has no checksum of its data; hashing costs a few per cent of decoding and catches every flipped bit.
        if hashlib.sha256(data).digest() != table.sha256[record].tobytes():
            raise DataError(
                f"{self._name(record, member)}: its bytes are not those that were written; "
                "delete the shard and run `melisma prepare` again"
            )
        return data

    def _open(self, shard: int) -> int:
        if shard in self._files:
            self._files.move_to_end(shard)
        else:
            if len(self._files) >= OPEN_FILES:
                os.close(self._files.popitem(last=False)[1])
            self._files[shard] = os.open(self.paths[shard], os.O_RDONLY)
        return self._files[shard]
