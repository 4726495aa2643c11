"""The shard format: plain WebDataset tars, each with a sidecar index that marks it done.

A record is a set of members `<key>.<extension>`: `flac` (int16 mono), `f0` (raw little-endian float32, Hz, 0 where
unvoiced) and `json` (metadata). The sidecar `<shard>.json`, written last, gives size and sha256 of the tar, and for
each member its offset, size, dtype, shape and sha256; for each record the track, the first label frame, the number of
frames that the record owns and a bitmap of the voiced ones. Windows are never stored, and nothing about a network is.

A record of a track owns the label frames `start ... start + frames - 1`. Its audio reaches `context` samples to
both sides of their centres, zeros only beyond the track's ends; its f0 goes on behind the owned frames for as long as
the context lasts and the track has frames, so that an excerpt of several frames may begin at any owned one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import webdataset
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import write_atomically
from datamodules.preprocess import Track, frame_count

FORMAT = 1


class Grid(NamedTuple):
    """The units of a data set's records.

    Attributes:
        rate: samples per second.
        hop: samples between label frames; frame t is centred on sample t * hop.
        segment: label frames that a record owns (the last of a track may own fewer).
        context: samples of audio on each side of the first and last frame's centre.
    """

    rate: int
    hop: int
    segment: int
    context: int

    @property
    def lookahead(self) -> int:
        """Label frames stored behind the owned ones."""
        return self.context // self.hop


class Segment(NamedTuple):
    """Which part of which track becomes a record.

    Attributes:
        key: the record's name in the tar, without dots.
        recording: id of the recording.
        staged: key of the preprocessed track.
        start: first owned label frame.
        metadata: JSON values of the recording.
    """

    key: str
    recording: str
    staged: str
    start: int
    metadata: Mapping[str, Any]


class Member(NamedTuple):
    """One file of a record, encoded."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


def encode_record(track: Track, segment: Segment, grid: Grid) -> tuple[dict[str, Member], dict[str, Any]]:
    """Cut and encode a record.

    Args:
        track: the whole preprocessed recording.
        segment: which part of it.
        grid: rate, hop, segment length and context.

    Returns:
        The members by extension, and what the index says of the record apart from its members.
    """
    total = frame_count(track.samples.size, grid.hop)
    frames = min(grid.segment, total - segment.start)
    begin = segment.start * grid.hop - grid.context
    end = (segment.start + frames - 1) * grid.hop + grid.context
    audio = np.zeros(end - begin, np.int16)
    inside = track.samples[max(begin, 0) : min(end, track.samples.size)]
    audio[max(-begin, 0) : max(-begin, 0) + inside.size] = inside
    members = {"flac": Member(_flac(audio, grid.rate), "int16", audio.shape)}
    entry: dict[str, Any] = {
        "key": segment.key,
        "track": segment.recording,
        "start": segment.start,
        "frames": frames,
    }
    if track.f0 is not None:
        f0 = np.asarray(track.f0[segment.start : segment.start + frames + grid.lookahead], "<f4")
        members["f0"] = Member(f0.tobytes(), "float32", f0.shape)
        entry["voiced"] = base64.b64encode(np.packbits(f0[:frames] > 0).tobytes()).decode()
    metadata = {
        **segment.metadata,
        "id": segment.recording,
        "start": segment.start,
        "frames": frames,
        "track_frames": total,
        "rate": grid.rate,
        "hop": grid.hop,
        "context": grid.context,
    }
    text = json.dumps(metadata, sort_keys=True).encode()
    members["json"] = Member(text, "utf-8", (len(text),))
    return members, entry


def _flac(samples: NDArray[np.int16], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode_flac(data: bytes) -> NDArray[np.int16]:
    """The int16 samples of a FLAC member.

    Raises:
        soundfile.LibsndfileError: it is no FLAC.
    """
    samples: NDArray[np.int16] = soundfile.read(io.BytesIO(data), dtype="int16")[0]
    return samples


def write_shard(path: Path, records: Sequence[tuple[dict[str, Member], dict[str, Any]]], plan: str, grid: Grid) -> None:
    """Write a tar, then its sidecar; both appear whole or not at all, and the same records give the same bytes.

    Args:
        path: the tar's final name.
        records: members and index entry of each record.
        plan: hash of what the shard was asked to hold.
        grid: written into the sidecar.
    """
    sidecar(path).unlink(missing_ok=True)
    with write_atomically(path) as file:
        # mtime=0 keeps the bytes reproducible and the headers plain: a float time would cost a PAX header per member.
        with webdataset.TarWriter(file, mtime=0, encoder=False) as tar:
            for members, entry in records:
                tar.write({"__key__": entry["key"], **{name: member.data for name, member in members.items()}})
    with tarfile.open(path) as tar:
        offsets = {info.name: info.offset_data for info in tar}
    index = {
        "format": FORMAT,
        "shard": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "plan": plan,
        **grid._asdict(),
        "records": [
            {
                **entry,
                "members": {
                    name: {
                        "offset": offsets[f"{entry['key']}.{name}"],
                        "size": len(member.data),
                        "dtype": member.dtype,
                        "shape": list(member.shape),
                        "sha256": hashlib.sha256(member.data).hexdigest(),
                    }
                    for name, member in members.items()
                },
            }
            for members, entry in records
        ],
    }
    with write_atomically(sidecar(path)) as file:
        file.write(json.dumps(index).encode())


def sidecar(shard: Path) -> Path:
    """The index file beside a tar."""
    return shard.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_done(path: Path, plan: str) -> bool:
    """Whether a shard stands complete on disk and holds what `plan` asks for."""
    try:
        index = json.loads(sidecar(path).read_bytes())
        return bool(index["plan"] == plan and index["bytes"] == path.stat().st_size)
    except (OSError, ValueError, KeyError):
        return False


def read_sidecar(shard: Path) -> dict[str, Any]:
    """The index of a shard, after checking that the tar beside it has the size that the index states.

    Raises:
        DataError: tar or sidecar is missing, unreadable, of another format, or of another size; names the shard.
    """
    again = "run `melisma prepare` again to rebuild it"
    try:
        index: dict[str, Any] = json.loads(sidecar(shard).read_bytes())
        size = shard.stat().st_size
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: missing; {again}") from error
    except ValueError as error:
        raise DataError(f"{sidecar(shard)}: not a readable index ({error}); {again}") from error
    if index.get("format") != FORMAT:
        raise DataError(f"{sidecar(shard)}: format {index.get('format')!r}, expected {FORMAT}; {again}")
    if size != index["bytes"]:
        raise DataError(f"{shard}: {size} bytes, but its index says {index['bytes']} (truncated or replaced); {again}")
    return index
