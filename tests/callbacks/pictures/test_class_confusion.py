from itertools import pairwise

import numpy as np
import pytest

from callbacks.pictures import class_confusion

COUNTS = [[3, 1, 0], [0, 0, 0], [5, 0, 5]]


def picture(counts=COUNTS, classes=("a_$b$", "yes", "go")):
    figure = class_confusion(counts, classes, "toy")
    figure.draw_without_rendering()
    return figure.axes


def test_axes_name_the_classes_with_the_clips_that_belong_to_them():
    axes, bar = picture()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a_$b$", "yes", "go"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a_$b$ (4)", "yes (0)", "go (10)"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("estimate", "truth (clips)")
    assert bar.get_ylabel() == "part of the true class (%)"
    assert axes.get_title(loc="right").strip() == "8 of 14 right, 57.1 %"


def test_the_true_class_is_the_row_and_cells_hold_count_and_part():
    axes, _ = picture()
    assert axes.get_ylim() == (2.5, -0.5)
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "3\n75 %", (1, 0): "1\n25 %", (0, 2): "5\n50 %", (2, 2): "5\n50 %"}
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array().filled(-1), [[75, 25, -1], [-1, -1, -1], [50, -1, 50]])
    assert image.get_clim() == (0, 100)


def test_many_classes_have_cells_of_one_line():
    axes, _ = picture(np.eye(35, dtype=int), [f"class {number}" for number in range(35)])
    assert {text.get_text() for text in axes.texts} == {"1"}
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_counts_that_do_not_fit_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 3\) for 2 classes"):
        class_confusion(COUNTS, ["a", "b"], "toy")
