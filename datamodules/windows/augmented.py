"""Training windows that are augmented as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.augment import Augmentations, ExcerptLayout
from datamodules.augment.draws import Doubles, Ints, Singles
from datamodules.batches import PitchBatch
from datamodules.errors import DataError
from datamodules.windows.cut import WindowAudio
from datamodules.windows.plan import Records, TrainingPlan, Windows
from datamodules.windows.reader import Pool, PooledReader, Visit, WindowReader


class OtherTracks:
    """Audio of other tracks to mix windows with, out of the pools that the windows came from (`augment.Others`).

    Each record of the pool is as likely as any other, and each frame as likely as any other of its record.

    Args:
        reader: cuts the windows.
        visits: which window came from which pool.
        windows: how many there are.
    """

    def __init__(self, reader: WindowReader, visits: Sequence[Visit], windows: int) -> None:
        self.reader, self.pools = reader, [visit.pool for visit in visits]
        self._pool, self._slot = np.empty(windows, np.int64), np.empty(windows, np.int64)
        for number, (pool, places, rows) in enumerate(visits):
            self._pool[rows], self._slot[rows] = number, pool.group.slot[places]

    def power(self) -> Doubles:
        """`(windows,)` mean square of each window's record, full scale at 32768."""
        power = np.empty(self._pool.size)
        for number, pool in enumerate(self.pools):
            mine = self._pool == number
            power[mine] = pool.power[self._slot[mine]]
        return power

    def draw(self, items: Ints, which: Doubles, where: Doubles) -> tuple[Singles, Doubles]:
        """Audio `(items, window)` and the mean square of each one's record `(items,)`; see `augment.Others`."""
        audio, power = np.empty((items.size, self.reader.window), np.float32), np.empty(items.size)
        pool_of = self._pool[items]
        for number, pool in enumerate(self.pools):
            mine = np.flatnonzero(pool_of == number)
            slot = self._other(pool, self._slot[items[mine]], which[mine])
            frame = (where[mine] * self.reader.index.frames[pool.records[slot]]).astype(np.int64)
            middle = pool.signal[:, :, self.reader.margin.samples :][:, :, : self.reader.window]
            audio[mine], power[mine] = middle[slot, frame], pool.power[slot]
        return audio, power

    def _other(self, pool: Pool, slot: Ints, which: Doubles) -> Ints:
        """Slots of records of other tracks than those of the given slots."""
        track = self.reader.index.track[pool.records]
        order = np.argsort(track, kind="stable")
        first, end = (np.searchsorted(track[order], track[slot], side) for side in ("left", "right"))
        # In the order of tracks, the records of one track are a run: count on from its end, cyclically.
        further = end + (which * (order.size - (end - first))).astype(np.int64)
        others: Ints = order[further % order.size]
        return others


class AugmentedReader(PooledReader):
    """A PooledReader whose windows are augmented, each by its own seed.

    Args:
        index: of the training split.
        window: samples of a window.
        windows: which windows are training examples.
        augmentations: applied in their order.
        seed: of the run.
        streams: how many streams the sequence interleaves.
        group: records of a stream whose windows are permuted together.

    Raises:
        DataError: the windows need more context than the shards store, or there is no other track to mix with.
    """

    def __init__(
        self,
        index: Records,
        window: int,
        windows: Windows,
        augmentations: Augmentations,
        seed: int,
        streams: int,
        group: int,
    ) -> None:
        self.augmentations, self.layout = augmentations, ExcerptLayout(window, windows.frames, index.grid.hop)
        signal = WindowAudio(augmentations.margin(self.layout))
        super().__init__(WindowReader(index, window, windows, signal), seed, streams, group)
        if augmentations.mixes and len(index.track_frames) < 2:
            raise DataError(f"data.augment: Mix takes other tracks, but {index.directory} has only one; leave it out")

    @override
    def read(self, epoch: int, places: NDArray[np.int64]) -> PitchBatch:
        visits = list(self._visits(epoch, places))
        wide = self._gather(epoch, places.size, visits)
        others = OtherTracks(self.reader, visits, places.size)
        stored = wide.signal.astype(np.int16, copy=False)
        audio, f0, valid = self.augmentations.shifted(stored, wide.f0, wide.valid, wide.seed, self.layout)
        rate = self.reader.index.grid.rate
        changed = self.augmentations.waveforms(audio, wide.seed, others.power(), others, rate)
        return wide._replace(signal=changed, f0=f0, valid=valid).batch()

    @override
    def _decode(self, plan: TrainingPlan, stream: int, number: int) -> Pool:
        group, track = plan.group(stream, number), self.reader.index.track
        guests: list[int] = []
        if self.augmentations.mixes and np.unique(track[group.records]).size == 1:
            mine = np.sort(self.reader.index.records_of(int(track[group.records[0]])))
            draw = np.random.default_rng([self.seed, plan.epoch, stream, number, 1])
            place = int(draw.choice(len(track) - len(mine)))
            # The record at this place among those of all other tracks.
            guests = [place + int(np.searchsorted(mine - np.arange(len(mine)), place, side="right"))]
        return self.reader.pool(group, guests=guests)
