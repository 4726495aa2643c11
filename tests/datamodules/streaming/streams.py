"""Loaders of streamed shards and of the same shards by their index, and what they deliver."""

import pytest
import torch

from datamodules.shards.index import SplitIndex
from datamodules.streaming.pipeline_reader import PipelineReader
from datamodules.streaming.tar_streams import track_number
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from datamodules.windows.source import Processes

WINDOWS = 1200  # 4 tracks of 300 frames, in 12 records, in 3 shards


def streamed(urls, rank=0, ranks=1, workers=0, batch_size=16, start=0, epoch=0, seed=0, windows=None, **options):
    reader = PipelineReader(urls, **{"windows_per_epoch": WINDOWS, "records": 4, **options})
    with pytest.warns(UserWarning, match="inexact"):
        source = reader.open(256, windows or Windows(), seed, Processes(rank, ranks, workers))
    return TrainingLoader(source, batch_size, rank, ranks, workers, lambda: (epoch, start))


def indexed(directory, windows=None):
    index = SplitIndex([directory], "train")
    return index, TrainingLoader(PooledReader(WindowReader(index, 256, windows or Windows()), 0, 4, 2), 1, 0, 1, 0)


def places(loader):
    return [list(zip(batch.track.tolist(), batch.frame.tolist(), strict=True)) for batch in loader]


def contents(loader, numbers=None):
    """Bytes of audio, f0 and validity of every window, by track and first frame."""
    found = {}
    for batch in loader:
        for audio, f0, valid, track, frame in zip(
            *map(torch.Tensor.numpy, (batch.signal, batch.f0, batch.valid)),
            batch.track.tolist(), batch.frame.tolist(), strict=True,
        ):  # fmt: skip
            value = audio.tobytes(), f0.tobytes(), valid.tobytes()
            assert found.setdefault((numbers[track] if numbers else track, frame), value) == value
    return found


def assert_the_same_windows(directory, loader, windows=None):
    """What is streamed is what the index gives, and all of it if enough is streamed."""
    index, exact = indexed(directory, windows)
    expected = contents(exact, [track_number(name) for name in index.tracks])
    got = contents(loader)
    assert got and got == {place: expected[place] for place in got}
    assert len(got) == len(expected)
