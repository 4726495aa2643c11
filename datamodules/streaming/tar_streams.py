"""Records from tars that are read as streams: over the network, from a program, or from a file.

A stream has no index, so grid and frames come from the metadata of each record. A truncated tar is always noticed: it
has to end with two empty blocks, and everything before them has to be members.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import soundfile
from numpy.typing import NDArray
from webdataset import DataPipeline
from webdataset.gopen import Pipe, gopen
from webdataset.tariterators import group_by_keys

from datamodules.errors import DataError
from datamodules.shards.format import Grid, decode_audio, read_sidecar, sidecar

CHUNK = 1 << 18
END = 2 * tarfile.BLOCKSIZE


class DecodedRecord(NamedTuple):
    """One record of a stream.

    Attributes:
        name: url of the shard and key, for messages.
        audio: int16 samples, including context.
        f0: `(rows,)` or `(rows, pitches)`, Hz, of the owned frames and those within the context behind them.
        track: `track_number` of the track's id.
        start: first owned label frame.
        frames: owned label frames.
        track_frames: label frames of the whole track.
        grid: rate, hop and context; the length of segments is not known.
    """

    name: str
    audio: NDArray[np.int16]
    f0: NDArray[np.float32]
    track: int
    start: int
    frames: int
    track_frames: int
    grid: Grid


class DecodedRecords:
    """A few records with the interface of `SplitIndex` that WindowReader uses.

    Each record counts as a track of its own, because the other records of its track are not known.

    Args:
        records: of one grid; at least one.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.
    """

    def __init__(self, records: Sequence[DecodedRecord], pitches: int) -> None:
        self.records, self.pitches, self.has_f0 = records, pitches, True
        self.directory, self.grid = records[0].name, records[0].grid
        self.track = np.arange(len(records))
        self.shard = np.zeros(len(records), np.int64)
        self.start = np.array([record.start for record in records], np.int64)
        self.frames = np.array([record.frames for record in records], np.int64)
        self.samples = np.array([record.audio.size for record in records], np.int64)
        self.track_frames = np.array([record.track_frames for record in records], np.int64)
        self.voiced = np.array([np.count_nonzero(self.voiced_frames(n)) for n in range(len(records))], np.int64)
        self.track_numbers = np.array([record.track for record in records], np.int64)

    def __len__(self) -> int:
        return len(self.records)

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced."""
        frames = int(self.frames[record])
        voiced: NDArray[np.bool_] = (self.records[record].f0[:frames] > 0).reshape(frames, -1).any(axis=1)
        return voiced

    def voiced_bits(self, first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Which owned label frames of some records are voiced, and where each record begins and the last one ends."""
        bits = [self.voiced_frames(record).view(np.uint8) for record in range(first, last)]
        return np.concatenate(bits), np.cumsum([0, *map(len, bits)])

    def records_of(self, track: int) -> NDArray[np.int64]:
        """The only record of a track."""
        return np.array([track])

    def read_audio(self, record: int) -> NDArray[np.int16]:
        """Samples of a record, including context."""
        return self.records[record].audio

    def read_spectrum(self, record: int) -> NDArray[np.uint16]:
        """Refuse to read a spectrogram.

        Raises:
            DataError: always; streams have audio only.
        """
        raise DataError(f"{self.records[record].name}: spectrograms are read by an index only; use data.train")

    def read_f0(self, record: int) -> NDArray[np.float32]:
        """f0 of the owned frames and those within the context behind them, Hz, 0 where unvoiced."""
        return self.records[record].f0


def read_records(shards: Callable[[], Iterator[dict[str, str]]], pitches: int = 0) -> Iterator[DecodedRecord]:
    """The decoded records of some shards.

    Args:
        shards: yields a dictionary with `url` for each shard, as webdataset's shard lists do.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.

    Raises:
        DataError: a shard cannot be fetched, is truncated or damaged; or a record lacks a member, is damaged or has
            another grid than those before it. The message names the url and the record's key.
    """
    grid: Grid | None = None
    for sample in DataPipeline(shards, unpack, group_by_keys):
        record = decode_record(sample, pitches)
        if grid is not None and record.grid != grid:
            raise DataError(f"{record.name}: its grid is {record.grid}, that of other shards {grid}; prepare all alike")
        grid = record.grid
        yield record


def unpack(shards: Iterable[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """The files of tars, as a stage of webdataset's pipeline; webdataset's own stage does not notice truncated tars.

    Yields:
        `fname`, `data` and `__url__` of every file; an empty dictionary at the end of a tar.

    Raises:
        DataError: as `read_records`.
    """
    for shard in shards:
        url = shard["url"]
        _compare_with_sidecar(url)
        stream = _open(url)
        try:
            yield from _files(url, stream)
        except (OSError, tarfile.TarError) as error:
            raise DataError(f"{url}: cannot be read as a whole tar ({error}); transfer or prepare it again") from error
        finally:
            _close(stream)
        yield {}


def _compare_with_sidecar(url: str) -> None:
    parsed = urlparse(url)
    if parsed.scheme in ("", "file"):
        path = Path(url2pathname(parsed.path) if parsed.scheme else url)
        if sidecar(path).exists():
            read_sidecar(path)


def _open(url: str) -> Any:  # noqa: ANN401 -- webdataset has no types
    try:
        return gopen(url)
    except FileNotFoundError as error:
        raise DataError(f"{url}: no such file, or the program that fetches it is missing ({error})") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{url}: cannot be opened ({error})") from error


def _close(stream: Any) -> None:  # noqa: ANN401 -- webdataset has no types
    """Close a stream before or at its end; errors of a program whose output is no longer read do not matter."""
    if isinstance(stream, Pipe):
        stream.proc.kill()
    with suppress(OSError):
        stream.close()


def _files(url: str, stream: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 -- webdataset has no types
    watched: Any = _Watched(stream)
    names: set[str] = set()
    with tarfile.open(fileobj=watched, mode="r|", bufsize=CHUNK) as tar:
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            if info.name in names:
                raise tarfile.ReadError(f"{info.name} is in it twice")
            names.add(info.name)
            if file is not None:
                yield {"fname": info.name, "data": file.read(), "__url__": url}
            tar.members = []  # type: ignore[attr-defined]  # else the headers of all files are kept
        end = tar.offset
    while watched.read(CHUNK):
        pass
    # To tarfile the end of the stream, or a header that it cannot read, is the end of the tar.
    if watched.content > end or watched.bytes < end + END:
        raise tarfile.ReadError(f"damaged or cut off behind byte {end}")


class _Watched:
    """A stream that counts its bytes, and those up to the last one that is not zero."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 -- webdataset has no types
        self._stream = stream
        self.bytes = self.content = 0

    def read(self, size: int) -> bytes:
        if self._stream is None:
            return b""
        data: bytes = self._stream.read(size)
        if not data:
            self._stream.close()  # raises if a program failed
            self._stream = None
        filled = len(data.rstrip(b"\0"))
        self.content = self.bytes + filled if filled else self.content
        self.bytes += len(data)
        return data


def decode_record(sample: Mapping[str, Any], pitches: int = 0) -> DecodedRecord:
    """Decode the members of a record.

    Args:
        sample: the members by extension, with `__url__` and `__key__`, as webdataset groups them.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.

    Raises:
        DataError: a member is missing or damaged; names the url and the key.
    """
    name = f"{sample['__url__']}: {sample['__key__']}"
    audio = "i16" if "i16" in sample else "flac"
    missing = [member for member in ("json", audio, "f0") if member not in sample]
    if missing:
        raise DataError(f"{name}: has no {' and no '.join(missing)} member; training needs audio, f0 and metadata")
    try:
        said = json.loads(sample["json"])
        grid = Grid(said["rate"], said["hop"], 0, said["context"])
        start, frames, track_frames = said["start"], said["frames"], said["track_frames"]
        samples = decode_audio(sample[audio], audio)
        rows = min(frames + grid.lookahead, track_frames - start)
        f0 = np.frombuffer(sample["f0"], "<f4")
        f0 = f0.reshape(rows, f0.size // rows)
        track = track_number(said["id"])
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, soundfile.LibsndfileError) as error:
        raise DataError(f"{name}: damaged, or not prepared by `melisma prepare` ({error!r})") from error
    if samples.size < (frames - 1) * grid.hop + 2 * grid.context:
        raise DataError(f"{name}: {samples.size} samples are fewer than its {frames} label frames need")
    if f0.shape[1] > pitches if pitches else f0.shape[1] != 1:
        raise DataError(
            f"{name}: its f0 has room for {f0.shape[1]} pitches at a time, data.reader.pitches is {pitches}"
        )
    return DecodedRecord(name, samples, f0 if pitches else f0[:, 0], track, start, frames, track_frames, grid)


def track_number(identity: str) -> int:
    """A number below 2^63 for the id of a track: the first bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") >> 1
