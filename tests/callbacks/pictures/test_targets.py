import numpy as np
import pytest

from callbacks.pictures import Target, target_vectors

CENTS = np.arange(-600.0, 601.0, 20.0)
COARSE = Target("1 bin_$", CENTS[::5], np.exp(-((CENTS[::5] / 25) ** 2)))
FINE = Target("5 bins", CENTS, np.exp(-((CENTS / 25) ** 2)))


def test_every_target_stands_on_the_band_of_fifty_cents():
    figure = target_vectors([COARSE, FINE], "targets")
    figure.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 bin_$", "5 bins"]
    for axes, target in zip(figure.axes, (COARSE, FINE), strict=True):
        (band,) = axes.patches
        assert (band.get_x(), band.get_width()) == (-50.0, 100.0)
        marks = next(line for line in axes.lines if line.get_marker() == "o")
        assert marks.get_xdata() == pytest.approx(target.cents)
        assert marks.get_ydata() == pytest.approx(target.values)
        assert axes.get_xlim() == (-300, 300)
        assert axes.get_xlabel() == "distance from the true pitch (cents)"
    assert figure.axes[0].get_ylabel() == "target"


def test_a_fourth_target_begins_a_second_row():
    figure = target_vectors([FINE] * 4, "targets")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 4
    assert [bool(axes.get_xlabel()) for axes in shown] == [False, True, True, True]


def test_no_target_gives_an_empty_picture():
    figure = target_vectors([], "empty")
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no target"]
    assert figure.axes[0].get_ylabel() == "target"
