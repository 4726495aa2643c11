"""Cut and encode records of a recording, and write them as a tar with its sidecar."""

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

from datamodules.files import sha256_of, write_atomically
from datamodules.shards.format import CHECK, FORMAT, AudioMember, Grid, sidecar


class TrackArrays(NamedTuple):
    """The arrays of a whole recording, from which records are cut; None for those that it lacks.

    Attributes:
        frames: label frames.
        samples: `(samples,)` int16 mono, full scale at 32768.
        f0: `(frames,)` or, of several voices, `(frames, pitches)` float32, Hz, 0 where unvoiced, at the times
            frame * hop / rate.
        features: `(frames, dimensions)` float32.
        spectrum: `(frames, channels, bins)` uint16, full scale at 65535.
    """

    frames: int
    samples: NDArray[np.int16] | None = None
    f0: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None
    spectrum: NDArray[np.uint16] | None = None


class RecordPlan(NamedTuple):
    """Which part of which recording is a record, and its metadata.

    Attributes:
        key: the record's name in the tar, without dots.
        recording: id of the recording.
        start: first owned label frame.
        metadata: JSON values of the recording.
        label: class of the recording, if it has one.
        transcript: symbols separated by blanks, if known.
        group: of the recording (a song, a speaker); None: it is one by itself.
    """

    key: str
    recording: str
    start: int
    metadata: Mapping[str, Any]
    label: str | None = None
    transcript: str | None = None
    group: str | None = None


class Member(NamedTuple):
    """One file of a record, encoded."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


def encode_record(
    track: TrackArrays, plan: RecordPlan, grid: Grid, audio: AudioMember = "flac"
) -> tuple[dict[str, Member], dict[str, Any]]:
    """Cut and encode a record.

    Args:
        track: the whole recording.
        plan: the part of it that becomes the record.
        grid: rate, hop, segment length and context.
        audio: how the samples are stored.

    Returns:
        The members by extension, and the record's entry in the index, without its members.
    """
    frames = min(grid.segment or track.frames, track.frames - plan.start)
    around = grid.context // grid.hop
    members: dict[str, Member] = {}
    entry: dict[str, Any] = {
        "key": plan.key,
        "track": plan.recording,
        "start": plan.start,
        "frames": frames,
    }
    if track.samples is not None:
        if grid.segment:
            begin = plan.start * grid.hop - grid.context
            end = (plan.start + frames - 1) * grid.hop + grid.context
            samples = _cut(track.samples, begin, end)
        else:  # a whole recording ends where its audio ends, in the middle of a hop
            samples = _cut(track.samples, -grid.context, track.samples.size + grid.context)
        members[audio] = Member(_ENCODERS[audio](samples, grid.rate), "int16", samples.shape)
    for name, rows in (("feat", track.features), ("cqt", track.spectrum)):
        if rows is not None:
            members[name] = _raw(_cut(rows, plan.start - around, plan.start + frames + around))
    if track.f0 is not None:
        f0 = track.f0[plan.start : plan.start + frames + grid.lookahead]
        members["f0"] = _raw(f0)
        voiced = (f0[:frames] > 0).reshape(frames, -1).any(axis=1)
        entry["voiced"] = base64.b64encode(np.packbits(voiced).tobytes()).decode()
    if plan.transcript is not None:
        text = plan.transcript.encode()
        members["txt"] = Member(text, "utf-8", (len(text),))
        entry["symbols"] = len(plan.transcript.split())
    if plan.label is not None:
        entry["label"] = plan.label
    if plan.group is not None:
        entry["group"] = plan.group
    members["json"] = _metadata(track, plan, grid, frames)
    return members, entry


def _metadata(track: TrackArrays, plan: RecordPlan, grid: Grid, frames: int) -> Member:
    metadata = {
        **plan.metadata,
        **({} if plan.label is None else {"label": plan.label}),
        "id": plan.recording,
        "start": plan.start,
        "frames": frames,
        "track_frames": track.frames,
        "rate": grid.rate,
        "hop": grid.hop,
        "context": grid.context,
    }
    text = json.dumps(metadata, sort_keys=True).encode()
    return Member(text, "utf-8", (len(text),))


def _cut(rows: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
    """Rows `begin ... end - 1`, zeros before the first and after the last row."""
    cut = np.zeros((end - begin, *rows.shape[1:]), rows.dtype)
    inside = rows[max(begin, 0) : max(min(end, len(rows)), 0)]
    cut[max(-begin, 0) : max(-begin, 0) + len(inside)] = inside
    return cut


def _raw(array: NDArray[Any]) -> Member:
    """The array's values in little-endian order."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return Member(little.tobytes(), array.dtype.name, array.shape)


def _flac(samples: NDArray[np.int16], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _int16(samples: NDArray[np.int16], rate: int) -> bytes:
    return samples.astype("<i2").tobytes()


_ENCODERS = {"flac": _flac, "i16": _int16}


def write_shard(
    path: Path,
    records: Sequence[tuple[dict[str, Member], dict[str, Any]]],
    plan: str,
    grid: Grid,
    staging: Path | None = None,
) -> None:
    """Write a tar, then its sidecar, each under a temporary name first; the same records give the same bytes.

    Args:
        path: the tar's final name.
        records: members and index entry of each record.
        plan: hash of the shard's content, by which `is_done` knows it.
        grid: written into the sidecar.
        staging: folder of the temporary files; None: that of the tar.
    """
    # An existing index stays until it is replaced. If it is of other content, its plan differs and the shard does not
    # count as done; if it is of the same, another process has just finished the same shard.
    with write_atomically(path, staging) as file:
        # mtime=0 keeps the bytes reproducible and the headers plain: a float time would cost a PAX header per member.
        with webdataset.TarWriter(file, mtime=0, encoder=False) as tar:
            for members, entry in records:
                tar.write({"__key__": entry["key"], **{name: member.data for name, member in members.items()}})
    with tarfile.open(path, "r:") as tar:
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
    with write_atomically(sidecar(path), staging) as file:
        content = json.dumps(index).encode()
        file.write(content[:-1] + CHECK + hashlib.sha256(content).hexdigest().encode() + b'"}')
