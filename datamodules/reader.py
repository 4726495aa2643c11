"""The indexed reader: whole messages of windows, gathered from pools of decoded records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from datamodules.augment import Margin, item_seeds
from datamodules.errors import DataError
from datamodules.sampling import Group, Records, TrainingPlan, Windows

# The next group of a stream is decoded in the background once this share of the current one is delivered.
PREFETCH_AT = 0.75

NO_MARGIN = Margin()

Places = slice | NDArray[np.int64]


class Arrays(NamedTuple):
    """The memory of an `Excerpts`: to ask its tensors for their arrays takes as long as to copy several excerpts."""

    signal: NDArray[np.int16]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    seed: NDArray[np.int64]


class Excerpts(NamedTuple):
    """Windows and their labels, as they travel from a worker.

    Attributes:
        signal: `(windows, window)` int16.
        f0: `(windows, frames)` or, of several voices, `(windows, frames, pitches)` float32, Hz, 0 where unvoiced.
        valid: `(windows, frames)` bool, False beyond the track's end.
        track: `(windows,)` int64.
        frame: `(windows,)` int64, first label frame.
        seed: `(windows,)` int64, what chance there is in training hangs on: hashed from the run's seed, the epoch, the
            track's number in the index and the first label frame's number in the track. 0 in evaluation.
    """

    signal: Tensor
    f0: Tensor
    valid: Tensor
    track: Tensor
    frame: Tensor
    seed: Tensor

    @staticmethod
    def empty(windows: int, window: int, frames: int, pitches: int = 0) -> Excerpts:
        """Room for that many windows, invalid until filled; `pitches` is 0 for one voice."""
        # Memory of numpy's: torch asks malloc for aligned blocks, whose holes it cannot fill with the next message.
        arrays = Arrays(
            np.zeros((windows, window), np.int16),
            np.zeros((windows, frames, *_axis(pitches)), np.float32),
            np.zeros((windows, frames), np.bool_),
            np.full(windows, -1, np.int64),
            np.zeros(windows, np.int64),
            np.zeros(windows, np.int64),
        )
        return Excerpts(*map(torch.from_numpy, arrays))

    def arrays(self) -> Arrays:
        """The same memory as arrays."""
        return Arrays(*(field.numpy() for field in self))


def _axis(pitches: int) -> tuple[int, ...]:
    return (pitches,) if pitches else ()


def _put(stored: NDArray[np.float32], f0: NDArray[np.float32], at: int) -> None:
    """Copy stored labels to where they belong; a record may have fewer pitches than others."""
    here = f0[at : at + len(stored)]
    if f0.ndim == 2:
        here[:, : stored[0].size] = stored.reshape(len(stored), -1)
    else:
        here[:] = stored


@dataclass(frozen=True, eq=False)
class Pool:
    """The decoded records of a group, and strided views of them from which excerpts are gathered.

    Attributes:
        group: which records and windows these are.
        records: `(slots,)` of the index: those of the group, then those that are there for other reasons.
        samples: `(slots, samples)` int16, zeros behind a record's end.
        within: `(slots, 2)` where in `samples` the record's track begins, and where it or the record ends.
        audio: `(slots, frames, window)` view of `samples`.
        f0: `(slots, frames, labels)` or, of several voices, `(slots, frames, labels, pitches)` view, Hz.
        valid: `(slots, frames, labels)` view.
        starts: `(windows,)` first label frame of each window of the group, counted from its record's own first.
        track: `(windows,)` track of each.
        frame: `(windows,)` first label frame of each, counted from its track's first.
    """

    group: Group
    records: NDArray[np.int64]
    samples: NDArray[np.int16]
    within: NDArray[np.int64]
    audio: NDArray[np.int16]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    starts: NDArray[np.int64]
    track: NDArray[np.int32]
    frame: NDArray[np.int32]

    @cached_property
    def power(self) -> NDArray[np.float64]:
        """`(slots,)` mean square of each record, without the zeros beyond its track's ends; full scale at 32768."""
        parts = (row[begin:end] for row, (begin, end) in zip(self.samples, self.within, strict=True))
        # Sums of integers are exact in double precision, in whatever order they are taken.
        return np.array([np.square(part, dtype=np.float64).mean() for part in parts])


class WindowReader:
    """Cuts excerpts out of records.

    Args:
        index: of one split, or of a few records that have none.
        window: samples of an excerpt.
        windows: which excerpts there are.
        margin: what is cut more on each side, of audio and of labels.

    Raises:
        DataError: the excerpts need more context than the shards store; names the recipe's key.
    """

    def __init__(self, index: Records, window: int, windows: Windows, margin: Margin = NO_MARGIN) -> None:
        self.index, self.window, self.windows, self.margin = index, window, windows, margin
        # What is cut of one excerpt, margins included.
        self.span, self.labels_span = window + 2 * margin.samples, windows.frames + 2 * margin.frames
        grid = index.grid
        # The excerpt of frames i ... i + n - 1 is centred on the middle between the first and the last.
        self.lead = window // 2 - (windows.frames - 1) * grid.hop // 2
        tail = window - self.lead - (windows.frames - 1) * grid.hop
        need = max(self.lead, tail + (windows.frames - 1) * grid.hop) + margin.samples
        behind = windows.frames - 1 + margin.frames
        if need > grid.context or behind > grid.lookahead:
            seconds = max(need, behind * grid.hop) / grid.rate
            shifted, smaller = (", shifted in pitch,", " or smaller shifts") if margin.samples else ("", "")
            raise DataError(
                f"{index.directory}: a window of {window} samples over {windows.frames} label frames{shifted} needs "
                f"{seconds:.3f} s of context, the shards store {grid.context / grid.rate:.3f} s; prepare them with "
                f"context: {seconds:.3f} or more, or use a shorter window{smaller}"
            )

    def room(self, windows: int) -> Excerpts:
        """Room for that many excerpts with their margins, invalid until filled."""
        return Excerpts.empty(windows, self.span, self.labels_span, self.index.pitches)

    def counts(self) -> NDArray[np.int64]:
        """`(records,)` excerpts of each record."""
        if self.windows == Windows():
            return self.index.frames
        return np.array([self.windows.starts(self.index, i).size for i in range(len(self.index))], np.int64)

    def labels(self, record: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """f0 and validity of a record's owned frames and of those around, for as many as any excerpt reaches."""
        index, before = self.index, self.margin.frames
        behind = int(index.frames[record]) + self.windows.frames - 1 + before
        f0 = np.zeros((before + behind, *_axis(index.pitches)), np.float32)
        begin = before - self._put_earlier(record, f0[:before])
        if index.has_f0:
            _put(index.read_f0(record)[:behind], f0, before)
        left = int(index.track_frames[index.track[record]] - index.start[record])
        place = np.arange(before + behind)
        return f0, (place >= begin) & (place < before + left)

    def _put_earlier(self, record: int, f0: NDArray[np.float32]) -> int:
        """The labels of the frames before a record's own, from the records that own them: how many there are."""
        left = len(f0)
        while left and (record := int(self._previous[record])) >= 0:
            owned = min(left, int(self.index.frames[record]))
            left -= owned
            if self.index.has_f0:
                _put(self.index.read_f0(record)[: self.index.frames[record]][-owned:], f0, left)
        return len(f0) - left

    @cached_property
    def _previous(self) -> NDArray[np.int64]:
        """`(records,)` the record before each in its track, -1 where there is none."""
        index = self.index
        order = np.lexsort((index.start, index.track))
        previous = np.full(len(index), -1)
        follows = (np.diff(index.track[order]) == 0) & (np.diff(index.start[order]) == index.frames[order[:-1]])
        previous[order[1:][follows]] = order[:-1][follows]
        return previous

    def pool(self, group: Group, every_frame: bool = False, guests: Sequence[int] = ()) -> Pool:
        """Decode the records of a group.

        Args:
            group: which records, and which of their windows in what order.
            every_frame: the group counts label frames, not training windows.
            guests: records to be decoded besides.
        """
        index, records = self.index, np.array([*group.records, *guests], np.int64)
        longest = int(index.frames[records].max())
        length = max((longest - 1) * index.grid.hop + 2 * index.grid.context, int(index.samples[records].max()))
        audio = np.zeros((records.size, length), np.int16)
        f0 = np.zeros((records.size, longest - 1 + self.labels_span, *_axis(index.pitches)), np.float32)
        valid = np.zeros(f0.shape[:2], np.bool_)
        starts = np.zeros(group.slot.size, np.int64)
        # In the order of the disk: records of one shard are neighbours.
        for slot in np.lexsort((records, index.shard[records])):
            record = int(records[slot])
            samples = index.read_audio(record)
            audio[slot, : samples.size] = samples
            labels, exists = self.labels(record)
            f0[slot, : len(labels)], valid[slot, : len(labels)] = labels, exists
            mine = group.slot == slot
            numbers = group.number[mine]
            starts[mine] = numbers if every_frame else self.windows.starts(index, record)[numbers]
        begin, record_of = index.grid.context - self.lead - self.margin.samples, records[group.slot]
        return Pool(
            group,
            records,
            audio,
            self._within(records),
            sliding_window_view(audio, self.span, axis=1)[:, begin :: index.grid.hop],
            np.moveaxis(sliding_window_view(f0, self.labels_span, axis=1), -1, 2),
            sliding_window_view(valid, self.labels_span, axis=1),
            starts,
            index.track[record_of].astype(np.int32),
            (index.start[record_of] + starts).astype(np.int32),
        )

    def _within(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        index, grid = self.index, self.index.grid
        begins = grid.context - index.start[records] * grid.hop
        ends = begins + index.track_frames[index.track[records]] * grid.hop
        return np.stack([np.maximum(begins, 0), np.minimum(ends, index.samples[records])], axis=1)

    @staticmethod
    def gather(pool: Pool, places: Places, into: Arrays, rows: Places) -> None:
        """Copy the windows at some places of a group's order, with their margins, into rows of `into`."""
        slot, start = pool.group.slot[places], pool.starts[places]
        into.signal[rows] = pool.audio[slot, start]
        into.f0[rows] = pool.f0[slot, start]
        into.valid[rows] = pool.valid[slot, start]
        into.track[rows] = pool.track[places]
        into.frame[rows] = pool.frame[places]


class Visit(NamedTuple):
    """Windows of a message that come out of one pool.

    Attributes:
        pool: of their group.
        places: in the group's order.
        rows: of the message.
    """

    pool: Pool
    places: slice
    rows: slice


class PooledReader:
    """Serves places of an epoch's sequence, keeping the current group of each stream decoded.

    Args:
        reader: cuts the excerpts.
        seed: of the run.
        streams: see TrainingPlan.
        group: see TrainingPlan.
    """

    def __init__(self, reader: WindowReader, seed: int, streams: int, group: int) -> None:
        self.reader, self.seed, self.streams, self.group = reader, seed, streams, group
        self._counts = reader.counts()
        self._reset(-1)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plan": None, "_epoch": -1, "_pools": {}, "_coming": {}, "_thread": None}

    def _reset(self, epoch: int) -> None:
        self._epoch = epoch
        self._plan: TrainingPlan | None = None
        self._pools: dict[int, tuple[int, Pool]] = {}
        self._coming: dict[int, tuple[int, Future[Pool]]] = {}
        self._thread: ThreadPoolExecutor | None = None

    @property
    def total(self) -> int:
        """Windows of an epoch."""
        return int(self._counts.sum())

    def plan(self, epoch: int) -> TrainingPlan:
        """The sequence of an epoch."""
        if self._plan is None or epoch != self._epoch:
            self._reset(epoch)
            self._plan = TrainingPlan(self._counts, self.seed, epoch, self.streams, self.group)
        return self._plan

    def read(self, epoch: int, places: NDArray[np.int64]) -> Excerpts:
        """The windows at some places of the epoch's sequence, evenly spaced, in the order asked for."""
        return self._gather(epoch, places.size, self._visits(epoch, places))

    def _gather(self, epoch: int, windows: int, visits: Iterable[Visit]) -> Excerpts:
        out = self.reader.room(windows)
        arrays = out.arrays()
        for pool, places, rows in visits:
            self.reader.gather(pool, places, arrays, rows)
        arrays.seed[:] = item_seeds(self.seed, epoch, arrays.track, arrays.frame)
        return out

    def _visits(self, epoch: int, places: NDArray[np.int64]) -> Iterator[Visit]:
        plan = self.plan(epoch)
        step = int(places[1] - places[0]) if places.size > 1 else 1
        # Rows a period apart are of one stream, in which their places are a stride apart.
        period = self.streams // math.gcd(self.streams, step)
        stride = step * period // self.streams
        for row, first in enumerate(places[:period].tolist()):
            stream, place = first % self.streams, first // self.streams
            rows = range(row, places.size, period)
            while rows:
                number, pool = self._pool(plan, stream, place)
                begin, size = place - pool.group.first, pool.starts.size
                here = min(len(rows), -(-(size - begin) // stride))
                last = begin + (here - 1) * stride
                yield Visit(pool, slice(begin, last + 1, stride), slice(rows[0], rows[here - 1] + 1, period))
                if last >= PREFETCH_AT * size:
                    self._look_ahead(plan, stream, number + 1)
                rows, place = rows[here:], place + here * stride

    def _pool(self, plan: TrainingPlan, stream: int, place: int) -> tuple[int, Pool]:
        """The group that holds a place of a stream, its number first."""
        number, pool = self._pools.get(stream, (-1, None))
        if pool is None or not 0 <= place - pool.group.first < pool.starts.size:
            self._pools.pop(stream, None)
            number = plan.group_of(stream, place)
            ready, future = self._coming.pop(stream, (-1, None))
            pool = future.result() if future is not None and ready == number else self._decode(plan, stream, number)
            self._pools[stream] = number, pool
        return number, pool

    def _look_ahead(self, plan: TrainingPlan, stream: int, number: int) -> None:
        if number >= plan.group_count(stream) or stream in self._coming:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="next-group")
        self._coming[stream] = number, self._thread.submit(self._decode, plan, stream, number)

    def _decode(self, plan: TrainingPlan, stream: int, number: int) -> Pool:
        return self.reader.pool(plan.group(stream, number))
