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
from heapq import heapreplace
from typing import Any, NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.shards.format import Grid

Ints = NDArray[np.int64]
_BLOCK = 4096  # records whose bitmaps are looked at together


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
    voiced: NDArray[Any]

    def __len__(self) -> int: ...

    def refuse_changed(self) -> None:
        """Refuse to go on if somebody has written to what the columns are read from."""

    def voiced_frames(self, record: int) -> NDArray[np.bool_]:
        """`(frames,)` which owned label frames are voiced."""

    def voiced_bits(self, first: int, last: int) -> tuple[NDArray[np.uint8], Ints]:
        """Voiced frames of the records `first ... last - 1`, and where each begins; see `SplitIndex.voiced_bits`."""

    def records_of(self, track: int) -> Ints:
        """The records of a track in time order."""

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

    def counts(self, index: Records) -> NDArray[Any]:
        """`(records,)` windows of each record."""
        if self.voiced_only and max(self.frames, self.stride) > 1:
            blocks = range(0, len(index), _BLOCK)
            return np.concatenate([self._voiced_counts(index, at, min(at + _BLOCK, len(index))) for at in blocks])
        if self.stride == 1:
            return index.voiced if self.voiced_only else index.frames
        counts: NDArray[Any] = np.maximum(-((-index.start % self.stride - index.frames) // self.stride), 0)
        return counts

    def _voiced_counts(self, index: Records, first: int, last: int) -> NDArray[np.int32]:
        """Windows of the records `first ... last - 1` that begin up to `frames - 1` frames before a voiced one."""
        bits, begins = index.voiced_bits(first, last)
        before, behind = np.zeros((2, bits.size), np.bool_)
        before[1:], behind[:-1] = bits[:-1], bits[1:]
        inner = begins[(begins > 0) & (begins < bits.size)]
        before[inner] = behind[inner - 1] = False  # a run of voiced frames ends with its record
        begin, end = (np.flatnonzero(bits.view(np.bool_) & ~beside) for beside in (before, behind))
        record = np.searchsorted(begins[1:], begin, side="right")
        begin, end = begin - begins[record], end - begins[record]
        # Windows of the run from `begin` to `end` begin behind `low`, where those of the run before it end.
        low = np.maximum(begin - self.frames, -1)
        follows = np.diff(record, prepend=-1) == 0
        low[follows] = np.maximum(low, np.roll(end, 1))[follows]
        offset = (-index.start[first:last] % self.stride)[record]
        windows = (end - offset) // self.stride - (low - offset) // self.stride
        return np.bincount(record, windows, last - first).astype(np.int32)


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
        # 32 bits where they suffice: the order is the same, and every process that decodes holds it.
        order = rng.permutation(np.arange(len(counts), dtype=np.int32 if len(counts) < 2**31 else np.int64))
        self.order = order if np.all(counts) else order[counts[order] > 0]
        self.ends = np.cumsum(counts[self.order], dtype=np.int64)
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
        begins = np.concatenate([self.ends[first - 1 : first] if first else [0], self.ends[first : last + 1]])
        counts = np.minimum(begins[1:], high) - np.maximum(begins[:-1], low)
        slot = np.repeat(np.arange(last - first + 1), counts)
        number_in_record = np.arange(low, high) - begins[slot]
        permuted = np.random.default_rng([self.seed, self.epoch, stream, number]).permutation(high - low)
        records = self.order[first : last + 1].astype(np.int64)
        return Group(low - int(self.low[stream]), records, slot[permuted], number_in_record[permuted])


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


def deal_tracks(track_frames: NDArray[Any], ranks: int) -> list[Ints]:
    """Tracks of each rank: the longest is dealt first, each to the rank with the fewest frames so far."""
    if ranks == 1:
        return [np.arange(len(track_frames))]
    rank_of = np.empty(len(track_frames), np.int32)
    load = [(0, rank) for rank in range(ranks)]
    for track in np.argsort(-track_frames, kind="stable"):
        frames, rank = load[0]
        heapreplace(load, (frames + int(track_frames[track]), rank))
        rank_of[track] = rank
    return [np.flatnonzero(rank_of == rank) for rank in range(ranks)]


class EvaluationPlan(Sequence[Chunk]):
    """The batches of one rank; every rank gets the same number of them. A chunk is made when it is asked for.

    Args:
        track_frames: `(tracks,)` label frames.
        rank: of this process.
        ranks: number of processes.
        chunk: label frames of one batch.
    """

    def __init__(self, track_frames: NDArray[Any], rank: int, ranks: int, chunk: int) -> None:
        dealt = deal_tracks(track_frames, ranks)
        # A copy: the column file that they are mapped from may be cut off while the batches are asked for.
        self._frames, self._chunk, self._tracks = track_frames[dealt[rank]], chunk, dealt[rank]
        # Chunks up to the end of each track.
        ends = [np.cumsum(-(-track_frames[tracks] // chunk), dtype=np.int64) for tracks in dealt]
        self._ends, self._chunks = ends[rank], max(int(each[-1]) if each.size else 0 for each in ends)

    @override
    def __len__(self) -> int:
        return self._chunks

    @overload
    def __getitem__(self, place: int) -> Chunk: ...
    @overload
    def __getitem__(self, place: slice) -> list[Chunk]: ...
    @override
    def __getitem__(self, place: int | slice) -> Chunk | list[Chunk]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        dealt = int(np.searchsorted(self._ends, place, side="right"))
        if dealt == len(self._ends):
            return Chunk(-1, 0, 0, False)
        track = int(self._tracks[dealt])
        start, frames = (place - int(self._ends[dealt - 1] if dealt else 0)) * self._chunk, int(self._frames[dealt])
        return Chunk(track, start, min(self._chunk, frames - start), start + self._chunk >= frames)

    def following(self, chunk: Chunk, step: int, count: int) -> list[Chunk]:
        """Every `step`-th of the chunks behind one of this plan, `count` at most."""
        dealt = int(np.searchsorted(self._tracks, chunk.track))
        place = int(self._ends[dealt - 1] if dealt else 0) + chunk.start // self._chunk
        return self[place + step : place + step * count + 1 : step]
