"""The indexed reader: whole messages of windows, gathered from pools of decoded records."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from datamodules.errors import DataError
from datamodules.index import SplitIndex
from datamodules.sampling import Group, TrainingPlan, Windows

# The next group of a stream is decoded in the background once this share of the current one is delivered.
PREFETCH_AT = 0.75


class Excerpts(NamedTuple):
    """Windows and their labels, as they travel from a worker.

    Attributes:
        audio: `(windows, window)` int16.
        f0: `(windows, frames)` or, of several voices, `(windows, frames, pitches)` float32, Hz, 0 where unvoiced.
        valid: `(windows, frames)` bool, False beyond the track's end.
        track: `(windows,)` int64.
        frame: `(windows,)` int64, first label frame.
    """

    audio: Tensor
    f0: Tensor
    valid: Tensor
    track: Tensor
    frame: Tensor

    @staticmethod
    def empty(windows: int, window: int, frames: int, pitches: int = 0) -> Excerpts:
        """Room for that many windows, invalid until filled; `pitches` is 0 for one voice."""
        return Excerpts(
            torch.zeros(windows, window, dtype=torch.int16),
            torch.zeros(windows, frames, *_axis(pitches)),
            torch.zeros(windows, frames, dtype=torch.bool),
            torch.full((windows,), -1, dtype=torch.int64),
            torch.zeros(windows, dtype=torch.int64),
        )


def _axis(pitches: int) -> tuple[int, ...]:
    return (pitches,) if pitches else ()


class Pool(NamedTuple):
    """The decoded records of a group, as strided views from which excerpts are gathered."""

    group: Group
    audio: NDArray[np.int16]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    starts: NDArray[np.int64]


class WindowReader:
    """Cuts excerpts out of one split's records.

    Args:
        index: of the split.
        window: samples of an excerpt.
        windows: which excerpts there are.

    Raises:
        DataError: the excerpts need more context than the shards store; names the recipe's key.
    """

    def __init__(self, index: SplitIndex, window: int, windows: Windows) -> None:
        self.index, self.window, self.windows = index, window, windows
        grid = index.grid
        # The excerpt of frames i ... i + n - 1 is centred on the middle between the first and the last.
        self.lead = window // 2 - (windows.frames - 1) * grid.hop // 2
        tail = window - self.lead - (windows.frames - 1) * grid.hop
        need = max(self.lead, tail + (windows.frames - 1) * grid.hop)
        if need > grid.context or windows.frames - 1 > grid.lookahead:
            seconds = max(need, (windows.frames - 1) * grid.hop) / grid.rate
            raise DataError(
                f"{index.directory}: a window of {window} samples over {windows.frames} label frames needs "
                f"{seconds:.3f} s of context, the shards store {grid.context / grid.rate:.3f} s; "
                f"prepare them with context: {seconds:.3f} or more, or use a shorter window"
            )

    def room(self, windows: int) -> Excerpts:
        """Room for that many excerpts, invalid until filled."""
        return Excerpts.empty(windows, self.window, self.windows.frames, self.index.pitches)

    def counts(self) -> NDArray[np.int64]:
        """`(records,)` excerpts of each record."""
        if self.windows == Windows():
            return self.index.frames
        return np.array([self.windows.starts(self.index, i).size for i in range(len(self.index))], np.int64)

    def labels(self, record: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """f0 and validity of a record's owned frames and of those behind, for as many as any excerpt reaches."""
        length = int(self.index.frames[record]) + self.windows.frames - 1
        f0 = np.zeros((length, *_axis(self.index.pitches)), np.float32)
        if self.index.has_f0:
            stored = self.index.read_f0(record)[:length]
            if self.index.pitches:
                f0[: len(stored), : stored[0].size] = stored.reshape(len(stored), -1)
            else:
                f0[: len(stored)] = stored
        left = int(self.index.track_frames[self.index.track[record]] - self.index.start[record])
        return f0, np.arange(length) < left

    def pool(self, group: Group, every_frame: bool = False) -> Pool:
        """Decode the records of a group.

        Args:
            group: which records, and which of their windows in what order.
            every_frame: the group counts label frames, not training windows.
        """
        index, size = self.index, len(group.records)
        longest = int(index.frames[group.records].max())
        length = max((longest - 1) * index.grid.hop + 2 * index.grid.context, int(index.samples[group.records].max()))
        audio = np.zeros((size, length), np.int16)
        f0 = np.zeros((size, longest + self.windows.frames - 1, *_axis(index.pitches)), np.float32)
        valid = np.zeros(f0.shape[:2], np.bool_)
        starts = np.zeros(group.slot.size, np.int64)
        # In the order of the disk: records of one shard are neighbours.
        for slot in np.lexsort((group.records, index.shard[group.records])):
            record = int(group.records[slot])
            samples = index.read_audio(record)
            audio[slot, : samples.size] = samples
            labels, exists = self.labels(record)
            f0[slot, : len(labels)], valid[slot, : len(labels)] = labels, exists
            mine = group.slot == slot
            numbers = group.number[mine]
            starts[mine] = numbers if every_frame else self.windows.starts(index, record)[numbers]
        begin = index.grid.context - self.lead
        return Pool(
            group,
            sliding_window_view(audio, self.window, axis=1)[:, begin :: index.grid.hop],
            np.moveaxis(sliding_window_view(f0, self.windows.frames, axis=1), -1, 2),
            sliding_window_view(valid, self.windows.frames, axis=1),
            starts,
        )

    def gather(self, pool: Pool, places: NDArray[np.int64], into: Excerpts, rows: NDArray[np.int64]) -> None:
        """Copy the windows at some places of a group's order into rows of `into`."""
        slot, start = pool.group.slot[places], pool.starts[places]
        records = pool.group.records[slot]
        into.audio.numpy()[rows] = pool.audio[slot, start]
        into.f0.numpy()[rows] = pool.f0[slot, start]
        into.valid.numpy()[rows] = pool.valid[slot, start]
        into.track.numpy()[rows] = self.index.track[records]
        into.frame.numpy()[rows] = self.index.start[records] + start


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
        """The windows at some places of the epoch's sequence, in the order asked for."""
        plan = self.plan(epoch)
        out = self.reader.room(places.size)
        stream_of, place_in_stream = places % self.streams, places // self.streams
        for stream in np.unique(stream_of):
            rows = np.flatnonzero(stream_of == stream)
            wanted = place_in_stream[rows]
            while rows.size:
                number = plan.group_of(int(stream), int(wanted[0]))
                here = np.searchsorted(wanted, plan.group_end(int(stream), number))
                pool = self._pool(plan, int(stream), number)
                self.reader.gather(pool, wanted[:here] - pool.group.first, out, rows[:here])
                self._look_ahead(plan, int(stream), number, int(wanted[here - 1]) - pool.group.first)
                rows, wanted = rows[here:], wanted[here:]
        return out

    def _pool(self, plan: TrainingPlan, stream: int, number: int) -> Pool:
        held, pool = self._pools.get(stream, (-1, None))
        if held != number or pool is None:
            self._pools.pop(stream, None)
            ready, future = self._coming.pop(stream, (-1, None))
            pool = (
                future.result()
                if future is not None and ready == number
                else self.reader.pool(plan.group(stream, number))
            )
            self._pools[stream] = number, pool
        return pool

    def _look_ahead(self, plan: TrainingPlan, stream: int, number: int, place: int) -> None:
        following = number + 1
        size = plan.groups[stream][number + 1] - plan.groups[stream][number]
        if place < PREFETCH_AT * size or following >= plan.group_count(stream) or stream in self._coming:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="next-group")
        future = self._thread.submit(lambda: self.reader.pool(plan.group(stream, following)))
        self._coming[stream] = following, future
