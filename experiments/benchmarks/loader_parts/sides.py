"""The loaders that are measured: endless iterators over the sizes of delivered batches of 1024 windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import TrainingLoader
from experiments.benchmarks.loader_parts.sets import BATCH, WINDOW, pooled_reader

BUFFER = 10_000  # windows of webdataset's shuffle buffer, as is customary


def our_loader(shards: Path, workers: int, streams: int, group: int) -> Iterator[int]:
    """Our training loader, epoch after epoch, with all that an epoch's beginning costs."""
    epochs = count()
    reader = pooled_reader([shards], streams, group)
    loader = TrainingLoader(reader, BATCH, 0, 1, workers, lambda: (next(epochs), 0))
    while True:
        for batch in loader:
            yield len(batch.signal)


def gather_from_memory(shards: Path) -> Iterator[int]:
    """The ceiling: all audio decoded in memory, nothing but the copying of a shuffled epoch's windows, no labels."""
    index = SplitIndex([shards], "train")
    records = [index.read_audio(record) for record in range(len(index))]
    audio = np.zeros((len(records), max(record.size for record in records)), np.int16)
    for row, samples in enumerate(records):
        audio[row, : samples.size] = samples
    windows = sliding_window_view(audio, WINDOW, axis=1)[:, index.grid.context - WINDOW // 2 :: index.grid.hop]
    order = np.random.default_rng(0).permutation(int(index.frames.sum()))
    record, frame = np.repeat(np.arange(len(index)), index.frames)[order], _within(index.frames)[order]
    while True:
        for low in range(0, order.size - BATCH + 1, BATCH):
            here = slice(low, low + BATCH)
            batch = torch.empty(BATCH, WINDOW, dtype=torch.int16)
            batch.numpy()[:] = windows[record[here], frame[here]]
            yield len(batch)


def _within(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... for each of the lengths, one behind the other."""
    ends = np.cumsum(lengths)
    numbers: NDArray[np.int64] = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    return numbers


def lean_tars(tars: Path) -> webdataset.WebDataset:
    """Raw members through webdataset, with the cheapest decoding there is."""
    return _buffered(tars).map(_decode)


def customary_tars(tars: Path) -> webdataset.WebDataset:
    """Members in .npy format through webdataset, and decoded by it."""
    return _buffered(tars).decode().to_tuple("audio.npy", "f0.npy")


def _buffered(tars: Path) -> webdataset.WebDataset:
    # Shards are drawn without end, so that the buffer stays full: an epoch's end would empty it, its beginning fill it.
    files = sorted(map(str, tars.glob("*.tar")))
    return webdataset.WebDataset(files, resampled=True, shardshuffle=False).shuffle(BUFFER)


def _decode(sample: dict[str, Any]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    # Copies, since torch asks for arrays that may be written to.
    return np.frombuffer(sample["i16"], "<i2").copy(), np.frombuffer(sample["f0"], "<f4").copy()


def collated(windows: Callable[[Path], webdataset.WebDataset], tars: Path) -> Iterator[int]:
    """Batches by the collate function of torch's DataLoader."""
    for audio, _ in DataLoader(windows(tars), batch_size=BATCH):
        yield len(audio)


def batched(windows: Callable[[Path], webdataset.WebDataset], tars: Path) -> Iterator[int]:
    """Batches by webdataset."""
    for audio, _ in DataLoader(windows(tars).batched(BATCH), batch_size=None):
        yield len(audio)


def litdata_windows(folder: Path) -> Iterator[int]:
    """The streaming data set of litdata, shuffled, with its own loader."""
    litdata = import_module("litdata")
    loader = litdata.StreamingDataLoader(litdata.StreamingDataset(str(folder), shuffle=True), batch_size=BATCH)
    while True:
        for batch in loader:
            yield len(batch["audio"])


def mosaic_windows(folder: Path) -> Iterator[int]:
    """The data set of mosaicml-streaming, shuffled, with torch's loader."""
    data = import_module("streaming").StreamingDataset(local=str(folder), shuffle=True, batch_size=BATCH)
    loader = DataLoader(data, batch_size=BATCH)
    while True:
        for batch in loader:
            yield len(batch["audio"])
