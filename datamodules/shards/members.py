"""`MemberTable`: offset, size and shape of one kind of member in all records of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEMBERS = ("flac", "i16", "f0", "feat", "cqt", "txt")
LACKING = {
    "flac": "the recording was prepared without audio",
    "f0": "the recording was prepared without annotation",
    "feat": "the recording was prepared from audio and has no features",
    "cqt": "there is no spectrogram; give the recipe a `spectrogram` and run `melisma prepare` again",
    "txt": "the recording was prepared without transcript",
}

_AXES = 3  # of a row of a member, at most
_MEMBER = np.dtype(
    [("offset", "i8"), ("size", "i8"), ("rows", "i8"), ("tails", "i8", (_AXES,)), ("sha256", "u1", (32,))]
)


class MemberTable:
    """Offset, size and shape of one kind of member, for every record; size -1 if a record lacks it.

    Arrays, not dictionaries: forked workers share their memory, while reading a Python object would copy its page.

    Attributes:
        offset: `(records,)` of the first byte in the shard.
        size: `(records,)` bytes.
        rows: `(records,)` length of the first axis.
        tails: `(records, axes - 1)` lengths of the other axes, 0 if a record lacks the member or has fewer axes.
        sha256: `(records, 32)`.
    """

    def __init__(self, tables: Sequence[NDArray[np.void]]) -> None:
        table = np.concatenate(tables)
        self.offset, self.size, self.rows = (np.ascontiguousarray(table[name]) for name in ("offset", "size", "rows"))
        self.tails = np.ascontiguousarray(table["tails"][:, : int((table["tails"] > 0).sum(axis=1).max())])
        self.sha256 = np.ascontiguousarray(table["sha256"])

    @staticmethod
    def rows_of(records: Sequence[Mapping[str, Any]], member: str) -> NDArray[np.void]:
        """The entries of a member in records of a sidecar, as `(records,)` rows of a table."""
        table = MemberTable.lacking(len(records))
        for place, record in enumerate(records):
            if entry := record["members"].get(member):
                rows, *tail = entry["shape"]
                tails = [*tail, *[0] * (_AXES - len(tail))]
                digest = np.frombuffer(bytes.fromhex(entry["sha256"]), np.uint8)
                table[place] = entry["offset"], entry["size"], rows, tails, digest
        return table

    @staticmethod
    def lacking(records: int) -> NDArray[np.void]:
        """Rows for records without the member."""
        table = np.zeros(records, _MEMBER)
        table["size"] = -1
        return table

    def shape(self, record: int) -> tuple[int, ...]:
        """Shape of a record's member."""
        return int(self.rows[record]), *(int(length) for length in self.tails[record] if length)
