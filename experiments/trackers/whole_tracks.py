"""The recordings of a prepared split, put together from their records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.shards.index import SplitIndex, describe
from datamodules.shards.metadata import read_metadata


class WholeTrack(NamedTuple):
    """A recording and its truth.

    Attributes:
        name: id of the recording.
        samples: float32 `(samples,)`, mono, full scale at 1.
        rate: samples per second.
        reference: f0 in Hz at the label frames, 0 where unvoiced.
    """

    name: str
    samples: NDArray[np.float32]
    rate: int
    reference: F0Series


class WholeTracks:
    """All recordings of one split, read one at a time.

    Attributes:
        names: ids of the recordings, sorted.
        identity: JSON values that change whenever audio or truth does.
        metadata: group and metadata of each recording, by its id.

    Args:
        directory: a prepared directory.
        split: name of the split; None: the only one there is.

    Raises:
        DataError: the split is not said and there are several, or its records lack audio or the f0 of one voice.
    """

    def __init__(self, directory: Path, split: str | None) -> None:
        splits = list(describe(directory)["splits"])
        if split is None and len(splits) > 1:
            raise DataError(f"{directory}: it has the splits {', '.join(splits)}; say which with --split")
        self._index = SplitIndex([directory], splits[0] if split is None else split)
        self._origin = f"{directory}: split {self._index.split!r}"
        if not (self._index.has_audio and self._index.has_f0):
            raise DataError(f"{self._origin} has records without audio or without f0; a comparison needs both")
        if self._index.pitches:
            raise DataError(f"{self._origin} has the f0 of several voices; trackers give one")
        self.names = self._index.tracks
        self.metadata = read_metadata(directory, self._index.split)
        self.identity = {"split": self._index.split, "records": self._index.identity, **self._index.grid._asdict()}

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[WholeTrack]:
        for name in self.names:
            yield self[name]

    def __getitem__(self, name: str) -> WholeTrack:
        """Read the recording of this id.

        Raises:
            DataError: a record is damaged, or they do not follow each other from the recording's beginning.
        """
        index, (rate, hop) = self._index, (self._index.grid.rate, self._index.grid.hop)
        records = np.flatnonzero(index.track == self.names.index(name))
        records = records[np.argsort(index.start[records])]
        ends = np.cumsum(index.frames[records])
        if (index.start[records] != np.append(0, ends[:-1])).any():
            raise DataError(f"{self._origin}: the records of {name} do not make a whole recording")
        samples = np.concatenate([self._owned(int(record)) for record in records])
        f0 = np.concatenate([index.read_f0(int(record))[: index.frames[record]] for record in records])
        times = np.arange(len(f0)) * hop / rate
        return WholeTrack(name, samples, rate, F0Series(times, f0.astype(np.float64)))

    def _owned(self, record: int) -> NDArray[np.float32]:
        """The samples from a record's first frame until that of the next record."""
        begin = self._index.grid.context
        end = begin + int(self._index.frames[record]) * self._index.grid.hop
        return self._index.read_audio(record)[begin:end].astype(np.float32) / 32768
