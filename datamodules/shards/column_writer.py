"""`ColumnWriter`: the sidecars of a split, shard by shard, made into its column file."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from base64 import b64decode
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError, shown
from datamodules.files import sha256_of, write_atomically
from datamodules.shards.columns import ALIGNED, MAGIC, TAIL, VERSION, is_foreign
from datamodules.shards.members import ENTRY, INT32, MEMBERS, MemberSummary, entries_of, lacking, row_dtype
from datamodules.storage.base import StoredFile

if TYPE_CHECKING:
    from datamodules.shards.schema import RecordEntry, ShardIndex

_NUMBERS = ("track", "start", "frames", "samples", "label", "symbols", "voiced", "bitmap_sizes", "key_sizes")
_OPTIONAL = {"label", "symbols"}
_ROWS = 1 << 14  # records whose rows are put together at a time


class ColumnWriter:
    """Collects the sidecars of a split, shard by shard, and writes its column file.

    What grows with the records is kept in nameless temporary files; memory holds the ids of the tracks. The same
    sidecars give the same bytes.

    Args:
        folder: of the temporary files.

    Attributes:
        frames: label frames so far.
        label_counts: records of each class, in the order of their first ones.
        tracks: number of each track's id, in the order of their first records.
    """

    def __init__(self, folder: Path) -> None:
        self.frames = 0
        self.label_counts: Counter[str] = Counter()
        self.tracks: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._shards: list[tuple[str, int, str, str]] = []
        self._records: list[int] = []
        self._silent = 0
        self._members: dict[str, MemberSummary] = {}
        spools = (*_NUMBERS, "bitmaps", "keys")
        self._spools: dict[str, IO[bytes]] = {name: tempfile.TemporaryFile(dir=folder) for name in spools}
        self._folder = folder

    def __enter__(self) -> ColumnWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spool in self._spools.values():
            spool.close()

    @property
    def records(self) -> int:
        """How many so far."""
        return sum(self._records)

    def add(self, shard: str, index: ShardIndex, digest: str) -> None:
        """Take the records of the next shard.

        Args:
            shard: its name in dataset.json.
            index: its sidecar, as `read_sidecar` gives it.
            digest: SHA-256 of the sidecar.
        """
        records = index["records"]
        entries = {name: self._entries(records, name) for name in MEMBERS}
        samples = np.zeros(len(records), np.int64)
        for name in ("flac", "i16"):
            if name in entries:
                samples += entries[name]["rows"]
        bitmaps = [b64decode(record.get("voiced", "")) for record in records]
        keys = [record["key"].encode(errors="surrogatepass") for record in records]
        labels = [record.get("label", "") for record in records]
        numbers = {
            "track": [self.tracks.setdefault(record["track"], len(self.tracks)) for record in records],
            "start": [record["start"] for record in records],
            "frames": [record["frames"] for record in records],
            "samples": samples,
            "label": [self._labels.setdefault(label, len(self._labels)) if label else -1 for label in labels],
            "symbols": [record.get("symbols", -1) for record in records],
            "voiced": [int.from_bytes(bitmap, "big").bit_count() for bitmap in bitmaps],
            "bitmap_sizes": list(map(len, bitmaps)),
            "key_sizes": list(map(len, keys)),
        }
        for name, values in numbers.items():
            self._spools[name].write(np.asarray(values, np.int64).tobytes())
        self._spools["bitmaps"].write(b"".join(bitmaps))
        self._spools["keys"].write(b"".join(keys))
        self.label_counts.update(filter(None, labels))
        self.frames += sum(record["frames"] for record in records)
        self._silent += int(np.count_nonzero(samples == 0))
        self._shards.append((shard, index["bytes"], index["sha256"], digest))
        self._records.append(len(records))

    def _entries(self, records: list[RecordEntry], name: str) -> NDArray[np.void]:
        entries = entries_of(records, name)
        if name not in self._members and (entries["size"] >= 0).any():
            # The first records that have it; those before lack it.
            self._members[name] = MemberSummary(lacking=self.records)
            self._spools[name] = tempfile.TemporaryFile(dir=self._folder)
            for number in self._records:
                self._spools[name].write(lacking(number).tobytes())
        if name in self._members:
            self._members[name] = self._members[name].joined(entries)
            self._spools[name].write(entries.tobytes())
        return entries

    def refuse_gaps(self) -> None:
        """Refuse tracks of which a frame is in no record, or in two: in evaluation every frame counts once.

        Raises:
            DataError: names a shard and the track.
        """
        track, start, frames = map(self._spooled, ("track", "start", "frames"))
        order = np.lexsort((start, track))
        track, start, frames = track[order], start[order], frames[order]
        expected, same = np.zeros_like(start), track[1:] == track[:-1]
        expected[1:][same] = (start + frames)[:-1][same]
        wrong = np.flatnonzero(start != expected)
        if wrong.size:
            place = int(wrong[0])
            shard = bisect_right(np.cumsum(self._records).tolist(), int(order[place]))
            raise DataError(
                f"{self._shards[shard][0]}: a record of {shown(list(self.tracks)[track[place]])} begins at frame "
                f"{start[place]}, where {expected[place]} is expected: a shard is missing, or of another preparation; "
                "run `melisma prepare` again"
            )

    def write(self, file: IO[bytes]) -> None:
        """Write the column file.

        Args:
            file: empty.
        """
        arrays = _Arrays(file)
        members = {name: self._members[name] for name in MEMBERS if name in self._members}
        self._write_numbers(arrays)
        width = row_dtype(members).itemsize
        arrays.put("rows", "|u1", (self.records, width), self._rows(members))
        for name in ("bitmaps", "keys"):
            arrays.put(name, "|u1", (self._spools[name].tell(),), _content(self._spools[name]))
        columns = zip(*self._shards, strict=True) if self._shards else ((),) * 4
        header = {
            "version": VERSION,
            **dict(zip(("shards", "bytes", "sha256", "indexes"), columns, strict=True)),
            "labels": sorted(self._labels),
            "silent": self._silent,
            "members": members,
            "arrays": arrays.described,
        }
        content = json.dumps(header).encode()
        file.write(content + TAIL.pack(len(content), hashlib.sha256(content).digest(), MAGIC))

    def keep(self, path: Path, staging: Path) -> StoredFile | None:
        """Write the column file to its place, unless something of another origin stands there.

        Args:
            path: of the column file.
            staging: folder of the temporary file.

        Returns:
            Its name, size and hash; None if it was not written.
        """
        if is_foreign(path):
            warnings.warn(f"{path}: not written by `melisma prepare`; it is left as it is", stacklevel=2)
            return None
        with write_atomically(path, staging) as file:
            self.write(file)
        return StoredFile(path.name, path.stat().st_size, sha256_of(path))

    def _write_numbers(self, arrays: _Arrays) -> None:
        ids = sorted(self.tracks)
        track = _ranks(self.tracks, ids)[self._spooled("track")]
        start, frames = self._spooled("start"), self._spooled("frames")
        arrays.number("track", track)
        arrays.number("start", start)
        arrays.number("frames", frames)
        arrays.number("samples", self._spooled("samples"))
        arrays.number("shard", np.repeat(np.arange(len(self._records)), self._records))
        if self._labels:
            places = np.append(_ranks(self._labels, sorted(self._labels)), -1)
            arrays.number("label", places[self._spooled("label")])
        if (symbols := self._spooled("symbols")).max(initial=-1) >= 0:
            arrays.number("symbols", symbols)
        arrays.number("voiced", self._spooled("voiced"))
        track_frames = np.zeros(len(ids), np.int64)
        np.maximum.at(track_frames, track, start + frames)
        arrays.number("track_frames", track_frames)
        arrays.number("order", np.lexsort((start, track)))
        arrays.number("first", _ends(np.bincount(track, minlength=len(ids))))
        arrays.number("bitmap_ends", _ends(self._spooled("bitmap_sizes")), "<i8")
        arrays.number("keys_ends", _ends(self._spooled("key_sizes")), "<i8")
        names = [name.encode(errors="surrogatepass") for name in ids]
        arrays.number("tracks_ends", _ends(np.array(list(map(len, names)), np.int64)), "<i8")
        text = b"".join(names)
        arrays.put("tracks", "|u1", (len(text),), [text])

    def _spooled(self, name: str) -> NDArray[np.int64]:
        return np.frombuffer(b"".join(_content(self._spools[name])), np.int64)

    def _rows(self, members: Mapping[str, MemberSummary]) -> Iterator[bytes]:
        for name in members:
            self._spools[name].seek(0)
        for first in range(0, self.records, _ROWS):
            rows = np.zeros(min(_ROWS, self.records - first), row_dtype(members))
            for name, summary in members.items():
                entries = np.frombuffer(self._spools[name].read(len(rows) * ENTRY.itemsize), ENTRY)
                for field in summary.dtype.names or ():
                    rows[name][field] = entries[field][:, : summary.axes] if field == "tails" else entries[field]
            yield rows.tobytes()


class _Arrays:
    """Writes arrays behind each other into a file, and describes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._at = file, len(MAGIC)
        self.described: dict[str, Any] = {}
        file.write(MAGIC)

    def number(self, name: str, values: NDArray[Any], dtype: str | None = None) -> None:
        """An array of integers, of 32 bits if they suffice and no type is given."""
        kind = dtype or ("<i4" if values.max(initial=0) < INT32 else "<i8")
        self.put(name, kind, values.shape, [values.astype(kind).tobytes()])

    def put(self, name: str, dtype: str, shape: tuple[int, ...], chunks: Iterable[bytes]) -> None:
        """An array whose bytes come in chunks."""
        self._file.write(bytes(-self._at % ALIGNED))
        offset = self._at = self._at + -self._at % ALIGNED
        digest = hashlib.sha256()
        for chunk in chunks:
            self._file.write(chunk)
            digest.update(chunk)
            self._at += len(chunk)
        self.described[name] = {"dtype": dtype, "shape": shape, "offset": offset, "sha256": digest.hexdigest()}


def _content(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while chunk := spool.read(1 << 20):
        yield chunk


def _ranks(numbers: Mapping[str, int], ordered: list[str]) -> NDArray[np.int64]:
    """For each number its name's place among the sorted ones."""
    ranks = np.zeros(len(ordered), np.int64)
    ranks[[numbers[name] for name in ordered]] = np.arange(len(ordered))
    return ranks


def _ends(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
