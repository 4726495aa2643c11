"""Largest matchings of estimated and true pitches, against a search through all of them and against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from lightning_modules.metrics.multi_pitch.matching import enlarging

# Quarter tones and halves of them, so that many distances are right at the tolerance.
notes = st.lists(st.one_of(st.integers(80, 140).map(lambda note: note / 4), st.floats(20, 50)), max_size=7)


def padded(frame, width):
    return np.array([[*frame, *[np.nan] * (width - len(frame))]])


def near(true, guess, chroma):
    distance = np.abs(np.subtract.outer(np.array(true, float), np.array(guess, float)))
    if chroma:
        distance = np.minimum(distance % 12, 12 - distance % 12)
    return distance <= 0.5


def most(true, guess, chroma):
    if not true or not guess:
        return 0
    pairs = csr_matrix(near(true, guess, chroma).astype(np.int8))
    return int((maximum_bipartite_matching(pairs, perm_type="column") >= 0).sum())


@given(notes, notes, st.booleans())
def test_as_many_estimates_are_right_as_can_be_matched_however_many_are_added(true, guess, chroma):
    marked = enlarging(padded(true, 8), padded(guess, 8), chroma)[0]
    for number in range(len(guess) + 1):
        assert marked[:number].sum() == most(true, guess[:number], chroma)
    assert not marked[len(guess) :].any()


def test_a_pair_is_changed_where_that_makes_room_for_another():
    # 60.4 takes 60 first; 59.8 is near 60 alone.
    assert enlarging(np.array([[60.0, 60.8]]), np.array([[60.4, 59.8, 60.1]]), False).tolist() == [[True, True, False]]


def test_on_the_circle_the_first_and_the_last_note_are_neighbours():
    true, guess = np.array([[59.9, 60.1]]), np.array([[72.2, 71.8]])
    assert enlarging(true, guess, True).all() and not enlarging(true, guess, False).any()


@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize(("pitches", "estimates"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_matches_nothing(pitches, estimates, chroma):
    found = enlarging(np.full((2, pitches), 60.0), np.full((2, estimates), 60.0), chroma)
    assert found.shape == (2, estimates) and not found.any()


def test_a_note_right_at_the_tolerance_is_right():
    assert enlarging(np.array([[60.0]]), np.array([[60.5]]), False).all()
    assert not enlarging(np.array([[60.0]]), np.array([[np.nextafter(60.5, 61)]]), False).any()
