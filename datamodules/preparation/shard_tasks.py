"""Which records are in which shard, and `ShardTask`, which writes one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datamodules.corpora.base import Recording
from datamodules.preparation.preprocess import Preprocessor, Staged
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.format import FORMAT, AudioMember, Grid, is_done
from datamodules.shards.writer import RecordPlan, encode_record, write_shard


class PlannedRecord(NamedTuple):
    """A record to write, and the recording's arrays, from which it is cut."""

    plan: RecordPlan
    staged: Staged


class SplitPlan:
    """Names and records of all shards of a split: a pure function of the recipe and its usable recordings.

    Training records are permuted over all shards, so that each shard is a random sample of the whole split. The other
    splits keep the order of their tracks. It takes 12 bytes for a record; what a record is, is said shard by shard.

    Attributes:
        names: of the shards.

    Args:
        recipe: what to prepare.
        split: name of the split.
        recordings: of the split.
        staged: usable recordings by their id.
    """

    def __init__(
        self, recipe: ShardRecipe, split: str, recordings: Sequence[Recording], staged: Mapping[str, Staged]
    ) -> None:
        self._recordings, self._staged = recordings, staged
        usable = [number for number, recording in enumerate(recordings) if recording.id in staged]
        frames = np.array([staged[recordings[number].id].frames for number in usable], np.int64)
        segment = recipe.grid.segment or int(frames.max(initial=1))
        counts = -(-frames // segment)
        self._number = np.repeat(np.array(usable, np.int32), counts)
        self._start = (np.arange(len(self._number)) - np.repeat(np.cumsum(counts) - counts, counts)) * segment
        if split == "train":
            order = np.random.default_rng([recipe.seed, 0]).permutation(len(self._number))
            self._number, self._start = self._number[order], self._start[order]
        count = -(-len(self._number) // recipe.records_per_shard)
        self._bounds = np.linspace(0, len(self._number), count + 1).round().astype(int)
        self.names = [f"{split}-{number:06d}-of-{count:06d}.tar" for number in range(count)]

    def records(self, shard: int) -> list[PlannedRecord]:
        """The records of a shard, in their order."""
        span = slice(self._bounds[shard], self._bounds[shard + 1])
        return [
            self._record(number, start)
            for number, start in zip(self._number[span].tolist(), self._start[span].tolist(), strict=True)
        ]

    def _record(self, number: int, start: int) -> PlannedRecord:
        recording = self._recordings[number]
        plan = RecordPlan(
            key=f"t{number:06d}_{start:07d}",
            recording=recording.id,
            start=start,
            metadata=recording.metadata,
            label=recording.label,
            transcript=recording.transcript,
            group=None if recording.group == recording.id else recording.group,
        )
        return PlannedRecord(plan, self._staged[recording.id])


class ShardTask(NamedTuple):
    """A shard to write; picklable, so that another process can write it.

    Attributes:
        path: of the tar.
        records: in their order.
        grid: of the shard.
        audio: how samples are stored.
        preprocessor: finds the arrays of a recording.
        temporary: folder of temporary files.
    """

    path: Path
    records: Sequence[PlannedRecord]
    grid: Grid
    audio: AudioMember
    preprocessor: Preprocessor
    temporary: Path

    @property
    def content(self) -> str:
        """Hash of the shard's content, by which `is_done` knows it."""
        records = [
            [
                *(plan.key, plan.recording, staged, plan.start, dict(plan.metadata), plan.label, plan.transcript),
                *([] if plan.group is None else [plan.group]),
            ]
            for plan, staged in self.records
        ]
        return hashlib.sha256(json.dumps([FORMAT, self.grid, self.audio, records]).encode()).hexdigest()

    def build(self) -> None:
        """Write the shard, unless it is finished with the same content."""
        content = self.content
        if not is_done(self.path, content):
            records = [
                encode_record(self.preprocessor.get(staged), plan, self.grid, self.audio)
                for plan, staged in self.records
            ]
            write_shard(self.path, records, content, self.grid, self.temporary)
