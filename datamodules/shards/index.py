"""`SplitIndex`: the records of one split of one or more data sets, and how their members are read."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.shards.format import Grid, decode_audio, sidecar_in
from datamodules.shards.members import LACKING, MEMBERS, MemberTable
from datamodules.storage.base import Part, Storage, StoredFile
from datamodules.storage.local import LocalFolder
from datamodules.storage.places import open_storage


def describe(place: str | Path | Storage) -> dict[str, Any]:
    """The `dataset.json` of a prepared directory.

    Args:
        place: the directory; a string may be a URL or a command.

    Raises:
        DataError: there is none, or it is unreadable.
    """
    storage = open_storage(place)
    try:
        description: dict[str, Any] = json.loads(storage.read("dataset.json"))
    except FileNotFoundError as error:
        raise DataError(
            f"{storage.label}: no dataset.json, so no finished shards; run `melisma prepare` for it"
        ) from error
    except ValueError as error:
        raise DataError(
            f"{storage.where('dataset.json')}: not readable as JSON ({error}); run `melisma prepare` again"
        ) from error
    return description


def _common_grid(storages: Sequence[Storage], descriptions: Sequence[dict[str, Any]]) -> Grid:
    grids = [Grid(*(description[name] for name in Grid._fields)) for description in descriptions]
    for storage, grid in zip(storages, grids, strict=True):
        if grid != grids[0]:
            raise DataError(
                f"{storage.label}: its grid is {grid}, that of {storages[0].label} is {grids[0]}; prepare both alike"
            )
    return grids[0]


def shards_of(storage: Storage, description: dict[str, Any], split: str) -> list[tuple[str, str | None]]:
    """Name of every shard of a split, and SHA-256 of its index, None if dataset.json does not have it.

    Args:
        storage: of a prepared directory.
        description: its dataset.json.
        split: name of the split.

    Raises:
        DataError: there is no such split, or a name leads out of the directory.
    """
    if split not in description["splits"]:
        known = ", ".join(description["splits"])
        raise DataError(f"{storage.label}: no split {split!r}; it has {known}")
    names = description["splits"][split]["shards"]
    digests = description["splits"][split].get("indexes", [None] * len(names))
    for name in names:
        if not re.fullmatch(r"[^./\\:][^/\\:]*\.tar", name):
            raise DataError(f"{storage.where('dataset.json')}: {name!r} is not the name of a shard; prepare it again")
    return list(zip(names, digests, strict=True))


class _Columns(NamedTuple):
    """The records of one shard as arrays, because parsed JSON takes many times the memory."""

    keys: NDArray[np.str_]
    track: NDArray[np.str_]
    label: NDArray[np.str_]
    start: NDArray[np.int64]
    frames: NDArray[np.int64]
    symbols: NDArray[np.int64]
    voiced_bytes: NDArray[np.int64]
    voiced: NDArray[np.uint8]
    members: dict[str, NDArray[np.void]]

    @classmethod
    def of(cls, records: Sequence[Mapping[str, Any]], lead: str) -> _Columns:
        voiced = [b64decode(record.get("voiced", "")) for record in records]
        return cls(
            np.array([record["key"] for record in records], np.str_),
            np.array([lead + record["track"] for record in records], np.str_),
            np.array([record.get("label", "") for record in records], np.str_),
            np.array([record["start"] for record in records], np.int64),
            np.array([record["frames"] for record in records], np.int64),
            np.array([record.get("symbols", -1) for record in records], np.int64),
            np.array([len(bitmap) for bitmap in voiced], np.int64),
            np.frombuffer(b"".join(voiced), np.uint8),
            {
                name: MemberTable.rows_of(records, name)
                for name in MEMBERS
                if any(name in record["members"] for record in records)
            },
        )


class SplitIndex:
    """The records of one split of one or more data sets, read-only; every worker reads members with its own copy.

    Attributes:
        identity: hash of the hashes of all shards of the split; other data have another value.
        grid: rate, hop, segment and context.
        tracks: id of every track, sorted; of several directories with the directory's name and a slash before it.
        track_frames: `(tracks,)` label frames of each.
        track: `(records,)` index of each record's track in `tracks`.
        start: `(records,)` first owned label frame.
        frames: `(records,)` owned label frames.
        samples: `(records,)` stored samples of audio, including context; 0 without audio.
        label: `(records,)` index of each record's class in `labels`, -1 without class.
        labels: the classes that occur, sorted.
        symbols: `(records,)` symbols of the transcript, -1 without transcript.
        has_audio: whether all records have audio.
        has_f0: whether all records have f0.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.
        spectrograms: class and parameters of the spectrogram that each directory stores; None if it stores none, or was
            prepared by a version that did not note it.

    Args:
        directories: each holds dataset.json and shards; all of the same grid. A string may be a URL or a command.
        split: name of the split.

    Raises:
        DataError: a directory, split or shard is missing, empty or differs from its index, or the grids differ; the
            message names it.
    """

    def __init__(self, directories: Sequence[str | Path | Storage], split: str) -> None:
        self._storages = [open_storage(directory) for directory in directories]
        self.directory, self.split = ", ".join(storage.label for storage in self._storages), split
        descriptions = [describe(storage) for storage in self._storages]
        self.grid = _common_grid(self._storages, descriptions)
        self.spectrograms: dict[str, dict[str, Any] | None] = {
            storage.label: description.get("recipe", {}).get("spectrogram")
            for storage, description in zip(self._storages, descriptions, strict=True)
        }
        self._files: list[tuple[Storage, StoredFile]] = []
        shards: list[_Columns] = []
        digests: list[str] = []
        for storage, description in zip(self._storages, descriptions, strict=True):
            lead = f"{storage.name}/" if len(self._storages) > 1 else ""
            files: list[StoredFile] = []
            for name, digest in shards_of(storage, description, split):
                shard = sidecar_in(storage, name, digest)
                digests.append(shard["sha256"])
                shards.append(_Columns.of(shard["records"], lead))
                files.append(StoredFile(name, shard["bytes"], shard["sha256"]))
            storage.admit(files, split)
            self._files += [(storage, file) for file in files]
        if not sum(len(shard.keys) for shard in shards):
            raise DataError(f"{self.directory}: split {split!r} holds no records")
        self.identity = hashlib.sha256("".join(digests).encode()).hexdigest()
        self._fill(shards)

    def _fill(self, shards: Sequence[_Columns]) -> None:
        def joined(column: str) -> NDArray[Any]:
            return np.concatenate([getattr(shard, column) for shard in shards])

        self.keys, self.start, self.frames, self.symbols = map(joined, ("keys", "start", "frames", "symbols"))
        self.shard = np.repeat(np.arange(len(shards), dtype=np.int32), [len(shard.keys) for shard in shards])
        names, track = np.unique(joined("track"), return_inverse=True)
        self.tracks, self.track = tuple(names.tolist()), track.astype(np.int32)
        self.track_frames = np.zeros(len(self.tracks), np.int64)
        np.maximum.at(self.track_frames, self.track, self.start + self.frames)
        labels = joined("label")
        names = np.unique(labels[labels != ""])
        self.labels = tuple(names.tolist())
        self.label = np.where(labels != "", np.searchsorted(names, labels), -1).astype(np.int32)
        self._voiced, self._voiced_at = joined("voiced"), np.concatenate([[0], np.cumsum(joined("voiced_bytes"))])
        self._members = {
            name: MemberTable([shard.members.get(name, MemberTable.lacking(len(shard.keys))) for shard in shards])
            for name in MEMBERS
            if any(name in shard.members for shard in shards)
        }
        self.samples = sum(
            (self._members[name].rows for name in ("flac", "i16") if name in self._members),
            np.zeros(len(self.keys), int),
        )
        self.has_audio = bool((self.samples > 0).all())
        self.has_f0 = self.holds("f0")
        self.pitches = int(self._members["f0"].tails.max(initial=0)) if "f0" in self._members else 0

    def __len__(self) -> int:
        return len(self.keys)

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced."""
        packed = self._voiced[self._voiced_at[record] : self._voiced_at[record + 1]]
        return np.unpackbits(packed, count=int(self.frames[record])).astype(np.bool_)

    def holds(self, member: str) -> bool:
        """Whether every record has the member of this name."""
        return member in self._members and bool((self._members[member].size >= 0).all())

    def width(self, member: str) -> tuple[int, ...]:
        """Shape of one row of a member such as `feat` or `cqt`, which is the same in all records.

        Raises:
            DataError: no record has the member, or shapes differ.
        """
        table = self._members.get(member)
        if table is None or len(np.unique(table.tails[table.size >= 0], axis=0)) != 1:
            raise DataError(f"{self.directory}: its records have no {member!r} member of one shape")
        return table.shape(int(np.argmax(table.size >= 0)))[1:]

    def widths(self, member: str) -> Iterator[tuple[str, tuple[int, ...] | None]]:
        """The shapes of one row of a member in each directory; None if a record there lacks the member."""
        directories = list(dict.fromkeys(storage.label for storage, _ in self._files))
        table = self._members.get(member)
        if table is None:
            yield from ((directory, None) for directory in directories)
            return
        directory_of = np.array([directories.index(storage.label) for storage, _ in self._files])[self.shard]
        for number, there, *tail in np.unique(np.c_[directory_of, table.size >= 0, table.tails], axis=0).tolist():
            yield directories[number], tuple(tail) if there else None

    def read_audio(self, record: int) -> NDArray[np.int16]:
        """Samples of a record, including context; the first owned frame is centred on sample `context`.

        Raises:
            DataError: there is none, or the bytes differ from those that were written; names shard and record. So in
                all `read_` methods.
        """
        member = "i16" if "i16" in self._members and self._members["i16"].size[record] >= 0 else "flac"
        data = self._read(record, member)
        try:
            return decode_audio(data, member)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{self._name(record, member)}: not decodable ({error})") from error

    def read_f0(self, record: int) -> NDArray[np.float32]:
        """f0 of the owned frames and those within the context behind them, Hz, 0 where unvoiced.

        Returns:
            `(frames,)` or, of several voices, `(frames, pitches)` with the pitches of this record.
        """
        return self._array(record, "f0", "<f4")

    def read_features(self, record: int) -> NDArray[np.float32]:
        """Features of the owned frames and of the context on both sides, `(frames, dimensions)`."""
        return self._array(record, "feat", "<f4")

    def read_spectrum(self, record: int) -> NDArray[np.uint16]:
        """Spectrogram of the owned frames and of the context on both sides.

        Returns:
            `(frames, channels, bins)`, full scale at 65535.
        """
        return self._array(record, "cqt", "<u2")

    def read_transcript(self, record: int) -> str:
        """The transcript, symbols separated by blanks."""
        return self._read(record, "txt").decode()

    def _array(self, record: int, member: str, dtype: str) -> NDArray[Any]:
        data = self._read(record, member)
        return np.frombuffer(data, dtype).reshape(self._members[member].shape(record))

    def _name(self, record: int, member: str) -> str:
        storage, file = self._files[self.shard[record]]
        return f"{storage.where(file.name)}: {self.keys[record]}.{member}"

    def _read(self, record: int, member: str) -> bytes:
        table = self._members.get(member)
        if table is None or table.size[record] < 0:
            raise DataError(f"{self._name(record, member)}: {LACKING[member]}")
        storage, part = self._part(table, record)
        data = storage.part(part)
        if data is None:
            raise DataError(
                f"{self._name(record, member)}: its bytes are not those that were written; {storage.remedy}"
            )
        return data

    def _part(self, table: MemberTable, record: int) -> tuple[Storage, Part]:
        storage, file = self._files[self.shard[record]]
        return storage, Part(file, int(table.offset[record]), int(table.size[record]), table.sha256[record].tobytes())

    def prefetch(self, records: Iterable[int], members: Sequence[str]) -> None:
        """Begin to fetch what is read soon, where that takes time; returns at once.

        Args:
            records: in the order of their reading.
            members: those that are read; records may lack some.
        """
        if all(isinstance(storage, LocalFolder) for storage in self._storages):
            return
        tables = [self._members[member] for member in members if member in self._members]
        asked: dict[Storage, list[Part]] = {}
        for record in records:
            for storage, part in (self._part(table, record) for table in tables if table.size[record] >= 0):
                asked.setdefault(storage, []).append(part)
        for storage, parts in asked.items():
            storage.prefetch(parts)
