"""The transaction log of a run of Weights & Biases, read back: the format of LevelDB's log behind a header of its own.

The file begins with seven bytes: `:W&B`, a magic number, a version. Blocks of 32 KiB are counted from the beginning of
the file, so that the first holds seven bytes less. A record has a header of seven bytes (CRC, length, kind) and stands
whole in a block, or in parts (first, middle, last) in several; where fewer than seven bytes are left of a block they
are zeros. The CRC is that of kind and content, CRC-32 here, not rotated as LevelDB's is.
"""

import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32768
BEGINNING = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


class Unfinished(Exception):
    """The log ends within a record: its run is still writing, or was killed."""


def contents(data: bytes) -> Iterator[bytes]:
    """The records of a log, in their order.

    Raises:
        Unfinished: behind those that are whole.
        ValueError: the log is damaged.
    """
    if len(data) < len(BEGINNING):
        raise Unfinished
    if data[: len(BEGINNING)] != BEGINNING:
        raise ValueError(f"no log of Weights & Biases: {data[: len(BEGINNING)]!r}")
    place, parts = len(BEGINNING), list[bytes]()
    while place < len(data):
        left = BLOCK - place % BLOCK
        if left < _HEADER.size:
            place += left
            continue
        if len(data) - place < _HEADER.size:
            raise Unfinished
        crc, length, kind = _HEADER.unpack_from(data, place)
        part = data[place + _HEADER.size : place + _HEADER.size + length]
        if length > left - _HEADER.size or not FULL <= kind <= LAST or (kind in (FULL, FIRST)) == bool(parts):
            raise ValueError(f"byte {place}: no header of a record")
        if len(part) < length:
            raise Unfinished
        if zlib.crc32(part, zlib.crc32(bytes([kind]))) != crc:
            raise ValueError(f"byte {place}: the record is damaged")
        parts.append(part)
        place += _HEADER.size + length
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []
    if parts:
        raise Unfinished


def records(path: Path) -> list[Record]:
    """Those of a run that are whole; what its process is just writing is left out."""
    found = []
    try:
        for content in contents(path.read_bytes()):
            found.append(Record.FromString(content))
    except Unfinished:
        pass
    return found


def finished(path: Path, seconds: float = 60.0) -> list[Record]:
    """The records of a run, when its end is among them: its process may write for a while after the run.

    Raises:
        AssertionError: there is no end within some seconds.
    """
    deadline = time.monotonic() + seconds
    read = records(path)
    while not any(record.HasField("exit") for record in read):
        assert time.monotonic() < deadline, f"{path}: no end after {seconds} s, {len(read)} records"
        time.sleep(0.1)
        read = records(path)
    return read
