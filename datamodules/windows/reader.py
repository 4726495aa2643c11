"""The indexed reader: gathers windows from pools of decoded records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.augment import item_seeds
from datamodules.batches import PitchBatch
from datamodules.windows.cut import AUDIO, Room, WindowSignal, pitch_axis
from datamodules.windows.plan import Group, Ints, Records, TrainingPlan, Windows

# The next group of a stream is decoded in the background once this share of the current one is delivered.
PREFETCH_AT = 0.75

# Bytes. NumPy gathers windows into memory of its own and copies them again; larger windows are copied one by one.
GATHERED = 1 << 14

Places = slice | Ints


def _put(stored: NDArray[np.float32], f0: NDArray[np.float32], at: int) -> None:
    """Copy labels into `f0` from frame `at` on; a record may have fewer pitches than others."""
    here = f0[at : at + len(stored)]
    if f0.ndim == 2:
        here[:, : stored[0].size] = stored.reshape(len(stored), -1)
    else:
        here[:] = stored


@dataclass(frozen=True, eq=False)
class Pool:
    """The decoded records of a group, and strided views of them from which windows are gathered.

    Attributes:
        group: its records and windows.
        records: `(slots,)` of the index: those of the group, then the guests.
        stored: `(slots, rows, ...)` the rows of each record, zeros behind its end.
        within: `(slots, 2)` rows of `stored` between which the record's track lies.
        signal: `(slots, frames, window, ...)` view of `stored`.
        f0: `(slots, frames, labels)` or, of several voices, `(slots, frames, labels, pitches)` view, Hz.
        valid: `(slots, frames, labels)` view.
        starts: `(windows,)` first label frame of each window of the group, counted from its record's first.
        track: `(windows,)` track of each.
        frame: `(windows,)` first label frame of each, counted from its track's first.
    """

    group: Group
    records: Ints
    stored: NDArray[Any]
    within: Ints
    signal: NDArray[Any]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    starts: Ints
    track: NDArray[np.int32]
    frame: NDArray[np.int32]

    @cached_property
    def power(self) -> NDArray[np.float64]:
        """`(slots,)` mean square of each record, full scale at 32768, without the zeros beyond its track's ends."""
        parts = (row[begin:end] for row, (begin, end) in zip(self.stored, self.within, strict=True))
        # Sums of integers are exact in double precision, in whatever order they are taken.
        return np.array([np.square(part, dtype=np.float64).mean() for part in parts])


class WindowReader:
    """Cuts windows out of records.

    Args:
        index: of one split, or of the records of a stream.
        window: samples of audio, or frames of a spectrogram, of one window.
        windows: which windows there are.
        signal: what they are cut from.

    Raises:
        DataError: the windows need more context than the shards store; names the recipe's key.
    """

    def __init__(self, index: Records, window: int, windows: Windows, signal: WindowSignal = AUDIO) -> None:
        self.index, self.window, self.windows, self.signal = index, window, windows, signal
        self.margin = signal.margin
        # Rows and label frames of one window, margins included.
        self.span, self.labels_span = window + 2 * self.margin.samples, windows.frames + 2 * self.margin.frames
        self.step, self.lead, context, self.beyond = signal.cut(index, window, windows.frames)
        self.context = context + self.beyond  # rows in memory before that of a record's first own label frame

    @property
    def window_bytes(self) -> int:
        """Size of the signal of one window, margins included."""
        return self.span * math.prod(self.signal.row) * self.signal.dtype.itemsize

    def room(self, windows: int) -> Room:
        """Memory for that many windows with their margins."""
        return Room.of(windows, self.span, self.labels_span, self.index.pitches, self.signal)

    def labels(self, record: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """f0 and validity of a record's owned frames and of those around them that a window may reach."""
        index, before = self.index, self.margin.frames
        behind = int(index.frames[record]) + self.windows.frames - 1 + before
        f0 = np.zeros((before + behind, *pitch_axis(index.pitches)), np.float32)
        begin = before - self._put_earlier(record, f0[:before])
        if index.has_f0:
            _put(index.read_f0(record)[:behind], f0, before)
        left = int(index.track_frames[index.track[record]] - index.start[record])
        place = np.arange(before + behind)
        return f0, (place >= begin) & (place < before + left)

    def _put_earlier(self, record: int, f0: NDArray[np.float32]) -> int:
        """Fill in the labels before a record's own frames, from the records that own them; the number of labels."""
        left = len(f0)
        while left and (record := self._previous(record)) >= 0:
            owned = min(left, int(self.index.frames[record]))
            left -= owned
            if self.index.has_f0:
                _put(self.index.read_f0(record)[: self.index.frames[record]][-owned:], f0, left)
        return len(f0) - left

    def _previous(self, record: int) -> int:
        """The record that ends in its track where this one begins, -1 where there is none."""
        index, records = self.index, self.index.records_of(int(self.index.track[record]))
        place = int(np.flatnonzero(records == record)[0])
        before = int(records[place - 1])
        return before if place and int(index.start[record] - index.start[before]) == index.frames[before] else -1

    def prefetch(self, records: Ints) -> None:
        """Begin to fetch records that are read soon; returns at once."""
        self.index.prefetch(records.tolist(), (*self.signal.members, "f0"))
        if self.margin.frames:
            earlier = (self._previous(int(record)) for record in records)
            self.index.prefetch([record for record in earlier if record >= 0], ("f0",))

    def pool(self, group: Group, every_frame: bool = False, guests: Sequence[int] = ()) -> Pool:
        """Decode the records of a group.

        Args:
            group: its records, and their windows in the order of delivery.
            every_frame: `group.number` counts label frames instead of training windows.
            guests: further records to decode, for mixing.
        """
        index, signal, records = self.index, self.signal, np.array([*group.records, *guests], np.int64)
        index.refuse_changed()
        self.prefetch(records)
        longest, context = int(index.frames[records].max()), self.context
        kept = 2 * self.beyond + int(signal.stored(index, records).max())
        length = max((longest - 1) * self.step + 2 * context, kept)
        stored = np.zeros((records.size, length, *signal.row), signal.dtype)
        f0 = np.zeros((records.size, longest - 1 + self.labels_span, *pitch_axis(index.pitches)), np.float32)
        valid = np.zeros(f0.shape[:2], np.bool_)
        starts = np.zeros(group.slot.size, np.int64)
        # In the order of the disk: records of one shard are neighbours.
        for slot in np.lexsort((records, index.shard[records])):
            record = int(records[slot])
            rows = signal.read(index, record)
            stored[slot, self.beyond : self.beyond + len(rows)] = rows
            labels, exists = self.labels(record)
            f0[slot, : len(labels)], valid[slot, : len(labels)] = labels, exists
            mine = group.slot == slot
            numbers = group.number[mine]
            starts[mine] = numbers if every_frame else self.windows.starts(index, record)[numbers]
        begin, record_of = context - self.lead - self.margin.samples, records[group.slot]
        return Pool(
            group,
            records,
            stored,
            self._within(records),
            _spans(stored, self.span)[:, begin :: self.step],
            _spans(f0, self.labels_span),
            _spans(valid, self.labels_span),
            starts,
            index.track[record_of].astype(np.int32),
            (index.start[record_of] + starts).astype(np.int32),
        )

    def _within(self, records: Ints) -> Ints:
        index = self.index
        begins = self.context - index.start[records].astype(np.int64) * self.step
        ends = begins + index.track_frames[index.track[records]] * self.step
        last = self.beyond + self.signal.stored(index, records)
        return np.stack([np.maximum(begins, self.beyond), np.minimum(ends, last)], axis=1)

    @staticmethod
    def gather(pool: Pool, places: Places, into: Room, rows: Places) -> None:
        """Copy the windows at some places of a group's order, with their margins, into rows of `into`."""
        slot, start = pool.group.slot[places], pool.starts[places]
        _copy(pool.signal, slot, start, into.signal, rows)
        into.f0[rows] = pool.f0[slot, start]
        into.valid[rows] = pool.valid[slot, start]
        into.track[rows] = pool.track[places]
        into.frame[rows] = pool.frame[places]


def _spans(stored: NDArray[Any], span: int) -> NDArray[Any]:
    """View `(slots, places, span, ...)` of all runs of so many rows in `(slots, rows, ...)`."""
    return np.moveaxis(sliding_window_view(stored, span, axis=1), -1, 2)


def _copy(windows: NDArray[Any], slot: Ints, start: Ints, into: NDArray[Any], rows: Places) -> None:
    """Copy windows at some places of `(slots, frames, ...)` into rows of `into`."""
    if into.strides[0] < GATHERED:
        into[rows] = windows[slot, start]
        return
    for row, *place in zip(np.arange(len(into))[rows].tolist(), slot.tolist(), start.tolist(), strict=True):
        into[row] = windows[tuple(place)]


class Visit(NamedTuple):
    """Windows of a message that come out of one pool.

    Attributes:
        pool: of their group.
        places: in the group's order of delivery.
        rows: of the message.
    """

    pool: Pool
    places: slice
    rows: slice


class PooledReader:
    """Serves places of an epoch's sequence; keeps the current group of each stream decoded.

    Args:
        reader: cuts the windows.
        seed: of the run.
        streams: how many streams the sequence interleaves.
        group: records of a stream whose windows are permuted together.
    """

    def __init__(self, reader: WindowReader, seed: int, streams: int, group: int) -> None:
        self.reader, self.seed, self.streams, self.group = reader, seed, streams, group
        counts = reader.windows.counts(reader.index)
        self._total = int(counts.sum(dtype=np.int64))
        # Not kept where they are a column of the index, so that a copy for another process need not carry them.
        self._counts = None if counts is reader.index.frames or counts is reader.index.voiced else counts
        self._reset(-1)

    @override
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
        return self._total

    @property
    def window_bytes(self) -> int:
        """Size of the signal of one window."""
        return self.reader.window_bytes

    def plan(self, epoch: int) -> TrainingPlan:
        """The sequence of an epoch."""
        if self._plan is None or epoch != self._epoch:
            self._reset(epoch)
            self.reader.index.refuse_changed()
            counts = self.reader.windows.counts(self.reader.index) if self._counts is None else self._counts
            self._plan = TrainingPlan(counts, self.seed, epoch, self.streams, self.group)
        return self._plan

    def read(self, epoch: int, places: Ints) -> PitchBatch:
        """The windows at some places of the epoch's sequence, evenly spaced, in the order asked for."""
        return self._gather(epoch, places.size, self._visits(epoch, places)).batch()

    def _gather(self, epoch: int, windows: int, visits: Iterable[Visit]) -> Room:
        room = self.reader.room(windows)
        for pool, places, rows in visits:
            self.reader.gather(pool, places, room, rows)
        room.seed[:] = item_seeds(self.seed, epoch, room.track, room.frame)
        return room

    def _visits(self, epoch: int, places: Ints) -> Iterator[Visit]:
        """Which rows of a message come out of which pool.

        Place p belongs to stream p % streams, at place p // streams there. With a step s between the places of a
        message, row r + period is of the same stream as row r, and lies `stride` places behind it: all rows of one
        stream are a slice of the message, and their windows a slice of the stream.
        """
        plan = self.plan(epoch)
        step = int(places[1] - places[0]) if places.size > 1 else 1
        period = self.streams // math.gcd(self.streams, step)
        stride = step * period // self.streams
        self._announce(plan, places[:period].tolist())
        for row, first in enumerate(places[:period].tolist()):
            stream, place = first % self.streams, first // self.streams
            rows = range(row, places.size, period)
            while rows:
                number, pool = self._pool(plan, stream, place)
                begin, windows = place - pool.group.first, pool.starts.size
                in_pool = min(len(rows), -(-(windows - begin) // stride))  # rows that this pool still serves
                last = begin + (in_pool - 1) * stride
                yield Visit(pool, slice(begin, last + 1, stride), slice(rows[0], rows[in_pool - 1] + 1, period))
                if last >= PREFETCH_AT * windows:
                    self._look_ahead(plan, stream, number + 1)
                rows, place = rows[in_pool:], place + in_pool * stride

    def _announce(self, plan: TrainingPlan, places: Iterable[int]) -> None:
        """Begin to fetch the groups of these places that are not there yet, for all streams at the same time."""
        for first in places:
            stream, place = first % self.streams, first // self.streams
            _, pool = self._pools.get(stream, (-1, None))
            if stream not in self._coming and (pool is None or not 0 <= place - pool.group.first < pool.starts.size):
                self.reader.prefetch(plan.records(stream, plan.group_of(stream, place)))

    def _pool(self, plan: TrainingPlan, stream: int, place: int) -> tuple[int, Pool]:
        """Number and pool of the group that holds a place of a stream."""
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
        self.reader.prefetch(plan.records(stream, number))
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="next-group")
        self._coming[stream] = number, self._thread.submit(self._decode, plan, stream, number)

    def _decode(self, plan: TrainingPlan, stream: int, number: int) -> Pool:
        return self.reader.pool(plan.group(stream, number))
