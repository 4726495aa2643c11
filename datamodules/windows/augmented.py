"""Training windows that are augmented as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.augment import Augmentations, Layout
from datamodules.augment.draws import Doubles, Ints, Singles
from datamodules.errors import DataError
from datamodules.windows.cut import AudioSignal
from datamodules.windows.excerpts import Excerpts
from datamodules.windows.plan import Records, TrainingPlan, Windows
from datamodules.windows.reader import Pool, PooledReader, Visit, WindowReader


class OtherTracks:
    """What windows are mixed with: places in records of other tracks, out of the pools that the windows came from.

    Args:
        reader: cuts the excerpts.
        visits: which window came from which pool.
        windows: how many there are.
    """

    def __init__(self, reader: WindowReader, visits: Sequence[Visit], windows: int) -> None:
        self.reader, self.pools = reader, [visit.pool for visit in visits]
        self._pool, self._slot = np.empty(windows, np.int64), np.empty(windows, np.int64)
        for number, (pool, places, rows) in enumerate(visits):
            self._pool[rows], self._slot[rows] = number, pool.group.slot[places]

    def power(self) -> Doubles:
        """`(windows,)` mean square of the record that each is of, full scale at 32768."""
        power = np.empty(self._pool.size)
        for number, pool in enumerate(self.pools):
            mine = self._pool == number
            power[mine] = pool.power[self._slot[mine]]
        return power

    def draw(self, items: Ints, which: Doubles, where: Doubles) -> tuple[Singles, Doubles]:
        """See `augment.Others`: a record as likely as any other of the pool, and a frame as likely as any of it."""
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
        """Slots of other tracks than those of the given ones."""
        track = self.reader.index.track[pool.records]
        order = np.argsort(track, kind="stable")
        first, end = (np.searchsorted(track[order], track[slot], side) for side in ("left", "right"))
        # In the order of tracks, those of one's own are a run: count on from its end, and round.
        further = end + (which * (order.size - (end - first))).astype(np.int64)
        others: Ints = order[further % order.size]
        return others


class AugmentedReader(PooledReader):
    """Serves places of an epoch's sequence, each window changed as its seed has it.

    Args:
        index: of the training split.
        window: samples of an excerpt.
        windows: which excerpts there are.
        augmentations: what changes them.
        seed: see PooledReader.
        streams: see TrainingPlan.
        group: see TrainingPlan.

    Raises:
        DataError: the excerpts need more context than the shards store, or there is no other track to mix with.
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
        self.augmentations, self.layout = augmentations, Layout(window, windows.frames, index.grid.hop)
        signal = AudioSignal(augmentations.margin(self.layout))
        super().__init__(WindowReader(index, window, windows, signal), seed, streams, group)
        if augmentations.mixes and np.unique(index.track).size < 2:
            raise DataError(f"data.augment: Mix takes other tracks, but {index.directory} has only one; leave it out")

    def read(self, epoch: int, places: NDArray[np.int64]) -> Excerpts:
        """The windows at some places of the epoch's sequence, in the order asked for."""
        visits = list(self._visits(epoch, places))
        wide = self._gather(epoch, places.size, visits)
        others, seeds = OtherTracks(self.reader, visits, places.size), wide.seed.numpy()
        audio, f0, valid = self.augmentations.shifted(
            wide.signal.numpy(), wide.f0.numpy(), wide.valid.numpy(), seeds, self.layout
        )
        changed = self.augmentations.waveforms(audio, seeds, others.power(), others)
        return wide._replace(signal=torch.from_numpy(changed), f0=torch.from_numpy(f0), valid=torch.from_numpy(valid))

    def _decode(self, plan: TrainingPlan, stream: int, number: int) -> Pool:
        group, track = plan.group(stream, number), self.reader.index.track
        guests: list[int] = []
        if self.augmentations.mixes and np.unique(track[group.records]).size == 1:
            others = np.flatnonzero(track != track[group.records[0]])
            draw = np.random.default_rng([self.seed, plan.epoch, stream, number, 1])
            guests = [int(draw.choice(others))]
        return self.reader.pool(group, guests=guests)
