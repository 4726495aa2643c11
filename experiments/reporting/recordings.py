"""The audio of what a page shows, from prepared shards or from a folder of recordings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.corpora.sources.names import visible_files
from datamodules.errors import DataError
from datamodules.files import file_name
from datamodules.shards.index import SplitIndex, describe


class SoundedAudio(NamedTuple):
    """Audio.

    Attributes:
        values: float32 `(samples,)`, mono, full scale at 1.
        rate: Hz.
    """

    values: NDArray[np.float32]
    rate: int

    def between(self, start: float, end: float) -> SoundedAudio:
        """The part from one time to another, s."""
        first, last = (max(round(time * self.rate), 0) for time in (start, end))
        return SoundedAudio(self.values[first:last], self.rate)


class Recordings(ABC):
    """Recordings by the names of their tables."""

    @abstractmethod
    def read(self, name: str) -> SoundedAudio | None:
        """A recording; None if there is none of this name.

        Raises:
            DataError: it is damaged.
        """


class NoRecordings(Recordings):
    """None at all.

    Attributes:
        reason: shown to the reader.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    @override
    def read(self, name: str) -> SoundedAudio | None:
        return None


class ShardRecordings(Recordings):
    """Those of a split of a prepared directory.

    Args:
        directory: with dataset.json.
        split: name of the split; None: the only one.

    Raises:
        DataError: there is no such directory or split, or it holds no audio.
    """

    def __init__(self, directory: Path, split: str | None) -> None:
        splits = list(describe(directory)["splits"])
        if split is None and len(splits) > 1:
            raise DataError(f"{directory}: it has the splits {', '.join(splits)}; none is said")
        self._index = SplitIndex([directory], splits[0] if split is None else split)
        if not self._index.has_audio:
            raise DataError(f"{directory}: its records hold no audio")
        self._places: Mapping[str, int] = {
            name: place for place, track in enumerate(self._index.tracks) for name in (track, file_name(track))
        }

    @override
    def read(self, name: str) -> SoundedAudio | None:
        place = self._places.get(name)
        if place is None:
            return None
        index = self._index
        records = np.flatnonzero(index.track == place)
        records = records[np.argsort(index.start[records])]
        return SoundedAudio(np.concatenate([self._owned(int(record)) for record in records]), index.grid.rate)

    def _owned(self, record: int) -> NDArray[np.float32]:
        """The samples from a record's first frame until that of the next record, if there is one."""
        grid, samples = self._index.grid, self._index.read_audio(record)
        end = grid.context + int(self._index.frames[record]) * grid.hop
        return samples[grid.context : end].astype(np.float32) / 32768


class FolderRecordings(Recordings):
    """Audio files of a folder, named after the tracks.

    Args:
        folder: of them; folders in it do not count.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {path.stem: path for path in visible_files(folder, "*") if path.suffix.lower() not in _TABLES}

    @override
    def read(self, name: str) -> SoundedAudio | None:
        import soundfile

        path = self._files.get(name)
        if path is None:
            return None
        try:
            values, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{path}: not readable as audio ({error})") from error
        return SoundedAudio(values.mean(axis=1), rate)


_TABLES = (".csv", ".tsv", ".txt", ".ref", ".f0ref", ".f0", ".jams", ".json", ".md")
