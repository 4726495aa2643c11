"""The measures of shuffling: values counted by hand, their ideal and their extremes."""

from itertools import permutations

import numpy as np
import pytest

from experiments.benchmarks.shuffling import GATE, Population, ShuffleQuality, drift, same_track, shuffle_quality, vif

ANY = Population(same_track=0.5, variance=1.0)


def test_same_track_is_the_share_of_pairs_counted_by_hand():
    track = np.array([0, 0, 1, 0, 1, 1, 2, 2])
    population = Population.of(track, np.arange(8.0))
    assert population.same_track == pytest.approx((3 + 3 + 1) / 28)
    # Of the six pairs of a batch of four, the first has three of one track, the second two.
    assert same_track(track, 4, population) == pytest.approx((3 + 2) / 12 / (7 / 28))


def test_tracks_of_neighbouring_batches_are_no_pair():
    assert same_track(np.array([0, 1, 1, 2, 2, 3]), 2, ANY) == 0
    assert same_track(np.array([1, 1, 1, 1, 1, 1]), 2, ANY) == 2


def test_vif_is_the_variance_of_batch_means_calculated_by_hand():
    label = np.array([1.0, 3.0, 5.0, 7.0])
    population = Population.of(np.zeros(4, int), label)
    assert population.variance == pytest.approx(20 / 3)
    assert vif(label, 2, population) == pytest.approx(8 / (20 / 3 / 2))  # the means are 2 and 6
    assert vif(np.array([1.0, 7.0, 5.0, 3.0]), 2, population) == 0


def test_drift_sees_what_lasts_a_hundred_batches_and_vif_what_lasts_one():
    slow, fast = np.repeat([0.0, 1.0], 200), np.tile([0.0, 0.0, 1.0, 1.0], 100)
    population = Population.of(np.zeros(400, int), slow)
    assert drift(slow, 2, population) == pytest.approx(0.5 / (100 / 399 / 200))
    assert drift(fast, 2, population) == 0
    assert vif(slow, 2, population) == vif(fast, 2, population) == pytest.approx(50 / 199 / (100 / 399 / 2))


@pytest.mark.parametrize("delivered", [4, 5, 6])
def test_the_mean_over_all_permutations_is_exactly_one(delivered):
    """Also for the beginning of an epoch, and where the last batch is not whole."""
    track, label = np.array([0, 0, 0, 1, 1, 2]), np.array([1.0, 1.5, 2.0, 5.0, 9.0, 9.5])
    population = Population.of(track, label)
    orders = np.array(list(permutations(range(6))))[:, :delivered]
    assert np.mean([same_track(track[order], 2, population) for order in orders]) == pytest.approx(1)
    assert np.mean([vif(label[order], 2, population) for order in orders]) == pytest.approx(1)


def test_a_permutation_passes_the_gate_and_the_order_of_time_does_not():
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(50), 4000)
    label = rng.normal(size=50)[track]
    population = Population.of(track, label)
    order = rng.permutation(track.size)
    permuted = shuffle_quality(track[order], label[order], 32, population)
    # 6250 means vary by 1.8 %, 62 by 18 %.
    assert permuted.same_track == pytest.approx(1, abs=0.03)
    assert permuted.vif == pytest.approx(1, abs=0.08)
    assert permuted.drift == pytest.approx(1, abs=0.7)
    assert permuted.within(GATE)
    assert shuffle_quality(track, label, 32, population) == pytest.approx((50, 32, 3200), rel=0.15)


@pytest.mark.parametrize("place", range(3))
def test_every_figure_has_its_limit(place):
    assert GATE.within(GATE)
    worse = ShuffleQuality(*(limit + 0.01 * (number == place) for number, limit in enumerate(GATE)))
    assert not worse.within(GATE)


def test_orders_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="1 windows are fewer than 1 x 2"):
        same_track(np.zeros(1, int), 2, ANY)
    with pytest.raises(ValueError, match="3 windows are fewer than 2 x 2"):
        vif(np.zeros(3), 2, ANY)
    with pytest.raises(ValueError, match="399 windows are fewer than 2 x 200"):
        drift(np.zeros(399), 2, ANY)
    with pytest.raises(ValueError, match="batch_size: 1"):
        same_track(np.zeros(9, int), 1, ANY)


def test_populations_in_which_no_order_is_better_are_refused():
    with pytest.raises(ValueError, match="track"):
        Population.of(np.arange(5), np.arange(5.0))
    with pytest.raises(ValueError, match="label"):
        Population.of(np.zeros(5, int), np.ones(5))
