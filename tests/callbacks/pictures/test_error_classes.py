import numpy as np
import pytest

from callbacks.pictures import error_classes
from callbacks.pictures.error_classes import CLASSES
from experiments.evaluation import sums

SHARES = dict(zip(CLASSES, (0.5, 0.2, 0.1, 0.02, 0.03, 0.15), strict=True))


def bars(axes):
    return np.array([[(bar.get_x(), bar.get_width()) for bar in container] for container in axes.containers])


def test_parts_lie_beside_each_other_from_exact_to_wrong_and_wide_ones_say_their_share():
    figure = error_classes({"one_$": {**SHARES, "cents_bias": 3.0}, "other": dict.fromkeys(CLASSES, 1 / 6)}, "t_$")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    found = bars(axes)  # (classes, methods, 2)
    assert found[:, 0, 1] == pytest.approx([50, 20, 10, 2, 3, 15])
    assert found[:, 0, 0] == pytest.approx([0, 50, 70, 80, 82, 85])
    assert found[:, 1].sum(axis=0)[1] == pytest.approx(100)
    assert [text.get_text() for text in axes.texts if text.get_position()[1] == 0] == ["50", "20", "10", "15"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one_$", "other"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first at the top


def test_classes_are_those_that_are_counted():
    assert tuple(CLASSES) == sums.CLASSES


def test_a_class_that_is_missing_is_named_and_no_method_gives_an_empty_picture():
    with pytest.raises(ValueError, match="one: no share of octave_up, wrong"):
        error_classes({"one": {name: 0.25 for name in ("exact", "close", "off", "octave_down")}}, "")
    figure = error_classes({}, "")
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no method"]
