import numpy as np

from callbacks.pictures import PhoneEdit, count_edits, most_frequent, phone_confusion

PHONES = ("AH", "T", "$x$")
# AH three times right and once taken for T, T twice deleted, $x$ twice inserted.
COUNTS = count_edits([[1, 1], [1, 1], [1, 1], [1, 2], [2, 0], [2, 0], [0, 3], [0, 3]], 3)


def test_rows_are_the_reference_and_columns_the_hypothesis():
    assert COUNTS.tolist() == [[0, 0, 0, 2], [0, 3, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert count_edits(np.zeros((0, 2)), 3).sum() == 0


def test_the_most_frequent_edits_come_first_and_equal_ones_in_order():
    edits = [PhoneEdit(None, "$x$", 2), PhoneEdit("T", None, 2), PhoneEdit("AH", "T", 1)]
    assert most_frequent(COUNTS, PHONES) == edits
    assert most_frequent(COUNTS, PHONES, 1) == edits[:1]


def picture(counts):
    figure = phone_confusion(counts, PHONES, 2, "toy")
    figure.draw_without_rendering()
    return figure.axes


def test_axes_name_the_phones_and_what_is_none_comes_last():
    matrix, bars, scale = picture(COUNTS)
    assert [label.get_text() for label in matrix.get_xticklabels()] == [*PHONES, "deleted"]
    assert [label.get_text() for label in matrix.get_yticklabels()] == [*PHONES, "inserted"]
    assert (matrix.get_xlabel(), matrix.get_ylabel(), scale.get_ylabel()) == ("hypothesis", "reference", "phones")
    (image,) = matrix.images
    expected = [[3, 1, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 2, 0]]
    np.testing.assert_array_equal(image.get_array().filled(0), expected)
    assert bars.get_xlabel() == "times (most frequent edits)"


def test_the_most_frequent_edits_are_bars_in_words():
    _, bars, _ = picture(COUNTS)
    assert [label.get_text() for label in bars.get_yticklabels()] == ["$x$ inserted", "T deleted"]
    assert [bar.get_width() for bar in bars.patches] == [2, 2]
    assert [text.get_text() for text in bars.get_legend().get_texts()] == ["deletion", "insertion"]


def test_a_set_without_edits_says_so():
    _, bars, _ = picture(count_edits([[1, 1]], 3))
    assert [text.get_text() for text in bars.texts] == ["no edit"]
