"""The kinds of members, and the row of a record: where each of its members lies, and its shape and hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datamodules.shards.schema import RecordEntry

MEMBERS = ("flac", "i16", "f0", "feat", "cqt", "txt")
GRIDDED = ("flac", "i16", "f0", "feat", "cqt")  # whose lengths follow from that of the record
LACKING = {
    "flac": "the recording was prepared without audio",
    "f0": "the recording was prepared without annotation",
    "feat": "the recording was prepared from audio and has no features",
    "cqt": "there is no spectrogram; give the recipe a `spectrogram` and run `melisma prepare` again",
    "txt": "the recording was prepared without transcript",
}
INT32 = 2**31

_AXES = 3  # of a row of a member, at most
ENTRY = np.dtype(
    [("offset", "<i8"), ("size", "<i8"), ("rows", "<i8"), ("tails", "<i8", (_AXES,)), ("sha256", "u1", (32,))]
)


class StoredMember(NamedTuple):
    """A member of a record.

    Attributes:
        offset: of its first byte in the shard.
        size: bytes.
        shape: of its array.
        sha256: of its bytes.
    """

    offset: int
    size: int
    shape: tuple[int, ...]
    sha256: bytes

    @staticmethod
    def of(row: np.void) -> StoredMember | None:
        """The entry in a member's part of a row; None if the record lacks the member."""
        if row["size"] < 0:
            return None
        tails = (int(length) for length in row["tails"] if length) if "tails" in (row.dtype.names or ()) else ()
        return StoredMember(int(row["offset"]), int(row["size"]), (int(row["rows"]), *tails), row["sha256"].tobytes())


class MemberSummary(NamedTuple):
    """What all records of a split say of one kind of member.

    Attributes:
        lacking: records without it.
        shapes: of one row, without the first axis, that occur, sorted.
        axes: of a row, at most.
        largest: value of sizes and lengths.
    """

    lacking: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    axes: int = 0
    largest: int = 0

    def joined(self, entries: NDArray[np.void]) -> MemberSummary:
        """With those of some more records, of `ENTRY`."""
        there = entries[entries["size"] >= 0]
        tails = {tuple(tail) for tail in np.unique(there["tails"], axis=0).tolist()} if there.size else set()
        largest = max((int(there[name].max()) for name in ("size", "rows", "tails")), default=0) if there.size else 0
        return MemberSummary(
            self.lacking + len(entries) - len(there),
            tuple(sorted({*self.shapes, *(tuple(length for length in tail if length) for tail in tails)})),
            max([self.axes, *(int(np.count_nonzero(tail)) for tail in tails)]),
            max(self.largest, largest),
        )

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Of this member's part of a row."""
        number = "<i4" if self.largest < INT32 else "<i8"
        tails = [("tails", number, (self.axes,))] if self.axes else []
        return np.dtype([("offset", "<i8"), ("size", number), ("rows", number), *tails, ("sha256", "u1", (32,))])


def row_dtype(members: Mapping[str, MemberSummary]) -> np.dtype[np.void]:
    """The row of a record: the entry of each member that occurs in its split."""
    return np.dtype([(name, summary.dtype) for name, summary in members.items()])


def entries_of(records: Sequence[RecordEntry], member: str) -> NDArray[np.void]:
    """The entries of a member in records of a sidecar, `(records,)` of `ENTRY`; size -1 if a record lacks it."""
    entries = lacking(len(records))
    found = [(place, record["members"][member]) for place, record in enumerate(records) if member in record["members"]]
    if not found:
        return entries
    places = [place for place, _ in found]
    for name in ("offset", "size"):
        entries[name][places] = [entry[name] for _, entry in found]
    entries["rows"][places] = [entry["shape"][0] for _, entry in found]
    entries["tails"][places] = [[*entry["shape"][1:], *[0] * (_AXES + 1 - len(entry["shape"]))] for _, entry in found]
    digests = bytes.fromhex("".join(entry["sha256"] for _, entry in found))
    entries["sha256"][places] = np.frombuffer(digests, np.uint8).reshape(-1, 32)
    return entries


def lacking(records: int) -> NDArray[np.void]:
    """The entries of records without the member."""
    entries = np.zeros(records, ENTRY)
    entries["size"] = -1
    return entries
