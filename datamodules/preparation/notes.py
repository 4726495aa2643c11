"""`RecordingNotes`: what preprocessing gave for each recording, from all processes that share the work."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, Strict, TypeAdapter

from datamodules.corpora.sources.audio_files import AudioFormat
from datamodules.errors import DataError
from datamodules.files import append
from datamodules.preparation.preprocess import RecordingNote, Rejected, Staged
from datamodules.shards.checked import STRICT, Digest, parse
from datamodules.shards.format import LONGEST

_Size = Annotated[int, Field(ge=0, le=LONGEST)]
_Stamp = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
_NOTE: TypeAdapter[Any] = TypeAdapter(
    tuple[
        Annotated[str, Strict()],
        _Stamp,
        Literal["Staged"],
        Annotated[_Size, Field(ge=1)],
        _Size,
        dict[Literal["samples", "f0", "features", "spectrum"], Digest],
        tuple[_Size, _Size] | None,
    ]
    | tuple[Annotated[str, Strict()], _Stamp, Literal["Rejected"], str],
    config=STRICT,
)
LOOK = 1.0  # s between two looks at what others have noted
SAFE = 5.0  # s after which a note has reached the disk, and with it the other hosts of a network file system


class RecordingNotes:
    """RecordingNotes by the id of their recording, in files that grow by a line for each; to be used in a `with` block.

    Each process has a file of its own and reads the others' on from where it was. A line is there as a whole or does
    not count, whatever was killed. A note that is lost costs the time to make it again.

    Args:
        folder: of the files; created in an existing folder, so that it is not made again after another process has
            finished and removed that.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._own = folder, f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self._known: dict[str, _Known] = {}
        self._read: dict[str, int] = {}  # bytes, by the name of a file
        self._looked = self._saved = float("-inf")
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Read what is there.

        Raises:
            FileNotFoundError: another process has finished, and removed the staging folder.
        """
        self._folder.mkdir(exist_ok=True)
        self._file = os.open(self._folder / self._own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self._look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        os.close(self._file)

    def add(self, note: RecordingNote) -> None:
        """Note something for all processes."""
        assert self._file is not None
        self._known[note.recording] = _kept(note)
        line = json.dumps([note.recording, note.stamp, type(note.result).__name__, *note.result])
        append(self._file, f"{line}\n".encode(), self._folder / self._own)
        if time.monotonic() - self._saved > SAFE:
            os.fsync(self._file)
            self._saved = time.monotonic()

    def stamp(self, recording: str, tried_again: bool = False) -> str | None:
        """The stamp of what is noted; None if nothing is.

        Args:
            recording: its id.
            tried_again: take a recording that could not be used for one of which nothing is noted.
        """
        if time.monotonic() - self._looked > LOOK:
            self._look()
        known = self._known.get(recording)
        if known is None or (tried_again and isinstance(known.result, Rejected)):
            return None
        return known.stamp.hex()

    def __contains__(self, recording: str) -> bool:
        return self.stamp(recording) is not None

    def __getitem__(self, recording: str) -> Staged | Rejected:
        return self._known[recording].result

    def _look(self) -> None:
        entries = [entry for entry in os.scandir(self._folder) if entry.name != self._own and entry.is_file()]
        for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns):
            with open(entry.path, "rb") as file:
                file.seek(self._read.get(entry.name, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # its process has not finished it, or never will
                    self._read[entry.name] = self._read.get(entry.name, 0) + len(line)
                    self._learn(line)
        self._looked = time.monotonic()

    def _learn(self, line: bytes) -> None:
        try:
            said = parse(_NOTE, line, "", "")
        except DataError:  # the machine lost power as it was written
            return
        recording, stamp, _, *values = said
        result = Rejected(str(values[0])) if len(values) == 1 else _staged(*values)
        self._known[recording] = _kept(RecordingNote(recording, stamp, result))


class _Known(NamedTuple):
    stamp: bytes
    result: Staged | Rejected


def _kept(note: RecordingNote) -> _Known:
    """In as little memory as there is for a million of them."""
    result = note.result
    if isinstance(result, Staged):
        result = result._replace(arrays={sys.intern(name): key for name, key in result.arrays.items()})
    return _Known(bytes.fromhex(note.stamp), result)


def _staged(frames: int, dimensions: int, arrays: dict[str, str], stored: list[int] | None) -> Staged:
    return Staged(frames, dimensions, arrays, None if stored is None else AudioFormat(*stored))
