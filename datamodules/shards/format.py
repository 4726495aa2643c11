"""The shard format: plain WebDataset tars, each with a sidecar index that marks it done.

A record has the members `<key>.<extension>`; all but `json` are optional:

- `flac` or `i16`: audio, int16 mono, as FLAC or as raw little-endian values;
- `f0`: raw little-endian float32 `(label frames,)` or, of several voices, `(label frames, pitches)`; Hz, 0 unvoiced;
- `feat`: features of a recording without audio, raw little-endian float32 `(frames, dimensions)`;
- `cqt`: a part of the whole recording's spectrogram, raw little-endian uint16 `(frames, channels, bins)`;
- `txt`: the transcript, UTF-8, symbols separated by blanks;
- `json`: metadata, with the class of the recording.

The sidecar `<shard>.json` is written last. It holds size and SHA-256 of the tar; for each member its offset, size,
dtype, shape and SHA-256; for each record its track, first label frame, number of owned frames, a bitmap of the voiced
ones, its class, the number of symbols of its transcript, and the group of its recording (a song, a speaker) if that is
not the recording itself. It holds no windows and nothing about a network.

A record owns the label frames `start ... start + frames - 1` of its track. Its audio extends `context` samples beyond
the centres of the first and last one, with zeros only beyond the track's ends; features and spectrogram extend as many
whole frames. Its f0 continues behind the owned frames as far as context and track reach, so that an excerpt of several
frames may begin at any owned frame. If a track is one record, its audio is the whole recording.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from datamodules.errors import DataError, shown
from datamodules.files import read_regular

if TYPE_CHECKING:
    from datamodules.shards.schema import ShardIndex

FORMAT = 1
HIGHEST_RATE = 10_000_000  # samples per second, or samples of a hop; recorders of bats reach a tenth of it
LONGEST = 2**40  # frames or samples of a record, bytes of a member: years
_AGAIN = "run `melisma prepare` again to rebuild it"
CHECK = b', "sha256_of_the_rest": "'
AudioMember = Literal["flac", "i16"]


class Grid(NamedTuple):
    """Rates and sizes that all records of a data set share.

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
        """Label frames that are stored after the owned ones."""
        return self.context // self.hop


def stored_rows(member: str, frames: int, grid: Grid) -> tuple[int, int]:
    """How many rows a member holds, at least and at most.

    Args:
        member: `flac`, `i16`, `f0`, `feat` or `cqt`.
        frames: label frames that its record owns.
        grid: of the record.
    """
    around = grid.lookahead
    if member == "f0":
        return frames, frames + around
    if member in ("feat", "cqt"):
        return frames + 2 * around, frames + 2 * around
    samples = (frames - 1) * grid.hop + 2 * grid.context
    return (samples, samples) if grid.segment else (samples + 1, samples + grid.hop)


def decode_audio(data: bytes, member: str) -> NDArray[np.int16]:
    """The samples of an audio member.

    Args:
        data: its bytes.
        member: `flac` or `i16`.

    Raises:
        soundfile.LibsndfileError: `data` is not FLAC.
    """
    if member == "i16":
        return np.frombuffer(data, "<i2")
    samples: NDArray[np.int16] = soundfile.read(io.BytesIO(data), dtype="int16")[0]
    return samples


def _undamaged(content: bytes) -> bool:
    """Whether an index is intact, by the hash at its end; indexes of earlier versions have none and pass."""
    body, found, check = content.rpartition(CHECK)
    return not found or hashlib.sha256(body + b"}").hexdigest().encode() == check[:64]


def sidecar(shard: Path) -> Path:
    """The index file beside a tar."""
    return shard.with_suffix(".json")


def sidecar_name(shard: str) -> str:
    """Name of the index file of a tar."""
    return sidecar(Path(shard)).name


def is_done(path: Path, plan: str) -> bool:
    """Whether a shard is complete on disk and was written with this hash of its content (`plan`)."""
    try:
        return read_sidecar(path).get("plan") == plan
    except DataError:
        return False


def read_sidecar(shard: Path, sha256: str | None = None) -> ShardIndex:
    """The index of a shard, checked against its own hash and the size of the tar.

    Args:
        shard: the tar.
        sha256: SHA-256 of the index file, if known.

    Raises:
        DataError: tar or sidecar is missing, unreadable, of another format or size, or not the one that was written;
            names the shard.
    """
    try:
        content = read_regular(sidecar(shard))
        size = shard.stat().st_size
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: missing; {_AGAIN}") from error
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}; {_AGAIN}") from error
    return parse_sidecar(content, str(sidecar(shard)), sha256, (str(shard), size))


def parse_sidecar(
    content: bytes, name: str, sha256: str | None = None, tar: tuple[str, int] | None = None
) -> ShardIndex:
    """An index from the bytes of its file, checked as `read_sidecar` does.

    Args:
        content: of the file.
        name: of the file, for messages.
        sha256: of the file, if known.
        tar: name and size of the tar, if known.
    """
    from datamodules.shards.schema import read_index  # here, because what only asks for a grid does without pydantic

    index = read_index(content, name)
    if tar is not None and tar[1] != index["bytes"]:
        raise DataError(
            f"{tar[0]}: {tar[1]} bytes, but its index says {index['bytes']} (truncated or replaced); {_AGAIN}"
        )
    stated = index.get("shard", Path(name).with_suffix(".tar").name)
    if sidecar_name(stated) != Path(name).name:
        raise DataError(f"{name}: the index of {shown(stated)}, not of this shard; {_AGAIN}")
    if not _undamaged(content) or (sha256 is not None and hashlib.sha256(content).hexdigest() != sha256):
        raise DataError(f"{name}: not the index that belongs here (damaged, or of other shards); {_AGAIN}")
    return index
