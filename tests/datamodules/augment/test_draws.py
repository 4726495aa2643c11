"""Random numbers by hashing: independent, evenly spread, and the same from version to version."""

import numpy as np
import pytest

from datamodules.augment import (
    Draws,
    item_seeds,
)
from tests.datamodules.augment.sweeps import seeds


def test_a_million_items_have_a_million_seeds_of_balanced_independent_bits():
    records, windows = (axis.ravel() for axis in np.mgrid[0:500, 0:500])
    made = np.concatenate([item_seeds(seed, epoch, records, windows) for seed in (0, 1) for epoch in (0, 1)])
    assert made.dtype == np.int64 and (made >= 0).all()
    assert np.unique(made).size == made.size == 1_000_000
    bits = ((made[:, None] >> np.arange(63)) & 1).astype(np.float32)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / 1000
    correlation = np.corrcoef(bits[:200_000].T) - np.eye(63)
    assert np.abs(correlation).max() < 6 / 200_000**0.5


def test_any_number_changes_half_of_a_seeds_bits():
    base = item_seeds(3, 5, np.arange(1000), np.arange(1000))
    for other in (
        item_seeds(4, 5, np.arange(1000), np.arange(1000)),
        item_seeds(3, 6, np.arange(1000), np.arange(1000)),
        item_seeds(3, 5, np.arange(1000) + 1, np.arange(1000)),
        item_seeds(3, 5, np.arange(1000), np.arange(1000) + 1),
        item_seeds(5, 3, np.arange(1000), np.arange(1000)),
    ):
        changed = [bin(int(bits)).count("1") for bits in base ^ other]
        assert np.mean(changed) == pytest.approx(31.5, abs=0.7)


def test_seeds_stay_the_same_from_version_to_version():
    assert item_seeds(0, 0, np.array([0, 7]), np.array([0, 9])).tolist() == [1195769770526638388, 7431329836079542594]
    assert item_seeds(-1, 2, np.array([3]), np.array([4])).tolist() == [3298521000950265359]


def test_uniform_draws_fill_their_bounds_evenly_and_streams_are_independent():
    one, other = Draws(seeds(100_000), 0), Draws(seeds(100_000), 1)
    draws = [one.uniform(), one.uniform(), other.uniform(), other.uniform()]
    for draw in draws:
        counts = np.histogram(draw, 20, (0, 1))[0]
        assert counts.sum() == 100_000 and np.abs(counts - 5000).max() < 5 * 5000**0.5
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.02
    bounded = Draws(seeds(1000), 0).uniform(-3, 5)
    assert bounded.min() >= -3 and bounded.max() < 5 and np.ptp(bounded) > 7.9


def test_normal_draws_are_normal_white_and_different_for_every_item():
    values = Draws(seeds(300), 0).normal(np.arange(300), 1001)
    assert values.shape == (300, 1001)
    assert values.mean() == pytest.approx(0, abs=0.01) and values.var() == pytest.approx(1, abs=0.015)
    assert (values**4).mean() == pytest.approx(3, abs=0.1) and 4 < np.abs(values).max() < 7
    for one, other in ((values[:, 1:], values[:, :-1]), (values[:, :500], values[:, 500:1000])):
        assert abs((one * other).mean()) < 0.01
    assert abs((values[1:] * values[:-1]).mean()) < 0.01
    assert np.array_equal(Draws(seeds(300), 0).normal(np.array([70, 5]), 1001), values[[70, 5]])


# Waveforms
