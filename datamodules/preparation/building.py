"""The shards of a recipe, each an independent task; and dataset.json, which says that all of them are there."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from datamodules.corpora.base import Recording
from datamodules.files import write_atomically
from datamodules.preparation.preprocess import Preprocessor, Staged
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.staging import DESCRIPTION, Staging
from datamodules.shards.format import (
    FORMAT,
    AudioMember,
    Grid,
    Segment,
    encode_record,
    is_done,
    read_sidecar,
    sha256_of,
    sidecar,
    write_shard,
)


def plan_shards(
    recipe: ShardRecipe, split: str, recordings: Sequence[Recording], staged: Mapping[str, Staged]
) -> Iterator[tuple[str, list[Segment]]]:
    """Name and segments of every shard of a split: a pure function of the recipe and its usable recordings.

    Training records are permuted over all shards, so that a shard read in order is already a sample of the whole;
    the other splits keep the order of their tracks.
    """
    grid = recipe.grid
    segments = [
        Segment(
            f"t{number:06d}_{start:07d}",
            recording.id,
            staged[recording.id],
            start,
            recording.metadata,
            recording.label,
            recording.transcript,
        )
        for number, recording in enumerate(recordings)
        if recording.id in staged
        for start in range(0, staged[recording.id].frames, grid.segment or staged[recording.id].frames)
    ]
    if split == "train":
        order = np.random.default_rng([recipe.seed, 0]).permutation(len(segments))
        segments = [segments[place] for place in order]
    count = -(-len(segments) // recipe.records_per_shard)
    bounds = np.linspace(0, len(segments), count + 1).round().astype(int)
    for number in range(count):
        yield f"{split}-{number:06d}-of-{count:06d}.tar", segments[bounds[number] : bounds[number + 1]]


def build_shard(
    path: Path,
    segments: Sequence[Segment],
    grid: Grid,
    audio: AudioMember,
    preprocessor: Preprocessor,
    staging: Staging,
) -> bool:
    """Write one shard unless it stands finished with the same content; True."""
    plan = _content(segments, grid, audio)
    if not is_done(path, plan):
        records = [encode_record(preprocessor.get(each.staged), each, grid, audio) for each in segments]
        write_shard(path, records, plan, grid, staging.folder)
    return True


def built(
    path: Path,
    segments: Sequence[Segment],
    grid: Grid,
    audio: AudioMember,
    preprocessor: Preprocessor,
    staging: Staging,
) -> bool | None:
    """True if the shard stands finished with this content, else None."""
    return True if is_done(path, _content(segments, grid, audio)) else None


def _content(segments: Sequence[Segment], grid: Grid, audio: AudioMember) -> str:
    """Hash of what a shard is to hold."""
    asked = json.dumps([FORMAT, grid, audio, [[*each[:4], dict(each.metadata), *each[5:]] for each in segments]])
    return hashlib.sha256(asked.encode()).hexdigest()


def conversions(staged: Iterable[Staged], rate: int) -> dict[str, int]:
    """Recordings whose audio files were changed, by how: from another rate, or to one channel."""
    counts: Counter[str] = Counter()
    for layout in (each.layout for each in staged):
        if layout is not None:
            stored, channels = layout  # a plain list, if another process wrote the note
            counts.update([f"resampled from {stored} Hz"] * (stored != rate) + ["mixed to mono"] * (channels != 1))
    return dict(sorted(counts.items()))


def finish(
    recipe: ShardRecipe,
    staging: Staging,
    shards: Mapping[str, Sequence[str]],
    left_out: Mapping[str, str],
    converted: Mapping[str, int],
) -> None:
    """Write dataset.json, the last file, after reading every sidecar once more."""
    directory, grid, splits, digests = staging.directory, recipe.grid, {}, []
    for split, names in shards.items():
        indexes = [read_sidecar(directory / name) for name in names]
        records = [record for index in indexes for record in index["records"]]
        frames = sum(record["frames"] for record in records)
        digests += [index["sha256"] for index in indexes]
        splits[split] = {
            "shards": list(names),
            "indexes": [sha256_of(sidecar(directory / name)) for name in names],
            "records": len(records),
            "tracks": len({record["track"] for record in records}),
            "frames": frames,
            "hours": frames * grid.hop / grid.rate / 3600,
        }
        if recipe.classes is not None:
            splits[split]["labels"] = Counter(record["label"] for record in records)
    description = {
        "format": FORMAT,
        "id": hashlib.sha256("".join(digests).encode()).hexdigest(),
        **grid._asdict(),
        "classes": recipe.classes,
        "phones": recipe.phones,
        "splits": splits,
        "left_out": dict(left_out),
        "converted": dict(converted),
        "recipe": recipe.describe(),
    }
    with write_atomically(directory / DESCRIPTION, staging.folder) as file:
        file.write(json.dumps(description, indent=1).encode())
    staging.remove_others(name for names in shards.values() for name in names)
