"""`PipelineReader`: training windows from shards that can only be read from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlparse

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import get_worker_info
from typing_extensions import override
from webdataset.gopen import gopen_schemes
from webdataset.shardlists import expand_urls

from datamodules.augment import item_seeds
from datamodules.batches import PitchBatch
from datamodules.errors import DataError
from datamodules.streaming.tar_streams import DecodedRecord, DecodedRecords, read_records
from datamodules.windows.compatibility import ANYTHING, NetworkInput
from datamodules.windows.cut import AUDIO, Room
from datamodules.windows.plan import Group, Ints, Windows
from datamodules.windows.reader import Pool, WindowReader
from datamodules.windows.source import Processes, Reader, WindowSource

GROUP = 8


class PipelineReader(Reader):
    """Trains from remote or piped shards by webdataset's pipeline. Inexact: use the index if the shards fit on a disk.

    Every worker of every process reads an endless stream of shards, and an epoch ends after a given number of windows.
    All processes get equally many batches, but

    - an epoch lacks some windows and has others twice;
    - the windows and their order depend on the number of processes and workers;
    - a resumed run starts new streams, so the rest of its epoch has other windows.

    For given numbers of processes and workers the order is a function of seed and epoch. The shards are permuted, all
    workers of all processes take turns at them, then they are permuted again, and so on. So no worker starves if there
    are few shards, and all shards are read equally often.

    A truncated shard, an unreadable header and a record without audio, f0 or metadata are refused. A shard on this host
    is also compared with the size in the index beside it. A flipped bit in a remote shard is not noticed, because the
    hashes are in its index, which is not fetched.

    `PitchBatch.track` is `tar_streams.track_number` of the track's id, not an index; training does not use it.
    Validation, test and prediction need whole tracks in order and are always read by an index.

    Args:
        urls: of the shards, in brace notation (`https://host/train-{000000..000011}-of-000012.tar`): paths, `file:`,
            `http(s):` (needs the program curl), other schemes of webdataset, or `pipe:` and a command that writes the
            tar to its standard output (`pipe:ssh host cat train-{000000..000011}-of-000012.tar`, `pipe:aws s3 cp
            s3://bucket/train-000000-of-000001.tar -`).
        windows_per_epoch: of all processes together. `melisma inspect` prints the number of frames of a split.
        records: decoded records that a process and its workers hold together, and whose windows are shuffled. `melisma
            prepare` permutes the training records, so these are a random sample. Use at most a tenth of all records:
            what is held when an epoch ends is not delivered in it.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.
        allow_pipe: accept `pipe:`. A shell runs its commands with your rights: never allow it for urls that someone
            else wrote.

    Raises:
        DataError: a value is out of range, or webdataset cannot open a url of this scheme; names the key.
    """

    def __init__(
        self,
        urls: str | list[str],
        windows_per_epoch: int,
        records: int = 512,
        pitches: int = 0,
        allow_pipe: bool = False,
    ) -> None:
        for key, value, least in (
            ("windows_per_epoch", windows_per_epoch, 1),
            ("records", records, 1),
            ("pitches", pitches, 0),
        ):
            if value < least:
                raise DataError(f"data.reader.{key}: {value} is less than {least}")
        self.urls = [each for url in ([urls] if isinstance(urls, str) else urls) for each in _expand(url)]
        self.windows_per_epoch, self.records, self.pitches = windows_per_epoch, records, pitches
        if not self.urls:
            raise DataError("data.reader.urls: none is given")
        for url in self.urls:
            _check_scheme(url, allow_pipe)

    @property
    @override
    def directory(self) -> str:
        return "data.reader"

    @property
    @override
    def identity(self) -> str:
        return "streamed"

    @property
    @override
    def plan(self) -> dict[str, int | float | str | bool]:
        return {"reader.windows_per_epoch": self.windows_per_epoch}

    @override
    def open(
        self, window: int, windows: Windows, seed: int, processes: Processes, network: NetworkInput = ANYTHING
    ) -> PipelineSource:
        if network.spectrogram is not None:
            raise DataError(
                "data.reader: streams serve audio, but the network reads a spectrogram; leave it out and name prepared "
                "directories in data.train"
            )
        rank_zero_warn(
            "data.reader: streamed shards are read inexactly. Windows repeat and are left out, their order depends on "
            "processes and workers, and a run that is continued restarts the stream"
        )
        return PipelineSource(self, window, windows, seed, processes, network)


def _expand(url: str) -> list[str]:
    try:
        expanded: list[str] = expand_urls(url)
    except (AssertionError, ValueError) as error:
        raise DataError(f"data.reader.urls: {url!r} cannot be expanded ({error})") from error
    return expanded


def _check_scheme(url: str, allow_pipe: bool) -> None:
    scheme = urlparse(url).scheme
    if scheme == "pipe" and not allow_pipe:
        raise DataError(
            f"data.reader.urls: {url!r} is a command for the shell; if you trust it, set data.reader.allow_pipe: true"
        )
    if scheme not in ("", "file", *gopen_schemes) or scheme == "__default__":
        raise DataError(
            f"data.reader.urls: {url!r}: webdataset cannot open {scheme}:; use pipe: and a command that writes the "
            "shard to its output"
        )


class PipelineSource(WindowSource):
    """The stream of windows of one training process or one of its workers.

    Args:
        reader: urls and sizes.
        window: samples of an excerpt.
        windows: which excerpts are training examples.
        seed: of the order.
        processes: rank of this process, and how many processes and workers there are.
        network: that the excerpts are for.
    """

    def __init__(
        self,
        reader: PipelineReader,
        window: int,
        windows: Windows,
        seed: int,
        processes: Processes,
        network: NetworkInput,
    ) -> None:
        self.reader, self.window, self.windows, self.seed, self.network = reader, window, windows, seed, network
        self.processes = processes._replace(workers=max(processes.workers, 1))
        self._stream: WindowStream | None = None
        self._next = (-1, -1)

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stream": None, "_next": (-1, -1)}

    @property
    @override
    def total(self) -> int:
        return self.reader.windows_per_epoch

    @property
    @override
    def window_bytes(self) -> int:
        return self.window * AUDIO.dtype.itemsize

    @override
    def read(self, epoch: int, places: Ints) -> PitchBatch:
        # A stream has no places: they only tell whether it continues, or a new one begins.
        rank, ranks, workers = self.processes
        worker = get_worker_info()
        consumer, consumers = rank + ranks * (worker.id if worker else 0), ranks * workers
        if places.size == 0:
            return Room.of(0, self.window, self.windows.frames, self.reader.pitches).batch()
        if self._stream is None or self._next != (epoch, places[0]):
            # All consumers start a stream at the same place, and this one is `consumer` places behind it.
            self._stream = self._begin([self.seed, epoch, int(places[0]) - consumer], consumer, consumers)
        room = self._stream.take(places.size)
        self._next = epoch, int(places[-1]) + consumers
        room.seed[:] = item_seeds(self.seed, epoch, room.track, room.frame)
        return room.batch()

    def _begin(self, seed: list[int], consumer: int, consumers: int) -> WindowStream:
        reader = self.reader
        turns = ShardTurns(reader.urls, seed, consumer, consumers)
        held = -(-reader.records // self.processes.workers)
        order = [*seed, consumer, 1]
        return WindowStream(turns, self.windows, self.window, reader.pitches, held, order, self.network)


class ShardTurns:
    """The shards in endless permutations, dealt to consumers in turn.

    Args:
        urls: of the shards.
        seed: the same for all consumers.
        consumer: number of this one.
        consumers: how many there are.
    """

    def __init__(self, urls: Sequence[str], seed: Sequence[int], consumer: int, consumers: int) -> None:
        self.urls, self.seed, self.consumer, self.consumers = urls, seed, consumer, consumers
        self._fruitless = 0

    def shards(self) -> Iterator[dict[str, str]]:
        """The urls of this consumer's shards.

        Raises:
            DataError: this consumer has read as many shards as there are without a single training window.
        """
        for turn in count(self.consumer, self.consumers):
            if self._fruitless == len(self.urls):
                raise DataError(f"{self.urls[0]}: {self._fruitless} shards in succession hold no training window")
            self._fruitless += 1
            cycle, place = divmod(turn, len(self.urls))
            yield {"url": self.urls[np.random.default_rng([*self.seed, cycle, 0]).permutation(len(self.urls))[place]]}

    def found(self) -> None:
        """Note that the current shard has a training window."""
        self._fruitless = 0


class _Lane(NamedTuple):
    """Some records, their windows in the order of delivery, and how many of these have been delivered."""

    reader: WindowReader
    tracks: Ints
    pool: Pool
    done: int

    @property
    def left(self) -> int:
        return self.pool.starts.size - self.done


class WindowStream:
    """Endless shuffled windows.

    As in TrainingPlan, each of several lanes permutes the windows of a few records, and lanes deliver a window each in
    turn. The first lanes start with fewer records, so that lanes need new ones at different times.

    Args:
        turns: shards to read.
        windows: which excerpts are training examples.
        window: samples of an excerpt.
        pitches: 0 for f0 of one voice, else the largest number of pitches at a time.
        held: records that all lanes hold together.
        seed: of the order of windows.
        network: that the windows are for.
    """

    def __init__(
        self,
        turns: ShardTurns,
        windows: Windows,
        window: int,
        pitches: int,
        held: int,
        seed: Sequence[int],
        network: NetworkInput,
    ) -> None:
        self._turns, self._records = turns, read_records(turns.shards, pitches)
        self.windows, self.window, self.pitches, self.network = windows, window, pitches, network
        lanes = -(-held // GROUP)
        self._sizes = [held // lanes + (lane < held % lanes) for lane in range(lanes)]
        self._lanes: list[_Lane | None] = [None] * lanes
        self._turn = 0
        self._rng = np.random.default_rng(seed)

    def take(self, windows: int) -> Room:
        """The next windows."""
        room = Room.of(windows, self.window, self.windows.frames, self.pitches)
        taken = 0
        while taken < windows:
            self._fill(self._turn)
            taken += self._deliver(room, taken)
        return room

    def _fill(self, number: int) -> None:
        """Read a lane's next records if it has no window left."""
        lane = self._lanes[number]
        if lane is None:
            self._lanes[number] = self._read(1 + number * (self._sizes[number] - 1) // len(self._lanes))
        elif not lane.left:
            self._lanes[number] = self._read(self._sizes[number])

    def _read(self, size: int) -> _Lane:
        chosen: list[DecodedRecord] = []
        counts: list[int] = []
        while len(chosen) < size:
            record = next(self._records)
            windows = self.windows.starts(DecodedRecords([record], self.pitches), 0).size
            if windows:
                self._turns.found()
                chosen.append(record)
                counts.append(windows)
        records = DecodedRecords(chosen, self.pitches)
        self.network.check_grid(records.directory, records.grid)
        reader = WindowReader(records, self.window, self.windows)
        order = self._rng.permutation(sum(counts))
        slot = np.repeat(np.arange(size), counts)[order]
        number = np.concatenate([np.arange(windows) for windows in counts])[order]
        return _Lane(reader, records.track_numbers, reader.pool(Group(0, np.arange(size), slot, number)), 0)

    def _deliver(self, out: Room, first: int) -> int:
        """Fill rows from `first` on until a lane has no window left; the number of rows filled."""
        lanes = len(self._lanes)
        behind = [(number - self._turn) % lanes for number in range(lanes)]
        left = [lane.left if lane else 0 for lane in self._lanes]
        here = min(len(out.track) - first, *(gap + lanes * rows for gap, rows in zip(behind, left, strict=True)))
        for number, gap in enumerate(behind):
            rows, lane = first + np.arange(gap, here, lanes), self._lanes[number]
            if rows.size and lane is not None:
                lane.reader.gather(lane.pool, slice(lane.done, lane.done + rows.size), out, rows)
                out.track[rows] = lane.tracks[out.track[rows]]
                self._lanes[number] = lane._replace(done=lane.done + rows.size)
        self._turn = (self._turn + here) % lanes
        return here
