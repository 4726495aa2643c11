"""The default order of training on a corpus of the size of MedleyDB: as good as a permutation, as far as is felt.

Once as planned, over whole epochs, and once as the loader delivers it from shards, over the beginning of an epoch (a
whole one is long). Small pools and the order of time must not pass.
"""

import inspect
from itertools import islice

import numpy as np
import pytest

from datamodules.melody import MelodyData
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import TrainingPlan, Windows
from datamodules.windows.reader import PooledReader, WindowReader
from experiments.benchmarks.shuffling import GATE, Population, ShuffleQuality, shuffle_quality

BATCH, RECORD, BEGINNING = 32, 1000, 20_000
DEFAULT = tuple(inspect.signature(MelodyData).parameters[name].default for name in ("streams", "group"))


@pytest.fixture(scope="module")
def songs():
    """f0 of 230 songs of about four minutes: notes around the song's own key."""
    rng = np.random.default_rng(0)

    def song():
        frames, key = int(rng.uniform(20_000, 28_000)), rng.normal(60, 6)
        lengths = rng.integers(15, 60, size=frames // 15)
        notes = np.repeat(key + rng.normal(0, 4, lengths.size), lengths)[:frames]
        return 440 * 2 ** ((notes - 69) / 12)

    return [song() for _ in range(230)]


@pytest.fixture(scope="module")
def in_time_order(songs):
    """Track and label of every window."""
    return np.repeat(np.arange(len(songs)), [song.size for song in songs]), np.concatenate(songs)


@pytest.fixture(scope="module")
def population(in_time_order):
    return Population.of(*in_time_order)


@pytest.fixture(scope="module")
def shards(songs, prepare_contours, tmp_path_factory):
    return prepare_contours(tmp_path_factory.mktemp("songs"), RECORD, train=songs)


def planned(songs, streams, group, epoch):
    """Track and label of an epoch's windows, in the order of the plan."""
    records = [(track, start) for track, song in enumerate(songs) for start in range(0, song.size, RECORD)]
    counts = np.array([min(RECORD, songs[track].size - start) for track, start in records])
    plan = TrainingPlan(counts, seed=0, epoch=epoch, streams=streams, group=group)
    tracks, starts = np.array(records).T
    begins = np.concatenate([[0], np.cumsum([song.size for song in songs])])[tracks] + starts
    everything = np.concatenate(songs)
    track, label = np.empty(plan.total, np.int64), np.empty(plan.total)
    for stream in range(streams):
        for number in range(plan.group_count(stream)):
            windows = plan.group(stream, number)
            of_record = windows.records[windows.slot]
            places = (windows.first + np.arange(of_record.size)) * streams + stream
            track[places], label[places] = tracks[of_record], everything[begins[of_record] + windows.number]
    return track, label


def delivered(shards, streams, group, batches=None):
    """Track and label of the windows that the loader delivers."""
    reader = WindowReader(SplitIndex([shards], "train"), window=2, windows=Windows())
    loader = TrainingLoader(PooledReader(reader, 0, streams, group), BATCH, rank=0, ranks=1, workers=0)
    rows = [(batch.track.numpy(), batch.f0.numpy()[:, 0]) for batch in islice(loader, batches)]
    track, label = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return track, label


def test_the_default_plan_is_as_good_as_a_permutation(songs, population):
    """On the average of four epochs: which records share a pool is chance, and the drift of an epoch with it."""
    epochs = [shuffle_quality(*planned(songs, *DEFAULT, epoch), BATCH, population) for epoch in range(4)]
    figures = ShuffleQuality(*np.mean(epochs, axis=0))
    assert figures.within(GATE), figures


@pytest.mark.long
def test_what_the_loader_delivers_is_as_good_as_a_permutation(shards, population):
    figures = shuffle_quality(*delivered(shards, *DEFAULT, BEGINNING), BATCH, population)
    assert figures.within(GATE), figures


@pytest.mark.long
def test_a_whole_epoch_of_the_loader_is_as_good_as_a_permutation(shards, population, in_time_order):
    track, label = delivered(shards, *DEFAULT)
    assert in_time_order[0].size - track.size < BATCH
    figures = shuffle_quality(track, label, BATCH, population)
    assert figures.within(GATE), figures


@pytest.mark.parametrize(("streams", "group"), [(1, 2), (4, 2)])
def test_a_small_pool_is_not(shards, population, streams, group):
    figures = shuffle_quality(*delivered(shards, streams, group, BEGINNING), BATCH, population)
    assert all(figure > limit for figure, limit in zip(figures, GATE, strict=True)), figures


def test_the_order_of_time_is_not(in_time_order, population):
    figures = shuffle_quality(*in_time_order, BATCH, population)
    assert all(figure > 10 * limit for figure, limit in zip(figures, GATE, strict=True)), figures
