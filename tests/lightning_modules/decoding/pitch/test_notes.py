"""Notes: the best division is that of an exhaustive search, and what singers do is read as musicians do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.decoding.pitch.notes import _best_pieces, notes_of

HOP = 0.01


def cheapest(pitch, candidates, change, farthest, least):
    """The cost of the best division, by trying every last piece of every beginning."""
    costs = {0: -change}
    for end in range(1, len(pitch) + 1):
        found = []
        for begin in range(end - least + 1):
            if begin in costs:
                piece = np.minimum(np.abs(pitch[begin:end, None] - candidates), farthest).sum(axis=0).min()
                found.append(costs[begin] + change + piece)
        if found:
            costs[end] = min(found)
    return costs[len(pitch)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(59, 63), min_size=3, max_size=12),
    st.integers(1, 3),
    st.floats(0.1, 3),
    st.floats(0.3, 2),
)
def test_no_other_division_costs_less(pitch, least, change, farthest):
    pitch, candidates = np.array(pitch), np.arange(59, 63.2, 0.25)
    path = _best_pieces(pitch, candidates, change, farthest, least)
    cost = np.minimum(np.abs(pitch - candidates[path]), farthest).sum() + change * np.count_nonzero(np.diff(path))
    assert cost == pytest.approx(cheapest(pitch, candidates, change, farthest, least))
    lengths = np.diff([0, *(np.flatnonzero(np.diff(path)) + 1), len(pitch)])
    assert lengths.min() >= least


def contour(*parts):
    """f0 of (semitones, seconds) one after the other; None is a rest."""
    pitch = np.concatenate([np.full(round(seconds / HOP), np.nan if note is None else note) for note, seconds in parts])
    voiced = ~np.isnan(pitch)
    f0 = 440 * 2 ** ((np.where(voiced, pitch, 60) - 69) / 12)
    return np.arange(len(f0)) * HOP, f0, np.where(voiced, 0.9, 0.1), voiced


def pitches(notes):
    return [round(note.pitch, 2) for note in notes]


def test_steps_and_rests_part_notes():
    notes = notes_of(*contour((60, 0.5), (62, 0.3), (None, 0.2), (62, 0.4)))
    assert pitches(notes) == [60, 62, 62]
    edges = [(note.start, note.end) for note in notes]
    assert np.allclose(edges, [(0, 0.495), (0.495, 0.795), (0.995, 1.395)])
    assert notes[0].confidence == pytest.approx(0.9)


@pytest.mark.parametrize("extent", [0.3, 0.8])
def test_vibrato_is_one_note(extent):
    times, f0, confidence, voiced = contour((60, 2.0))
    notes = notes_of(times, f0 * 2 ** (extent * np.sin(2 * np.pi * 5.5 * times) / 12), confidence, voiced)
    assert len(notes) == 1 and abs(notes[0].pitch - 60) < 0.1


def test_octave_errors_and_holes_do_not_part_a_note():
    times, f0, confidence, voiced = contour((60, 1.0))
    f0[40:44] *= 2
    voiced[70:72] = False
    assert pitches(notes_of(times, f0, confidence, voiced)) == [60]
    voiced[70:80] = False
    assert pitches(notes_of(times, f0, confidence, voiced)) == [60, 60]


def test_what_is_shorter_than_a_note_is_none():
    assert notes_of(*contour((60, 0.04), (None, 0.5))) == []
    assert notes_of(*contour((60, 0.01))) == []
    assert pitches(notes_of(*contour((60, 0.5), (64, 0.02), (62, 0.5)))) == [60, 62]


@pytest.mark.parametrize("wrong", [{"change": 0}, {"farthest": -1}, {"shortest": 0.0}, {"gap": -0.1}])
def test_costs_and_lengths_are_positive(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        notes_of(*contour((60, 0.5)), **wrong)


def test_columns_have_one_length():
    times, f0, confidence, voiced = contour((60, 0.5))
    with pytest.raises(ValueError, match="different lengths"):
        notes_of(times, f0[1:], confidence, voiced)
