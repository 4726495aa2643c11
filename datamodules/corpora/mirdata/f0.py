"""Annotations that mirdata reads, as f0 series."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from typing_extensions import override

from datamodules.annotations.f0_series import HIGHEST_F0, F0Series, MultiF0Series
from datamodules.annotations.f0_tables import SAME_TIME
from datamodules.corpora.base import PitchSource
from datamodules.corpora.mirdata.datasets import DATASETS, Loader
from datamodules.corpora.sources.f0_files import F0File
from datamodules.errors import DataError
from datamodules.files import sha256_of

VERSION = 1  # part of cache keys: raise it when the same annotation is converted to another series


def mirdata_module(dataset: str) -> ModuleType:
    """The module of a data set in mirdata; imported only here, because mirdata is an optional dependency.

    Raises:
        DataError: mirdata, or something that it needs, is not installed.
    """
    try:
        return importlib.import_module(f"mirdata.datasets.{dataset}")
    except ModuleNotFoundError as error:
        raise DataError(
            f"{dataset} is read by mirdata, which cannot be imported ({error}): pip install 'melisma[corpora]'"
        ) from error


def mirdata_truth(dataset: str, annotation: str, path: Path) -> PitchSource:
    """The source that reads an annotation file of a data set in `DATASETS`."""
    reader = DATASETS[dataset].annotations[annotation].reader
    return MirdataF0(path, dataset, reader) if isinstance(reader, Loader) else F0File(path, reader)


@dataclass(frozen=True)
class MirdataF0(PitchSource):
    """An annotation file that a function of mirdata reads; `dataset` is the name of its module there."""

    path: Path
    dataset: str
    loader: Loader

    @override
    def fingerprint(self) -> str:
        parts = {"MirdataF0": VERSION, "dataset": self.dataset, "loader": self.loader, "sha256": sha256_of(self.path)}
        return json.dumps(parts, sort_keys=True)

    @override
    def read(self) -> F0Series | MultiF0Series:
        load = getattr(mirdata_module(self.dataset), self.loader.name)
        try:
            voices = [_series(load(str(self.path), *arguments)) for arguments in self.loader.voices]
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # mirdata checks little
            raise DataError(f"{self.path}: mirdata cannot read it as {self.dataset}: {error}") from error
        for voice in voices:
            self._refuse_impossible(voice)
        return voices[0] if len(voices) == 1 else self._mixed([voice for voice in voices if len(voice.times)])

    def _refuse_impossible(self, voice: F0Series | MultiF0Series) -> None:
        """Refuse what is no f0; the row that mirdata made is the nearest to a line that can be said."""
        if not np.isfinite(voice.times).all() or (np.diff(voice.times) < 0).any():
            raise DataError(f"{self.path}: its times are not finite, or do not increase")
        f0 = np.abs(voice.f0)
        largest = f0.max(axis=1, initial=0.0) if f0.ndim > 1 else f0
        wrong = np.flatnonzero(~(largest <= HIGHEST_F0))
        if wrong.size:
            row = int(wrong[0])
            raise DataError(
                f"{self.path}: f0 {largest[row]:g} Hz at {voice.times[row]:g} s (annotated frame {row}); at most "
                f"{HIGHEST_F0:g} Hz is expected"
            )

    def _mixed(self, voices: list[F0Series | MultiF0Series]) -> MultiF0Series:
        """Voices whose frames have the same times, though some end earlier, as one series."""
        if not voices:
            return MultiF0Series.from_rows(np.zeros(0), [])
        times = max((voice.times for voice in voices), key=len)
        if any(np.abs(voice.times - times[: len(voice.times)]).max() > SAME_TIME for voice in voices):
            raise DataError(f"{self.path}: its voices are not annotated at the same times")
        rows = zip_longest(*(voice.f0 for voice in voices), fillvalue=0.0)
        return MultiF0Series.from_rows(times, [[f0 for f0 in row if f0 > 0] for row in rows])


def _series(data: Any) -> F0Series | MultiF0Series:  # noqa: ANN401 -- mirdata has no types
    """An annotation as mirdata returns it: F0Data, MultiF0Data, or None where nothing is annotated."""
    if data is None:
        return F0Series(np.zeros(0), np.zeros(0))
    if data.time_unit != "s" or data.frequency_unit != "hz":
        raise ValueError(f"its units are {data.time_unit!r} and {data.frequency_unit!r} instead of 's' and 'hz'")
    times = np.asarray(data.times, dtype=np.float64)
    if hasattr(data, "frequency_list"):
        return MultiF0Series.from_rows(times, [[f0 for f0 in row if f0 > 0] for row in data.frequency_list])
    f0 = np.asarray(data.frequencies, dtype=np.float64)
    return F0Series(times, np.where(data.voicing > 0.5, f0, -f0) + 0.0)  # adding zero turns -0.0 into 0.0
