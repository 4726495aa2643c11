"""`SplitIndex`: the records of one split of one or more data sets, and how their members are read."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.errors import DataError
from datamodules.shards.access import describe, shards_of
from datamodules.shards.columns import ColumnFile
from datamodules.shards.format import decode_audio
from datamodules.shards.joined import JoinedColumns
from datamodules.shards.members import LACKING, StoredMember
from datamodules.shards.opening import columns_at, common_grid, refuse_other_grid
from datamodules.storage.base import Part, Storage, StoredFile
from datamodules.storage.local import LocalFolder
from datamodules.storage.places import open_storage

__all__ = ["SplitIndex", "describe", "shards_of"]


class SplitIndex:
    """The records of one split of one or more data sets, read-only.

    The columns lie in a file beside the shards (`columns.py`), which is mapped: processes share its memory, and what is
    not looked at takes none. A copy that is sent to another process opens the file there. Columns of several
    directories are put together in memory. Numbers are of 32 or 64 bits.

    Attributes:
        directory: where the shards are, for messages.
        split: its name.
        identity: hash of the hashes of all shards of the split; other data have another value.
        grid: rate, hop, segment and context.
        tracks: id of every track, sorted; of several directories with the directory's name and a slash before it. Read
            where it is asked for, as are `keys`.
        track_frames: `(tracks,)` label frames of each.
        keys: name of every record in its tar.
        track: `(records,)` index of each record's track in `tracks`.
        start: `(records,)` first owned label frame.
        frames: `(records,)` owned label frames.
        samples: `(records,)` stored samples of audio, including context; 0 without audio.
        shard: `(records,)` index of each record's tar among those of all directories.
        label: `(records,)` index of each record's class in `labels`, -1 without class.
        labels: the classes that occur, sorted.
        symbols: `(records,)` symbols of the transcript, -1 without transcript.
        voiced: `(records,)` owned label frames that are voiced.
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
        storages = [open_storage(directory) for directory in directories]
        self.directory, self.split = ", ".join(storage.label for storage in storages), split
        descriptions = list(map(describe, storages))
        self.grid = common_grid(storages, descriptions)
        self.spectrograms: dict[str, dict[str, Any] | None] = {
            storage.label: description.get("recipe", {}).get("spectrogram")
            for storage, description in zip(storages, descriptions, strict=True)
        }
        parts = [columns_at(*each, split) for each in zip(storages, descriptions, strict=True)]
        if not sum(map(len, parts)):
            raise DataError(f"{self.directory}: split {split!r} holds no records")
        self.identity = hashlib.sha256("".join(digest for part in parts for digest in part.sha256).encode()).hexdigest()
        for storage, part in zip(storages, parts, strict=True):
            refuse_other_grid(storage, part, self.grid)
            storage.admit(part.files, split)
        self._take(storages, parts)

    def _take(self, storages: Sequence[Storage], parts: Sequence[ColumnFile]) -> None:
        self._storages, self._parts = storages, parts
        self._ends = np.cumsum([len(part) for part in parts]).tolist()
        self._shard_ends = np.cumsum([len(part.shards) for part in parts]).tolist()
        joined = JoinedColumns(parts, [f"{storage.name}/" if len(storages) > 1 else "" for storage in storages])
        self.tracks, self.keys, self.labels = joined.tracks, joined.keys, joined.labels
        self.track, self.track_frames = joined.track, joined.track_frames
        self._order, self._first = joined.order, joined.first
        self.start, self.frames, self.samples = map(joined.column, ("start", "frames", "samples"))
        self.symbols, self.voiced = map(joined.column, ("symbols", "voiced"))
        self.shard, self.label = joined.shard, joined.label
        self.has_audio = not any(part.silent for part in parts)
        self.has_f0 = self.holds("f0")
        shapes = (shape for part in parts if "f0" in part.members for shape in part.members["f0"].shapes)
        self.pitches = max((length for shape in shapes for length in shape), default=0)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @override
    def __getstate__(self) -> dict[str, Any]:
        kept = {name: self.__dict__[name] for name in ("directory", "split", "identity", "grid", "spectrograms")}
        return {**kept, "storages": self._storages, "files": [(part.path, part.digest) for part in self._parts]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        storages, files = state.pop("storages"), state.pop("files")
        self.__dict__.update(state)
        parts = [ColumnFile(path, check=False) for path, _ in files]
        for part, (path, digest) in zip(parts, files, strict=True):
            if part.digest != digest:
                raise DataError(f"{path}: has been replaced while it was in use; start again")
        self._take(storages, parts)

    def refuse_changed(self) -> None:
        """Refuse to go on if somebody has written to a column file since it was opened; asked before records are read.

        Raises:
            DataError: names the file.
        """
        for part in self._parts:
            part.refuse_changed()

    def records_of(self, track: int) -> NDArray[np.int64]:
        """The records of a track in time order."""
        records: NDArray[np.int64] = self._order[self._first[track] : self._first[track + 1]].astype(np.int64)
        return records

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced.

        Raises:
            DataError: the column file is damaged.
        """
        voiced, (bits, _) = np.zeros(int(self.frames[record]), np.bool_), self.voiced_bits(record, record + 1)
        voiced[: bits.size] = bits[: voiced.size]
        return voiced

    def voiced_bits(self, first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Which owned label frames of the records `first ... last - 1` are voiced; records without f0 have none.

        Returns:
            1 for each voiced frame, 0 for the others and for up to seven places behind the frames of each record; and
            where each record begins, and the last one ends.

        Raises:
            DataError: the column file is damaged.
        """
        bits, begins = [], [np.zeros(1, np.int64)]
        for part, low, high in self._within(first, last):
            bitmaps, ends = self._parts[part].bitmaps(low, high)
            bits.append(np.unpackbits(bitmaps))
            begins.append(8 * ends[1:] + begins[-1][-1])
            if np.count_nonzero(bits[-1]) != self._parts[part].array("voiced")[low:high].sum():
                raise DataError(f"{self._parts[part].path}: damaged (bitmaps); delete it, and it is made again")
        return np.concatenate(bits), np.concatenate(begins)

    def _within(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """The parts that hold the records `first ... last - 1`, and which of theirs those are."""
        for part, end in enumerate(self._ends):
            begin = end - len(self._parts[part])
            if first < end and last > begin:
                yield part, max(first, begin) - begin, min(last, end) - begin

    def holds(self, member: str) -> bool:
        """Whether every record has the member of this name."""
        return all(member in part.members and not part.members[member].lacking for part in self._parts if len(part))

    def width(self, member: str) -> tuple[int, ...]:
        """Shape of one row of a member such as `feat` or `cqt`, which is the same in all records.

        Raises:
            DataError: no record has the member, or shapes differ.
        """
        shapes = {shape for part in self._parts if member in part.members for shape in part.members[member].shapes}
        if len(shapes) != 1:
            raise DataError(f"{self.directory}: its records have no {member!r} member of one shape")
        return shapes.pop()

    def widths(self, member: str) -> Iterator[tuple[str, tuple[int, ...] | None]]:
        """The shapes of one row of a member in each directory; None if a record there lacks the member."""
        labels = [storage.label for storage in self._storages]
        for directory in dict.fromkeys(labels):
            parts = [part for label, part in zip(labels, self._parts, strict=True) if label == directory]
            known = [part.members.get(member) for part in parts]
            if any(summary is None or summary.lacking for summary in known):
                yield directory, None
            for shape in sorted({shape for summary in known if summary for shape in summary.shapes}):
                yield directory, shape

    def read_audio(self, record: int) -> NDArray[np.int16]:
        """Samples of a record, including context; the first owned frame is centred on sample `context`.

        Raises:
            DataError: there is none, or the bytes differ from those that were written; names shard and record. So in
                all `read_` methods.
        """
        member = "i16" if self._entry(record, "i16") else "flac"
        data, _ = self._read(record, member)
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
        return self._read(record, "txt")[0].decode()

    def _array(self, record: int, member: str, dtype: str) -> NDArray[Any]:
        data, shape = self._read(record, member)
        try:
            return np.frombuffer(data, dtype).reshape(shape)
        except ValueError as error:
            self._refuse_damaged(record)
            raise DataError(
                f"{self._name(record, member)}: not of the shape {shape}; {self._shard(record)[0].remedy}"
            ) from error

    def _name(self, record: int, member: str) -> str:
        storage, file = self._shard(record)
        return f"{storage.where(file.name)}: {self.keys[record]}.{member}"

    def _shard(self, record: int) -> tuple[Storage, StoredFile]:
        number = int(self.shard[record])
        place = bisect_right(self._shard_ends, number)
        part = self._parts[place]
        return self._storages[place], part.file(number - self._shard_ends[place] + len(part.shards))

    def _entry(self, record: int, member: str) -> StoredMember | None:
        place = bisect_right(self._ends, record)
        part = self._parts[place]
        if member not in part.members:
            return None
        return StoredMember.of(part.row(record - self._ends[place] + len(part))[member])

    def _read(self, record: int, member: str) -> tuple[bytes, tuple[int, ...]]:
        """The bytes of a member, and the shape of its array."""
        entry = self._entry(record, member)
        if entry is None:
            self.refuse_changed()  # what a file says that is being written to is no reason
            raise DataError(f"{self._name(record, member)}: {LACKING[member]}")
        storage, file = self._shard(record)
        if entry.offset < 0 or entry.offset + entry.size > file.size:
            self._refuse_damaged(record)
            raise DataError(f"{self._name(record, member)}: it ends behind the shard; {storage.remedy}")
        data = storage.part(Part(file, entry.offset, entry.size, entry.sha256))
        if data is None:
            self._refuse_damaged(record)
            raise DataError(
                f"{self._name(record, member)}: its bytes are not those that were written; {storage.remedy}"
            )
        return data, entry.shape

    def _refuse_damaged(self, record: int) -> None:
        """Blame the column file that says where a record lies, if that is damaged."""
        blamed = self._parts[bisect_right(self._ends, record)].blamed()
        if blamed is not None:
            raise blamed

    def prefetch(self, records: Iterable[int], members: Sequence[str]) -> None:
        """Begin to fetch what is read soon, where that takes time; returns at once.

        Args:
            records: in the order of their reading.
            members: those that are read; records may lack some.
        """
        if all(isinstance(storage, LocalFolder) for storage in self._storages):
            return
        asked: dict[Storage, list[Part]] = {}
        for record in records:
            storage, file = self._shard(record)
            for entry in (self._entry(record, member) for member in members):
                if entry is not None:
                    part = Part(file, entry.offset, entry.size, entry.sha256)
                    asked.setdefault(storage, []).append(part)
        for storage, parts in asked.items():
            storage.prefetch(parts)
