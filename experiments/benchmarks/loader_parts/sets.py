"""The sets that loaders are measured on: tones in noise as our shards, and their windows in the formats of others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import webdataset
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from experiments.benchmarks.tones import RATE, SEGMENT, Tones, track_samples, tracks_of

WINDOW = 1024  # samples
BATCH = 1024  # windows
SHARD = 2048  # windows of a tar that stores one window a sample


def make_shards(directory: Path, records: int, hop: int, audio: Literal["flac", "i16"]) -> Path:
    """Prepare a training split of at least so many full records.

    Args:
        directory: receives the shards.
        records: of ten seconds.
        hop: samples between label frames.
        audio: how the recipe stores it, `flac` or `i16`.
    """
    tones = Tones(tracks_of(records), track_samples(hop))
    prepare(ShardRecipe(tones, str(directory), RATE, hop, SEGMENT, audio=audio))
    return directory


def repeat_shards(directory: Path, times: int) -> list[Path]:
    """The same shards under so many names: an index that is really as many times as large, and no more on the disk."""
    copies = [directory.with_name(f"{directory.name}-{number:02d}") for number in range(times)]
    for copy in copies:
        shutil.copytree(directory, copy, copy_function=os.link)
    return copies


def pooled_reader(directories: Sequence[Path], streams: int, group: int) -> PooledReader:
    """The reader of our training loader, for single label frames."""
    return PooledReader(WindowReader(SplitIndex(directories, "train"), WINDOW, Windows()), 0, streams, group)


class Window(NamedTuple):
    """A window as the others store it.

    Attributes:
        audio: `(window,)` int16.
        f0: `(1,)` float32, Hz.
    """

    audio: NDArray[np.int16]
    f0: NDArray[np.float32]


def some_windows(shards: Path, count: int, format_name: str) -> Iterator[Window]:
    """Windows of our shards in the order of training, so that they are shuffled on the disk before anything else."""
    epochs = iter(range(count))
    loader = TrainingLoader(pooled_reader([shards], 16, 4), BATCH, 0, 1, 0, lambda: (next(epochs), 0))
    with tqdm(desc=f"writing {format_name}", total=count, unit="window") as progress:
        while True:
            for batch in loader:
                for audio, f0 in zip(batch.signal.numpy(), batch.f0.numpy(), strict=True):
                    if progress.n == count:
                        return
                    progress.update()
                    yield Window(audio, f0)


def write_lean_tars(directory: Path, shards: Path, count: int) -> Path:
    """Tars of `<key>.i16` and `<key>.f0`, raw; mtime=0, or else every member has a second header to be parsed."""
    windows = some_windows(shards, count, "lean tars of windows")
    members = ({"i16": window.audio.tobytes(), "f0": window.f0.tobytes()} for window in windows)
    return _write_tars(directory, members, mtime=0)


def write_customary_tars(directory: Path, shards: Path, count: int) -> Path:
    """Tars of `<key>.audio.npy` and `<key>.f0.npy` as webdataset writes arrays when it is asked for nothing else."""
    windows = some_windows(shards, count, "customary tars of windows")
    members = ({"audio.npy": window.audio, "f0.npy": window.f0} for window in windows)
    return _write_tars(directory, members)


def _write_tars(directory: Path, samples: Iterator[dict[str, Any]], **options: float) -> Path:
    directory.mkdir()
    for number, samples_of_a_tar in enumerate(_runs(samples, SHARD)):
        with webdataset.TarWriter(str(directory / f"windows-{number:06d}.tar"), **options) as tar:
            for place, members in enumerate(samples_of_a_tar):
                tar.write({"__key__": f"{number * SHARD + place:09d}", **members})
    return directory


def _runs(samples: Iterator[dict[str, Any]], length: int) -> Iterator[Iterator[dict[str, Any]]]:
    for first in samples:
        yield chain([first], islice(samples, length - 1))


def write_litdata(directory: Path, shards: Path, count: int) -> Path:
    """Chunks of 64 MiB for litdata, an item a window."""
    directory.mkdir()
    cache = import_module("litdata.streaming.cache").Cache(str(directory), chunk_bytes=1 << 26)
    for number, window in enumerate(some_windows(shards, count, "litdata")):
        cache[number] = window._asdict()
    cache.done()
    cache.merge()
    return directory


def write_mosaic(directory: Path, shards: Path, count: int) -> Path:
    """Shards of 64 MiB for mosaicml-streaming, a sample a window."""
    columns = {"audio": f"ndarray:int16:{WINDOW}", "f0": "ndarray:float32:1"}
    with import_module("streaming").MDSWriter(out=str(directory), columns=columns, size_limit=1 << 26) as writer:
        for window in some_windows(shards, count, "mosaicml-streaming"):
            writer.write(window._asdict())
    return directory


def installed(module: str) -> bool:
    """Whether an optional package can be imported."""
    return find_spec(module) is not None
