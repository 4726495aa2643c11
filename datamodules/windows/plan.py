"""The order of windows: pure functions of (index, seed, epoch, place).

Training. An epoch is one global sequence of windows. The records are permuted, and their windows, laid end to end, are
cut into `streams` equal streams. Within a stream, the windows of each group of records are permuted. The sequence takes
one window of each stream in turn. So consecutive windows come from different streams, each from a pool of `group`
records, and place p is found without drawing the places before it. Batches, ranks and workers cut the sequence; it
depends on none of them.

Evaluation. Whole tracks in time order, dealt to the ranks by length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.shards.format import Grid

Ints = NDArray[np.int64]


class Records(Protocol):
    """Records that windows are cut from, with the attributes of a SplitIndex."""

    directory: str
    grid: Grid
    has_f0: bool
    pitches: int
    shard: NDArray[Any]
    track: NDArray[Any]
    track_frames: NDArray[Any]
    start: NDArray[Any]
    frames: NDArray[Any]
    samples: NDArray[Any]

    def __len__(self) -> int: ...

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced."""

    def read_audio(self, record: int) -> NDArray[np.int16]:
        """Samples of a record, context included."""

    def read_spectrum(self, record: int) -> NDArray[np.uint16]:
        """Spectrogram of a record's owned frames, with as many frames on both sides as the context holds."""

    def read_f0(self, record: int) -> NDArray[np.float32]:
        """f0 of a record's owned frames and of those behind them within the context."""

    def prefetch(self, records: Iterable[int], members: Sequence[str]) -> None:
        """Begin to fetch members that are read soon, where that takes time; returns at once."""


class Windows(NamedTuple):
    """Which windows are training examples.

    Attributes:
        frames: label frames of one window.
        stride: label frames between the first frames of neighbouring windows; the first window of a track begins at
            its frame 0.
        voiced_only: keep a window only if one of its frames (those that its record owns) is voiced.
    """

    frames: int = 1
    stride: int = 1
    voiced_only: bool = False

    def starts(self, index: Records, record: int) -> Ints:
        """First frames of the record's windows, counted from the record's own first frame."""
        offset = -int(index.start[record]) % self.stride
        starts = np.arange(offset, int(index.frames[record]), self.stride)
        if self.voiced_only:
            voiced = np.concatenate([[0], np.cumsum(index.voiced_frames(record))])
            ends = np.minimum(starts + self.frames, voiced.size - 1)
            starts = starts[voiced[ends] > voiced[starts]]
        return starts


class Group(NamedTuple):
    """Part of a stream whose windows are permuted together.

    Attributes:
        first: place in the stream of its first window.
        records: `(records,)` of the index.
        slot: `(windows,)` place in `records` of each window's record, in the order of delivery.
        number: `(windows,)` index of each window among those of its record.
    """

    first: int
    records: Ints
    slot: Ints
    number: Ints


class TrainingPlan:
    """The global sequence of one epoch.

    Args:
        counts: `(records,)` windows of each record.
        seed: of the whole run.
        epoch: from 0.
        streams: how many streams are interleaved; part of the sequence's definition, never set from the machine.
        group: records whose windows are permuted together. `streams * group` records are held in memory in all.
    """

    def __init__(self, counts: Ints, seed: int, epoch: int, streams: int = 64, group: int = 8) -> None:
        self.seed, self.epoch, self.streams, self.group_size = seed, epoch, streams, group
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(counts))
        self.order = order[counts[order] > 0]
        self.ends = np.cumsum(counts[self.order])
        self.total = int(self.ends[-1]) if self.order.size else 0
        whole, rest = divmod(self.total, streams)
        sizes = whole + (np.arange(streams) < rest)
        # The stretches are dealt to the streams at random. Otherwise, where records are few, neighbouring streams would
        # always meet the same ones, and a batch smaller than the number of streams would hold only a part of the data.
        laid = rng.permutation(streams)
        self.high = np.zeros(streams, np.int64)
        self.high[laid] = np.cumsum(sizes[laid])
        self.low = self.high - sizes
        self.groups = [self._cut(stream) for stream in range(streams)]

    def _cut(self, stream: int) -> Ints:
        """Where the groups of a stream begin, and where the last one ends, counted along all windows.

        The first group of stream s is cut short in proportion to s, so that the streams do not all need their next
        records at the same moment.
        """
        low, high = self.low[stream], self.high[stream]
        first, last = np.searchsorted(self.ends, [low, high - 1], side="right")
        short = 1 + stream * self.group_size // self.streams
        cuts = self.ends[np.arange(first + short - 1, last, self.group_size)]
        groups: Ints = np.concatenate([[low], cuts, [high]]).astype(np.int64)
        return groups

    def group_of(self, stream: int, place: int) -> int:
        """Number of the group that holds a place of a stream."""
        return int(np.searchsorted(self.groups[stream], self.low[stream] + place, side="right") - 1)

    def group_end(self, stream: int, group: int) -> int:
        """Place in the stream behind the last window of a group."""
        return int(self.groups[stream][group + 1] - self.low[stream])

    def group_count(self, stream: int) -> int:
        """Groups of a stream."""
        return len(self.groups[stream]) - 1

    def records(self, stream: int, number: int) -> Ints:
        """The records of a group, `(records,)` of the index."""
        low, high = (int(bound) for bound in self.groups[stream][number : number + 2])
        first, last = np.searchsorted(self.ends, [low, high - 1], side="right")
        records: Ints = self.order[first : last + 1]
        return records

    def group(self, stream: int, number: int) -> Group:
        """The windows of a group in the order of delivery."""
        low, high = (int(bound) for bound in self.groups[stream][number : number + 2])
        first, last = np.searchsorted(self.ends, [low, high - 1], side="right")
        begins = np.concatenate([[0], self.ends])[first : last + 2]
        counts = np.minimum(begins[1:], high) - np.maximum(begins[:-1], low)
        slot = np.repeat(np.arange(last - first + 1), counts)
        number_in_record = np.arange(low, high) - begins[slot]
        permuted = np.random.default_rng([self.seed, self.epoch, stream, number]).permutation(high - low)
        return Group(
            low - int(self.low[stream]), self.order[first : last + 1], slot[permuted], number_in_record[permuted]
        )


class Chunk(NamedTuple):
    """A run of label frames of one track, evaluated in one batch.

    Attributes:
        track: place in the tracks of the index; -1 for an empty chunk that only keeps the ranks in step.
        start: first label frame.
        frames: how many.
        last: whether it ends its track.
    """

    track: int
    start: int
    frames: int
    last: bool


def deal_tracks(track_frames: Ints, ranks: int) -> list[list[int]]:
    """Tracks of each rank: the longest is dealt first, each to the rank with the fewest frames so far."""
    load = np.zeros(ranks, np.int64)
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    for track in np.argsort(-track_frames, kind="stable"):
        rank = int(np.argmin(load))
        load[rank] += track_frames[track]
        dealt[rank].append(int(track))
    return [sorted(tracks) for tracks in dealt]


def evaluation_plan(track_frames: Ints, rank: int, ranks: int, chunk: int) -> list[Chunk]:
    """The batches of one rank; every rank gets the same number of them.

    Args:
        track_frames: `(tracks,)` label frames.
        rank: of this process.
        ranks: number of processes.
        chunk: label frames of one batch.
    """
    plans = [
        [
            Chunk(track, start, min(chunk, int(track_frames[track]) - start), start + chunk >= track_frames[track])
            for track in tracks
            for start in range(0, int(track_frames[track]), chunk)
        ]
        for tracks in deal_tracks(track_frames, ranks)
    ]
    longest = max(len(plan) for plan in plans)
    return plans[rank] + [Chunk(-1, 0, 0, False)] * (longest - len(plans[rank]))
