"""The column file of a split, `SPLIT.index` beside its shards: what all sidecars say, as arrays that are mapped.

It begins with `MAGIC`, then come arrays, little-endian, each at a multiple of 64 bytes:

- columns of numbers, one value for each record, in the order of the shards: `track` (place of its id in the sorted
  ones), `start`, `frames`, `samples`, `shard`, `label`, `symbols`, and `voiced`, its number of voiced frames; `label`
  or `symbols` is missing if no record has any;
- `track_frames`, one value for each track; `order`, the records by track and time, and `first`, where a track begins
  there;
- `rows`: offset, size, shape and SHA-256 of a record's members, packed;
- `bitmaps` of the voiced frames behind each other, and `bitmap_ends`;
- `tracks` and `keys`, UTF-8 behind each other, and `tracks_ends` and `keys_ends`.

The header, JSON, follows: version, names of the shards with size, SHA-256 of tar and sidecar, and number of records;
classes; for each member how many records lack it and which shapes occur; for each array its type, shape, offset and
SHA-256. The file ends with the header's size and SHA-256 and `MAGIC` once more.

Columns of numbers are compared with their hashes when the file is opened. Of the rest, what a record needs is read when
it is needed: members are checked by their own hashes, bitmaps by the number of voiced frames.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import stat
import struct
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.shards.members import row_dtype
from datamodules.shards.names import Text
from datamodules.storage.base import StoredFile

if TYPE_CHECKING:
    from datamodules.shards.columns_header import Values

MAGIC = b"melisma columns\n"
VERSION = 1
ALIGNED = 64
# Read where a record needs them; all other arrays are compared with their hashes when the file is opened.
UNCHECKED = ("rows", "bitmaps", "keys", "keys_ends")

TAIL = struct.Struct("<Q32s16s")
_CHUNK = 1 << 20
_REMEDY = "delete it, and it is made again"


def columns_path(folder: Path, split: str) -> Path:
    """The column file of a split."""
    return folder / f"{split}.index"


def is_foreign(path: Path) -> bool:
    """Whether something stands there that is no column file of ours, not even a damaged one."""
    if not os.path.lexists(path):
        return False
    try:
        if path.is_symlink() or not path.is_file():
            return True
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
        return not MAGIC.startswith(begin)
    except OSError:
        return True


class ColumnFile:
    """The columns of a split, mapped into memory.

    Attributes:
        path: of the file.
        digest: SHA-256 of the header, which differs for other contents.
        shards: names of the tars.
        bytes: size of each.
        sha256: of each, hexadecimal.
        indexes: SHA-256 of the sidecar of each.
        labels: the classes that occur, sorted.
        silent: records without audio.
        members: what is known of each kind of member that occurs.

    Args:
        path: of the file.
        check: compare the columns of numbers with their hashes.

    Raises:
        DataError: it is not such a file, of another version, cut short or damaged; names it.
    """

    def __init__(self, path: Path, check: bool = True) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for who writes to it
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        weakref.finalize(self, os.close, self._file)
        try:
            self._open(check)
        except OSError as error:
            raise self._damaged(str(error.strerror)) from error

    def _open(self, check: bool) -> None:
        status = os.fstat(self._file)
        self._state = status.st_size, status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{self.path}: neither a file nor a link to one; remove it")
        begin = os.pread(self._file, len(MAGIC), 0)
        if begin != MAGIC:
            raise DataError(f"{self.path}: not a file that `melisma prepare` wrote")
        self.digest, content, end = self._header()
        # Here, because who only asks where a column file is does without pydantic.
        from datamodules.shards.columns_header import ORDERED, Values, limits, problem, read_header, summaries

        header = read_header(content, str(self.path), _REMEDY)
        self.shards, self.bytes, self.sha256 = header["shards"], header["bytes"], header["sha256"]
        self.indexes, self.labels, self.silent = header["indexes"], header["labels"], header["silent"]
        wrong = problem(header, end, ALIGNED)
        if wrong is not None:
            raise self._damaged(wrong)
        self.members, self._arrays = summaries(header), header["arrays"]
        self._row = row_dtype(self.members)
        for name, array in self._arrays.items() if check else ():
            if name not in UNCHECKED:
                values = None if array["dtype"] == "|u1" else Values(*limits(header, name), name in ORDERED)
                if self.is_damaged(name, values):
                    raise self._damaged(f"{name} is not what was written")
                if values is not None and not values.possible:
                    raise self._damaged(f"{name} has values that it cannot have")
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)

    def _header(self) -> tuple[str, bytes, int]:
        """SHA-256 of the header, the header, and how many bytes are before it."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, TAIL.size, max(size - TAIL.size, 0))
        if len(tail) < TAIL.size or not tail.endswith(MAGIC):
            raise self._damaged("cut short")
        length, digest, _ = TAIL.unpack(tail)
        end = size - TAIL.size - length
        content = os.pread(self._file, length, end) if end >= len(MAGIC) else b""
        if hashlib.sha256(content).digest() != digest:
            raise self._damaged("its header is not the one that was written")
        return digest.hex(), content, end

    def _damaged(self, how: str) -> DataError:
        return DataError(f"{self.path}: damaged ({how}); {_REMEDY}")

    def _chunks(self, name: str) -> Iterator[bytes]:
        # Read, not mapped, so that the pages do not count as memory of this process.
        array = self._arrays[name]
        begin = array["offset"]
        end = begin + math.prod(array["shape"]) * np.dtype(array["dtype"]).itemsize
        for at in range(begin, end, _CHUNK):
            yield os.pread(self._file, min(_CHUNK, end - at), at)

    def refuse_changed(self) -> None:
        """Refuse to go on with a file that somebody has written to since it was opened.

        To be called before mapped columns are looked at: where a file was cut off, the system ends a process that does.

        Raises:
            DataError: it is not what it was.
        """
        status = os.fstat(self._file)
        state = status.st_size, status.st_mtime_ns
        if state == self._state:
            return
        if status.st_size != self._state[0] or not self._is_as_it_was():
            raise DataError(f"{self.path}: somebody has written to it while it was in use; start again")
        self._state = state  # touched, or written once more with the same bytes

    def _is_as_it_was(self) -> bool:
        try:
            return self._header()[0] == self.digest and not any(map(self.is_damaged, self._arrays))
        except DataError:
            return False

    def is_damaged(self, name: str, values: Values | None = None) -> bool:
        """Whether an array is not what was written; reads all of it, and shows its numbers to `values`."""
        found = hashlib.sha256()
        for chunk in self._chunks(name):
            found.update(chunk)
            if values is not None:
                values.look_at(np.frombuffer(chunk[: len(chunk) // 8 * 8], self._arrays[name]["dtype"]))
        return found.hexdigest() != self._arrays[name]["sha256"]

    def blamed(self) -> DataError | None:
        """What is wrong with the file, for a record that cannot be read; None if the file is whole."""
        damaged = [name for name in UNCHECKED if self.is_damaged(name)]
        return self._damaged(f"{damaged[0]} is not what was written") if damaged else None

    def __len__(self) -> int:
        return int(self._arrays["start"]["shape"][0])

    @property
    def files(self) -> list[StoredFile]:
        """The shards."""
        return [self.file(shard) for shard in range(len(self.shards))]

    def file(self, shard: int) -> StoredFile:
        """A shard, by its number."""
        return StoredFile(self.shards[shard], self.bytes[shard], self.sha256[shard])

    def belongs_to(self, shards: Sequence[str], indexes: Sequence[str]) -> bool:
        """Whether it was made from these sidecars: names of the tars, and SHA-256 of each sidecar."""
        return bool(list(shards) == self.shards and list(indexes) == self.indexes)

    def has(self, name: str) -> bool:
        """Whether there is an array of this name."""
        return name in self._arrays

    def array(self, name: str) -> NDArray[Any]:
        """An array, mapped: what is not looked at takes no memory."""
        array = self._arrays[name]
        count = math.prod(array["shape"])
        return np.frombuffer(self._map, array["dtype"], count, array["offset"]).reshape(array["shape"])

    def column(self, name: str) -> NDArray[Any]:
        """A column of numbers; -1 everywhere, without taking memory, if no record has the property."""
        return self.array(name) if self.has(name) else np.broadcast_to(np.int32(-1), len(self))

    def text(self, name: str, lead: str = "") -> Text:
        """The strings `tracks` or `keys`."""
        return Text(self.array(name), self.array(f"{name}_ends"), lead)

    def row(self, record: int) -> np.void:
        """Where the members of a record lie: `row[name]` is of the dtype of the member's summary."""
        width = self._row.itemsize
        data = self._read("rows", record * width, width)
        row: np.void = np.frombuffer(data, self._row)[0]
        return row

    def bitmaps(self, first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Bitmaps of the records `first ... last - 1` behind each other; where each begins, and where the last ends."""
        ends = self.array("bitmap_ends")[first : last + 1]
        data = self._read("bitmaps", int(ends[0]), int(ends[-1] - ends[0]))
        return np.frombuffer(data, np.uint8), ends - ends[0]

    def _read(self, name: str, offset: int, size: int) -> bytes:
        # Read, not mapped: a map would keep the neighbourhood of every record that was ever visited.
        data = os.pread(self._file, size, self._arrays[name]["offset"] + offset)
        if len(data) != size:
            raise self._damaged("cut short")
        return data
