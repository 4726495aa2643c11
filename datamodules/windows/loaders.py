"""The loaders of melody: training batches from the epoch's sequence, and whole tracks for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from datamodules.batches import EvaluationSet, PitchBatch
from datamodules.loading import Answers, ResumableLoader, arrived, outlive_first_signal
from datamodules.windows.plan import Chunk, EvaluationPlan, Group
from datamodules.windows.reader import Pool, PooledReader, WindowReader

# Windows. Sending a message costs as much as gathering about a thousand, and what is done once for each stream and
# message is shared by more windows.
MESSAGE = 4096
AHEAD = 8  # runs of frames whose records are fetched meanwhile, where fetching takes time
MESSAGE_BYTES = 1 << 24  # of signal: each worker has two messages under way


def message_windows(batch_size: int, window_bytes: int) -> int:
    """How many windows a message has: whole batches, one at least.

    Args:
        batch_size: windows of a batch.
        window_bytes: size of the signal of one window.
    """
    return batch_size * max(1, min(-(-MESSAGE // batch_size), MESSAGE_BYTES // (batch_size * window_bytes)))


class Token(NamedTuple):
    """The request for one message: places `first, first + step, ...` of an epoch's sequence."""

    epoch: int
    first: int
    step: int
    windows: int


class TrainingLoader(ResumableLoader):
    """Training batches of one rank; the order of windows over all ranks depends on neither ranks nor workers.

    A step takes the next `ranks * batch_size` places of the sequence. Rank r takes every place that is r modulo the
    ranks, and of these, worker w every one that is w modulo the workers. So each worker meets its own streams only, and
    nothing is decoded twice.

    Args:
        reader: serves places of the sequence.
        batch_size: windows of one batch of one rank.
        rank: of this process.
        ranks: number of processes.
        workers: processes that decode; 0 decodes here.
        begin: called when iteration begins; gives the epoch, and how many of its windows all ranks together have
            consumed already.
    """

    def __init__(
        self,
        reader: PooledReader,
        batch_size: int,
        rank: int,
        ranks: int,
        workers: int,
        begin: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self.reader, self.batch_size, self.rank, self.ranks = reader, batch_size, rank, ranks
        self.lanes, self.begin = max(workers, 1), begin
        self.message = message_windows(batch_size, reader.window_bytes)
        self._tokens: list[Token] = []
        self._messages = DataLoader(
            Answers(partial(_read, reader)),
            batch_size=None,
            sampler=self._tokens,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=outlive_first_signal,
        )

    @property
    def total(self) -> int:
        """Windows of an epoch, including those that are fewer than a step."""
        return self.reader.total

    def __len__(self) -> int:
        return self.total // (self.ranks * self.batch_size)

    def __iter__(self) -> Iterator[PitchBatch]:
        # A generator, so that the position is asked for at the first batch: Lightning wants the iterator before it
        # has restored its progress.
        epoch, start = self.begin()
        batches = (self.total - start) // (self.ranks * self.batch_size)
        self._tokens[:] = self._plan(epoch, start, batches * self.batch_size)
        messages = arrived(self._messages)
        for _ in range(len(self._tokens) // self.lanes):
            block = _interleave([next(messages) for _ in range(self.lanes)])
            for row in range(0, len(block.signal), self.batch_size):
                yield _of_tensors(tensor[row : row + self.batch_size] for tensor in _tensors(block))

    def _plan(self, epoch: int, start: int, windows: int) -> list[Token]:
        """Tokens in the order of delivery, lane by lane, so that worker w always meets lane w."""
        block = self.message * self.lanes
        tokens = []
        for low in range(0, windows, block):
            here = min(block, windows - low)
            for lane in range(self.lanes):
                first = start + self.rank + self.ranks * (low + lane)
                tokens.append(Token(epoch, first, self.ranks * self.lanes, len(range(lane, here, self.lanes))))
        return tokens


def _read(reader: PooledReader, token: Token) -> PitchBatch:
    return reader.read(token.epoch, token.first + token.step * np.arange(token.windows))


def _tensors(batch: PitchBatch) -> list[Tensor]:
    assert batch.seed is not None
    return [batch.signal, batch.f0, batch.valid, batch.track, batch.frame, batch.seed]


def _of_tensors(tensors: Iterable[Tensor]) -> PitchBatch:
    signal, f0, valid, track, frame, seed = tensors
    return PitchBatch(signal, f0, valid, track, frame, seed=seed)


def _interleave(messages: Sequence[PitchBatch]) -> PitchBatch:
    """One window of each message in turn; copies, so that a worker's shared memory is given back at once."""
    if len(messages) == 1:
        return messages[0]
    lanes, total = len(messages), sum(len(message.signal) for message in messages)
    tensors = []
    for parts in zip(*map(_tensors, messages), strict=True):
        whole = parts[0].new_empty((total, *parts[0].shape[1:]))
        for lane, part in enumerate(parts):
            whole[lane::lanes] = part
        tensors.append(whole)
    return _of_tensors(tensors)


class TrackReader:
    """Reads runs of frames of whole tracks; keeps the record that it is in the middle of decoded.

    Args:
        reader: cuts the windows.
        plan: the runs, of which this process or its workers in turn are asked for; it only affects how early records
            are fetched.
    """

    def __init__(self, reader: WindowReader, plan: EvaluationPlan | None = None) -> None:
        self.reader, self._plan = reader, plan
        self._held: tuple[int, Pool | None] = (-1, None)

    def read(self, chunk: Chunk) -> PitchBatch:
        """The windows of a run of frames in time order; of an empty chunk, one window that is not valid."""
        reader, index = self.reader, self.reader.index
        step = reader.windows.frames
        if chunk.track < 0:
            return reader.room(1).batch()
        index.refuse_changed()
        self._announce(chunk)
        first = chunk.start + np.arange(0, chunk.frames, step)
        room = reader.room(first.size)
        for record in index.records_of(chunk.track):
            low, high = int(index.start[record]), int(index.start[record] + index.frames[record])
            rows = np.flatnonzero((first >= low) & (first < high))
            if rows.size:
                reader.gather(self._pool(int(record)), first[rows] - low, room, rows)
        return room.batch()

    def _announce(self, chunk: Chunk) -> None:
        """Begin to fetch the records of the runs that come next in this process."""
        worker, index = get_worker_info(), self.reader.index
        coming = self._plan.following(chunk, worker.num_workers if worker else 1, AHEAD) if self._plan else ()
        for track, start, frames, _ in coming:
            if track >= 0:
                records = index.records_of(track)
                begins, ends = index.start[records], index.start[records] + index.frames[records]
                self.reader.prefetch(records[(begins < start + frames) & (ends > start)])

    def _pool(self, record: int) -> Pool:
        held, pool = self._held
        if held != record or pool is None:
            number = np.arange(int(self.reader.index.frames[record]))
            pool = self.reader.pool(Group(0, np.array([record]), np.zeros_like(number), number), every_frame=True)
            self._held = record, pool
        return pool


class EvaluationLoader:
    """Whole tracks of one rank in time order, one run of frames a batch; every rank gets the same number of batches.

    Args:
        reader: cuts the windows.
        evaluation: name and tracks of the set.
        chunk: label frames of one batch, rounded up to whole windows.
        rank: of this process.
        ranks: number of processes.
        workers: processes that decode; 0 decodes here.
    """

    def __init__(
        self, reader: WindowReader, evaluation: EvaluationSet, chunk: int, rank: int, ranks: int, workers: int
    ) -> None:
        self.evaluation = evaluation
        step = reader.windows.frames
        self.plan = EvaluationPlan(reader.index.track_frames, rank, ranks, -(-chunk // step) * step)
        answers = Answers(TrackReader(reader, self.plan).read)
        self._batches = DataLoader(
            answers, batch_size=None, sampler=self.plan, num_workers=workers, worker_init_fn=outlive_first_signal
        )

    def __len__(self) -> int:
        return len(self.plan)

    def __iter__(self) -> Iterator[PitchBatch]:
        for chunk, batch in zip(self.plan, arrived(self._batches), strict=True):
            yield batch._replace(last=chunk.last, evaluation=self.evaluation, seed=None)
