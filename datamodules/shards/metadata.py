"""What a corpus says of its recordings besides audio and annotation: their group and their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from datamodules.errors import DataError
from datamodules.shards.access import describe, named_shards
from datamodules.shards.format import parse_sidecar, sidecar_name
from datamodules.storage.base import Part, Storage, StoredFile
from datamodules.storage.places import open_storage

if TYPE_CHECKING:
    from datamodules.shards.schema import MemberEntry

_OF_THE_RECORD = ("id", "start", "frames", "track_frames", "rate", "hop", "context")


class TrackMetadata(NamedTuple):
    """What is known of a recording.

    Attributes:
        group: song, artist or speaker; the recording's own id if its corpus has no groups, or it was prepared by a
            version that did not note them.
        values: the metadata that its corpus gave, and its class as `label`, if it has one.
    """

    group: str
    values: Mapping[str, Any]


def read_metadata(directory: str | Path | Storage, split: str) -> dict[str, TrackMetadata]:
    """Group and metadata of every recording of a split.

    Args:
        directory: a prepared directory; a string may be a URL or a command.
        split: name of the split.

    Returns:
        By the recording's id, sorted.

    Raises:
        DataError: directory, split or shard is missing or damaged; the message names it.
    """
    from datamodules.shards.schema import read_values  # loaded by `describe`

    found: dict[str, TrackMetadata] = {}
    storage = open_storage(directory)
    for name, digest in named_shards(storage.label, describe(storage), split):
        index = parse_sidecar(storage.read(sidecar_name(name), digest), storage.where(sidecar_name(name)), digest)
        file = StoredFile(name, index["bytes"], index["sha256"])
        first = {record["track"]: record for record in reversed(index["records"]) if record["track"] not in found}
        for track, record in first.items():
            if "json" not in record["members"]:
                raise DataError(f"{storage.where(name)}: {track!r} has no metadata: the member `json` is missing")
        parts = {track: _part(file, record["members"]["json"]) for track, record in reversed(first.items())}
        storage.prefetch(parts.values())
        for track, part in parts.items():
            data = storage.part(part)
            if data is None:
                raise DataError(
                    f"{storage.where(name)}: {first[track]['key']}.json: its bytes are not those that were written; "
                    f"{storage.remedy}"
                )
            said = read_values(data, f"{storage.where(name)}: {first[track]['key']}.json", storage.remedy)
            values = {name: value for name, value in said.items() if name not in _OF_THE_RECORD}
            found[track] = TrackMetadata(first[track].get("group", track), values)
    return dict(sorted(found.items()))


def _part(file: StoredFile, member: MemberEntry) -> Part:
    return Part(file, member["offset"], member["size"], bytes.fromhex(member["sha256"]))
