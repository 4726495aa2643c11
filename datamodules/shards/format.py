"""The shard format: plain WebDataset tars, each with a sidecar index that marks it done.

A record is a set of members `<key>.<extension>`, of which any but the last may be lacking:

- `flac` or `i16`: audio, int16 mono, as FLAC or as raw little-endian values;
- `f0`: raw little-endian float32 `(label frames,)` or, of several voices, `(label frames, pitches)`; Hz, 0 unvoiced;
- `feat`: features that stand in for audio, raw little-endian float32 `(frames, dimensions)`;
- `cqt`: cut from a spectrogram of the whole recording, raw little-endian uint16 `(frames, channels, bins)`;
- `txt`: the transcript, UTF-8, symbols separated by blanks;
- `json`: metadata, the class of the recording among them.

The sidecar `<shard>.json`, written last, gives size and sha256 of the tar, and for each member its offset, size,
dtype, shape and sha256; for each record the track, the first label frame, the number of frames that the record owns, a
bitmap of the voiced ones, its class and the number of symbols of its transcript. Windows are never stored, and
nothing about a network is.

A record of a track owns the label frames `start ... start + frames - 1`. Its audio reaches `context` samples to
both sides of their centres, zeros only beyond the track's ends, and its features and spectrogram as many frames as fit
into that; its f0 goes on behind the owned frames for as long as the context lasts and the track has frames, so that
an excerpt of several frames may begin at any owned one. Where a track is one record, its audio is the whole recording.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import soundfile
import webdataset
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import write_atomically
from datamodules.preparation.preprocess import Staged, Track

FORMAT = 1
CHECK = b', "sha256_of_the_rest": "'
AudioMember = Literal["flac", "i16"]


class Grid(NamedTuple):
    """The units of a data set's records.

    Attributes:
        rate: samples per second.
        hop: samples between label frames; frame t is centred on sample t * hop.
        segment: label frames that a record owns (the last of a track may own fewer); 0: a track is one record.
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
        staged: the preprocessed track.
        start: first owned label frame.
        metadata: JSON values of the recording.
        label: class of the recording, if it has one.
        transcript: what is said in the recording, if it is known.
    """

    key: str
    recording: str
    staged: Staged
    start: int
    metadata: Mapping[str, Any]
    label: str | None = None
    transcript: str | None = None


class Member(NamedTuple):
    """One file of a record, encoded."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


def encode_record(
    track: Track, segment: Segment, grid: Grid, audio: AudioMember = "flac"
) -> tuple[dict[str, Member], dict[str, Any]]:
    """Cut and encode a record.

    Args:
        track: the whole preprocessed recording.
        segment: which part of it.
        grid: rate, hop, segment length and context.
        audio: how the samples are stored.

    Returns:
        The members by extension, and what the index says of the record apart from its members.
    """
    frames = min(grid.segment or track.frames, track.frames - segment.start)
    around = grid.context // grid.hop
    members: dict[str, Member] = {}
    entry: dict[str, Any] = {
        "key": segment.key,
        "track": segment.recording,
        "start": segment.start,
        "frames": frames,
    }
    if track.samples is not None:
        if grid.segment:
            begin = segment.start * grid.hop - grid.context
            end = (segment.start + frames - 1) * grid.hop + grid.context
            samples = _cut(track.samples, begin, end)
        else:  # a whole recording ends where its audio ends, in the middle of a hop
            samples = _cut(track.samples, -grid.context, track.samples.size + grid.context)
        members[audio] = Member(_ENCODERS[audio](samples, grid.rate), "int16", samples.shape)
    for name, rows in (("feat", track.features), ("cqt", track.spectrum)):
        if rows is not None:
            members[name] = _raw(_cut(rows, segment.start - around, segment.start + frames + around))
    if track.f0 is not None:
        f0 = track.f0[segment.start : segment.start + frames + grid.lookahead]
        members["f0"] = _raw(f0)
        voiced = (f0[:frames] > 0).reshape(frames, -1).any(axis=1)
        entry["voiced"] = base64.b64encode(np.packbits(voiced).tobytes()).decode()
    if segment.transcript is not None:
        text = segment.transcript.encode()
        members["txt"] = Member(text, "utf-8", (len(text),))
        entry["symbols"] = len(segment.transcript.split())
    if segment.label is not None:
        entry["label"] = segment.label
    members["json"] = _metadata(track, segment, grid, frames)
    return members, entry


def _metadata(track: Track, segment: Segment, grid: Grid, frames: int) -> Member:
    metadata = {
        **segment.metadata,
        **({} if segment.label is None else {"label": segment.label}),
        "id": segment.recording,
        "start": segment.start,
        "frames": frames,
        "track_frames": track.frames,
        "rate": grid.rate,
        "hop": grid.hop,
        "context": grid.context,
    }
    text = json.dumps(metadata, sort_keys=True).encode()
    return Member(text, "utf-8", (len(text),))


def _cut(rows: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
    """Rows `begin ... end - 1`, zeros where there are none."""
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


def decode_audio(data: bytes, member: str) -> NDArray[np.int16]:
    """The samples of an audio member.

    Args:
        data: its bytes.
        member: `flac` or `i16`.

    Raises:
        soundfile.LibsndfileError: it is no FLAC.
    """
    return np.frombuffer(data, "<i2") if member == "i16" else decode_flac(data)


def decode_flac(data: bytes) -> NDArray[np.int16]:
    """The int16 samples of a FLAC member.

    Raises:
        soundfile.LibsndfileError: it is no FLAC.
    """
    samples: NDArray[np.int16] = soundfile.read(io.BytesIO(data), dtype="int16")[0]
    return samples


def write_shard(
    path: Path,
    records: Sequence[tuple[dict[str, Member], dict[str, Any]]],
    plan: str,
    grid: Grid,
    staging: Path | None = None,
) -> None:
    """Write a tar, then its sidecar; both appear whole or not at all, and the same records give the same bytes.

    Args:
        path: the tar's final name.
        records: members and index entry of each record.
        plan: hash of what the shard was asked to hold.
        grid: written into the sidecar.
        staging: folder of the temporary files; None: that of the tar.
    """
    # An index that stands there already stays until it is replaced: of other content, it names another plan and does
    # not count as done; of the same, another process has just finished the same shard, and it is right.
    with write_atomically(path, staging) as file:
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
    with write_atomically(sidecar(path), staging) as file:
        content = json.dumps(index).encode()
        file.write(content[:-1] + CHECK + hashlib.sha256(content).hexdigest().encode() + b'"}')


def _undamaged(content: bytes) -> bool:
    """Whether an index is what was written, by the hash of itself that it ends with."""
    body, found, check = content.rpartition(CHECK)
    return not found or hashlib.sha256(body + b"}").hexdigest().encode() == check[:64]


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
        content = sidecar(path).read_bytes()
        index = json.loads(content)
        return bool(_undamaged(content) and index["plan"] == plan and index["bytes"] == path.stat().st_size)
    except (OSError, ValueError, KeyError):
        return False


def read_sidecar(shard: Path, sha256: str | None = None) -> dict[str, Any]:
    """The index of a shard, after checking that the tar beside it has the size that the index states.

    Args:
        shard: the tar.
        sha256: what the index' own bytes must hash to, if that is known.

    Raises:
        DataError: tar or sidecar is missing, unreadable, of another format, of another size or not the one that was
            written; names the shard.
    """
    again = "run `melisma prepare` again to rebuild it"
    try:
        content = sidecar(shard).read_bytes()
        index: dict[str, Any] = json.loads(content)
        size = shard.stat().st_size
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: missing; {again}") from error
    except ValueError as error:
        raise DataError(f"{sidecar(shard)}: not a readable index ({error}); {again}") from error
    if index.get("format") != FORMAT:
        raise DataError(f"{sidecar(shard)}: format {index.get('format')!r}, expected {FORMAT}; {again}")
    if size != index["bytes"]:
        raise DataError(f"{shard}: {size} bytes, but its index says {index['bytes']} (truncated or replaced); {again}")
    if not _undamaged(content) or (sha256 is not None and hashlib.sha256(content).hexdigest() != sha256):
        raise DataError(f"{sidecar(shard)}: not the index that belongs here (damaged, or of other shards); {again}")
    return index
