"""How far the default order of training is from a uniform permutation, on a set of the size of MedleyDB.

Three figures, each relative to a uniform permutation of the same windows: `same`, the probability that two windows of
a batch are of one track; `vif`, the variance of a batch's mean label; `drift`, the variance of the mean of a hundred
batches, which is what batch normalisation and Adam see. 1 is ideal; a buffer of ten thousand windows over tracks in
order has a drift of about a thousand.
"""

import inspect

import numpy as np
import pytest

from datamodules.melody import MelodyData
from datamodules.sampling import TrainingPlan

BATCH, TRACKS, RECORD = 32, 230, 1000


@pytest.fixture(scope="module")
def songs():
    """230 tracks of about four minutes of notes: label of each window, and track and first window of each record."""
    rng = np.random.default_rng(0)
    labels, tracks, starts, counts, total = [], [], [], [], 0
    for track in range(TRACKS):
        frames, key = int(rng.uniform(20_000, 28_000)), rng.normal(60, 6)
        lengths = rng.integers(15, 60, size=frames // 15)
        labels.append(np.repeat(key + rng.normal(0, 4, lengths.size), lengths)[:frames])
        for start in range(0, frames, RECORD):
            tracks.append(track)
            starts.append(total + start)
            counts.append(min(RECORD, frames - start))
        total += frames
    return np.concatenate(labels), np.array(tracks), np.array(starts), np.array(counts)


def gate(songs, streams, group):
    labels, tracks, starts, counts = songs
    plan = TrainingPlan(counts, seed=0, epoch=0, streams=streams, group=group)
    track, label = np.empty(plan.total, np.int64), np.empty(plan.total)
    for stream in range(streams):
        for number in range(plan.group_count(stream)):
            windows = plan.group(stream, number)
            records = windows.records[windows.slot]
            places = (windows.first + np.arange(records.size)) * streams + stream
            track[places], label[places] = tracks[records], labels[starts[records] + windows.number]
    whole = plan.total // BATCH * BATCH
    means = label[:whole].reshape(-1, BATCH).mean(axis=1)
    hundreds = means[: means.size // 100 * 100].reshape(-1, 100).mean(axis=1)
    pairs = [
        (np.bincount(batch) ** 2).sum() - BATCH for batch in track[:whole].reshape(-1, BATCH)[::50]
    ]  # ordered pairs of one track
    by_chance = ((np.bincount(tracks, weights=counts) / counts.sum()) ** 2).sum()
    return {
        "same": np.mean(pairs) / (BATCH * (BATCH - 1)) / by_chance,
        "vif": means.var() / (labels.var() / BATCH),
        "drift": hundreds.var() / (labels.var() / BATCH / 100),
    }


def passes(figures):
    return figures["same"] <= 2.5 and figures["vif"] <= 1.15 and figures["drift"] <= 10


def test_the_default_order_is_as_good_as_a_permutation(songs):
    defaults = inspect.signature(MelodyData).parameters
    figures = gate(songs, defaults["streams"].default, defaults["group"].default)
    assert passes(figures), figures


def test_a_small_pool_is_not(songs):
    figures = gate(songs, streams=4, group=2)
    assert figures["same"] > 2.5 and figures["vif"] > 1.15 and figures["drift"] > 10
