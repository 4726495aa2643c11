"""What a corpus says of its recordings besides audio and annotation: their group and their metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.errors import DataError
from datamodules.shards.format import read_sidecar
from datamodules.shards.index import describe, shards_of

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


def read_metadata(directory: Path, split: str) -> dict[str, TrackMetadata]:
    """Group and metadata of every recording of a split.

    Args:
        directory: a prepared directory.
        split: name of the split.

    Returns:
        By the recording's id, sorted.

    Raises:
        DataError: directory, split or shard is missing or damaged; the message names it.
    """
    found: dict[str, TrackMetadata] = {}
    for path, digest in shards_of(directory, describe(directory), split):
        records = read_sidecar(path, digest)["records"]
        with path.open("rb") as shard:
            for record in records:
                if record["track"] in found:
                    continue
                member = record["members"]["json"]
                shard.seek(member["offset"])
                data = shard.read(member["size"])
                if hashlib.sha256(data).hexdigest() != member["sha256"]:
                    raise DataError(
                        f"{path}: {record['key']}.json: its bytes are not those that were written; "
                        "delete the shard and run `melisma prepare` again"
                    )
                values = {name: value for name, value in json.loads(data).items() if name not in _OF_THE_RECORD}
                found[record["track"]] = TrackMetadata(record.get("group", record["track"]), values)
    return dict(sorted(found.items()))
