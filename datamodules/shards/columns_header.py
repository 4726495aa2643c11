"""What the header of a column file must hold, checked when the file is opened."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from datamodules.errors import shown
from datamodules.shards.checked import STRICT, Digest, Natural, TarName, parse
from datamodules.shards.members import MEMBERS, MemberSummary, row_dtype

OF_RECORDS = ("track", "start", "frames", "samples", "shard", "label", "symbols", "voiced", "order")
OPTIONAL = ("label", "symbols")
ORDERED = ("first", "bitmap_ends", "tracks_ends", "keys_ends")

Shape = Annotated[list[Annotated[int, Field(ge=1, lt=1 << 62)]], Field(max_length=3)]


@with_config(STRICT)
class ArrayEntry(TypedDict):
    """An array of the file."""

    dtype: Literal["<i4", "<i8", "|u1"]
    shape: Annotated[list[Natural], Field(min_length=1, max_length=2)]
    offset: Natural
    sha256: Digest


@with_config(STRICT)
class ColumnsHeader(TypedDict):
    """The header."""

    version: Literal[1]
    shards: Annotated[list[TarName], FailFast()]
    bytes: Annotated[list[Natural], FailFast()]
    sha256: Annotated[list[Digest], FailFast()]
    indexes: Annotated[list[Digest], FailFast()]
    labels: Annotated[list[str], FailFast()]
    silent: Natural
    members: dict[Literal[MEMBERS], tuple[Natural, list[Shape], Annotated[int, Field(ge=0, le=3)], Natural]]  # type: ignore[valid-type]
    arrays: dict[str, ArrayEntry]


_MOST = 1 << 62
_HEADER = TypeAdapter(ColumnsHeader)


def read_header(content: bytes, name: str, remedy: str) -> ColumnsHeader:
    """The header from its bytes.

    Args:
        content: JSON.
        name: of the file, for the message.
        remedy: for the message.

    Raises:
        DataError: it is not JSON, or holds something else; names file and key.
    """
    return parse(_HEADER, content, name, remedy)


def summaries(header: ColumnsHeader) -> dict[str, MemberSummary]:
    """What is known of each kind of member that occurs."""
    return {
        name: MemberSummary(lacking, tuple(map(tuple, shapes)), axes, largest)
        for name, (lacking, shapes, axes, largest) in header["members"].items()
    }


def problem(header: ColumnsHeader, end: int, aligned: int) -> str | None:
    """What is wrong with the lengths and places of the arrays; None: nothing.

    Args:
        header: of the file.
        end: bytes before the header.
        aligned: what offsets are multiples of.
    """
    arrays = header["arrays"]
    for name, array in arrays.items():
        size = math.prod(array["shape"]) * np.dtype(array["dtype"]).itemsize
        if array["offset"] % aligned or array["offset"] + size > end:
            return f"{shown(name)} ends behind the file's arrays"
    shards = len(header["shards"])
    if any(len(header[name]) != shards for name in ("bytes", "sha256", "indexes")):
        return "its shards have other numbers of sizes or hashes"
    for name in (*OF_RECORDS, "track_frames", "first", "rows", "bitmaps", "bitmap_ends", "tracks", "tracks_ends"):
        if name not in arrays and name not in OPTIONAL:
            return f"{name} is missing"
    for name in ("keys", "keys_ends"):
        if name not in arrays:
            return f"{name} is missing"
    records, tracks = arrays["start"]["shape"][0], arrays["track_frames"]["shape"][0]
    expected: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(OF_RECORDS, (records,)),
        "track_frames": (tracks,),
        "first": (tracks + 1,),
        "tracks_ends": (tracks + 1,),
        "keys_ends": (records + 1,),
        "bitmap_ends": (records + 1,),
        "rows": (records, row_dtype(summaries(header)).itemsize),
    }
    for name, shape in expected.items():
        if name in arrays and tuple(arrays[name]["shape"]) != shape:
            return f"{name} has the shape {arrays[name]['shape']}, expected {list(shape)}"
    for name, array in arrays.items():
        if (array["dtype"] == "|u1") != (name in ("rows", "bitmaps", "tracks", "keys")):
            return f"{shown(name)} is of the type {array['dtype']}"
    if header["silent"] > records or any(each.lacking > records for each in summaries(header).values()):
        return "more records lack a member than there are"
    return None


def limits(header: ColumnsHeader, name: str) -> tuple[int, int]:
    """The least and the largest value that an array of numbers may have."""
    arrays = header["arrays"]
    records, tracks = arrays["start"]["shape"][0], arrays["track_frames"]["shape"][0]
    known = {
        "track": (0, tracks - 1),
        "shard": (0, len(header["shards"]) - 1),
        "label": (-1, len(header["labels"]) - 1),
        "symbols": (-1, _MOST),
        "frames": (1, _MOST),
        "track_frames": (1, _MOST),
        "order": (0, records - 1),
        "first": (0, records),
        "bitmap_ends": (0, arrays["bitmaps"]["shape"][0]),
        "tracks_ends": (0, arrays["tracks"]["shape"][0]),
        "keys_ends": (0, arrays["keys"]["shape"][0]),
    }
    return known.get(name, (0, _MOST))


class Values:
    """Whether numbers, of which one run after the other is looked at, are possible ones.

    Args:
        least: value.
        most: value.
        ordered: they never fall.

    Attributes:
        possible: so far.
    """

    def __init__(self, least: int, most: int, ordered: bool) -> None:
        self._least, self._most, self._ordered = least, most, ordered
        self.possible = True

    def look_at(self, values: NDArray[Any]) -> None:
        """Take the next run into account."""
        if values.size and self.possible:
            self.possible = bool(self._least <= values.min() and values.max() <= self._most)
            if self._ordered and self.possible:
                self.possible = bool((values[1:] >= values[:-1]).all())
                self._least = int(values[-1])
