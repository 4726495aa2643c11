"""The columns of several column files behind each other, as those of one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.shards.columns import ColumnFile
from datamodules.shards.names import Names


class JoinedColumns:
    """Columns of one file as they are mapped, of several files as arrays in memory.

    Args:
        parts: the files.
        leads: stand before the tracks of each, so that those of different directories differ.
    """

    def __init__(self, parts: Sequence[ColumnFile], leads: Sequence[str]) -> None:
        self._parts, self._leads = parts, leads
        # A lead ends in the only slash that it has. So if leads differ, tracks of one sort before all of the next.
        self._sorted = sorted(range(len(parts)), key=lambda part: leads[part])
        self._distinct = len(set(leads)) == len(leads)

    def column(self, name: str) -> NDArray[Any]:
        """A column of numbers."""
        return _behind([part.column(name) for part in self._parts])

    @property
    def keys(self) -> Sequence[str]:
        """Of the records."""
        return Names([part.text("keys") for part in self._parts])

    @cached_property
    def tracks(self) -> Sequence[str]:
        """Ids of the tracks, sorted."""
        if self._distinct:
            texts = [self._parts[part].text("tracks", self._leads[part]) for part in self._sorted]
            return Names([text for text in texts if len(text.ends) > 1], ordered=True)
        return tuple(sorted({name for part in range(len(self._parts)) for name in self._names(part)}))

    def _names(self, part: int) -> Names:
        return Names([self._parts[part].text("tracks", self._leads[part])])

    @cached_property
    def _places(self) -> list[NDArray[np.int64] | int]:
        """Of each part, what its tracks' numbers become: each its own, or all larger by one number."""
        if self._distinct:
            counts = [len(self._parts[part].array("track_frames")) for part in self._sorted]
            shifts = dict(zip(self._sorted, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))
            return [shifts[part] for part in range(len(self._parts))]
        place = {name: number for number, name in enumerate(self.tracks)}
        return [np.array([place[name] for name in self._names(part)], np.int64) for part in range(len(self._parts))]

    @cached_property
    def track(self) -> NDArray[Any]:
        """`(records,)` place of each record's track in `tracks`."""
        if len(self._parts) == 1:
            return self.column("track")
        moved = [
            part.column("track") + np.int32(places) if isinstance(places, int) else places[part.column("track")]
            for part, places in zip(self._parts, self._places, strict=True)
        ]
        track: NDArray[np.int32] = np.concatenate(moved).astype(np.int32)
        return track

    @cached_property
    def track_frames(self) -> NDArray[Any]:
        """`(tracks,)` label frames of each."""
        if self._distinct:
            return _behind([self._parts[part].array("track_frames") for part in self._sorted])
        frames: NDArray[np.int64] = np.zeros(len(self.tracks), np.int64)
        np.maximum.at(frames, self.track, self.column("start") + self.column("frames").astype(np.int64))
        return frames

    @cached_property
    def order(self) -> NDArray[Any]:
        """`(records,)` by track, then by time."""
        if len(self._parts) == 1:
            return self.column("order")
        order: NDArray[np.int32] = np.lexsort((self.column("start"), self.track)).astype(np.int32)
        return order

    @cached_property
    def first(self) -> NDArray[Any]:
        """`(tracks + 1,)` where each track begins in `order`, and where the last one ends."""
        if len(self._parts) == 1:
            return self._parts[0].array("first")
        first: NDArray[np.int64] = np.zeros(len(self.track_frames) + 1, np.int64)
        np.cumsum(np.bincount(self.track, minlength=len(self.track_frames)), out=first[1:])
        return first

    @property
    def shard(self) -> NDArray[Any]:
        """`(records,)` place of each record's shard among those of all parts."""
        before = np.cumsum([0, *(len(part.shards) for part in self._parts[:-1])]).tolist()
        shards = [part.column("shard") for part in self._parts]
        return _behind([shard + np.int32(n) if n else shard for shard, n in zip(shards, before, strict=True)])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The classes that occur, sorted."""
        return tuple(sorted({label for part in self._parts for label in part.labels}))

    @property
    def label(self) -> NDArray[Any]:
        """`(records,)` place of each record's class in `labels`, -1 without class."""
        if len(self._parts) == 1:
            return self.column("label")
        place = {label: number for number, label in enumerate(self.labels)}
        tables = [np.array([*(place[label] for label in part.labels), -1], np.int32) for part in self._parts]
        return _behind([table[part.column("label")] for part, table in zip(self._parts, tables, strict=True)])


def _behind(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
