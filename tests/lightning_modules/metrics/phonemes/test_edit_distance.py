"""Edit distance and alignment, beside torchaudio and all alignments there are."""

import functools

from hypothesis import example, given
from hypothesis import strategies as st
from torchaudio.functional import edit_distance as torchaudio_edit_distance

from lightning_modules.metrics import align_sequences, edit_distance

sequences = st.lists(st.integers(1, 4), max_size=12)


@given(sequences, sequences)
def test_distance_is_that_of_torchaudio_and_symmetric(one, other):
    assert edit_distance(one, other) == torchaudio_edit_distance(one, other) == edit_distance(other, one)


@given(sequences, sequences)
def test_an_alignment_holds_both_sequences_and_as_many_edits_as_the_distance(reference, hypothesis):
    pairs = align_sequences(reference, hypothesis)
    assert [symbol for symbol in pairs[:, 0] if symbol >= 0] == reference
    assert [symbol for symbol in pairs[:, 1] if symbol >= 0] == hypothesis
    assert not (pairs == -1).all(axis=1).any()
    assert (pairs[:, 0] != pairs[:, 1]).sum() == torchaudio_edit_distance(reference, hypothesis)


@functools.cache
def preferred(reference, hypothesis):
    """Fewest edits, then, from the ends: a pair before a deletion before an insertion."""
    if not reference and not hypothesis:
        return 0, (), ()
    ways = []
    if reference and hypothesis:
        edits, choices, pairs = preferred(reference[:-1], hypothesis[:-1])
        ways.append(
            (edits + (reference[-1] != hypothesis[-1]), (0, *choices), (*pairs, (reference[-1], hypothesis[-1])))
        )
    if reference:
        edits, choices, pairs = preferred(reference[:-1], hypothesis)
        ways.append((edits + 1, (1, *choices), (*pairs, (reference[-1], -1))))
    if hypothesis:
        edits, choices, pairs = preferred(reference, hypothesis[:-1])
        ways.append((edits + 1, (2, *choices), (*pairs, (-1, hypothesis[-1]))))
    return min(ways)


@given(st.lists(st.integers(1, 3), max_size=6), st.lists(st.integers(1, 3), max_size=6))
@example([1, 2, 1], [2, 1, 2])  # a last deletion is as good as a last insertion, and both better than a pair
def test_of_equal_alignments_the_one_is_taken_that_is_documented(reference, hypothesis):
    _, _, pairs = preferred(tuple(reference), tuple(hypothesis))
    assert [tuple(pair) for pair in align_sequences(reference, hypothesis)] == [*pairs]
