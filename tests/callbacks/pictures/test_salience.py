import numpy as np
import pytest
from matplotlib.colors import to_rgba

from callbacks.pictures import stacked_saliences

TIMES = np.arange(4) * 0.1
REFERENCE = np.array([440.0, 440.0, 440.0, 0.0])
NOTES = np.arange(40.0, 90.0)


def test_saliences_share_axes_and_scale():
    strong, weak = np.full((4, 50), 0.8), np.full((4, 50), 0.1)
    figure = stacked_saliences(TIMES, NOTES, {"with context": strong, "without": weak}, "gap", REFERENCE)
    figure.draw_without_rendering()
    upper, lower, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in (upper, lower)] == ["with context", "without"]
    assert upper.images[0].get_clim() == lower.images[0].get_clim() == pytest.approx((0.0, 0.8))
    assert upper.get_xlim() == lower.get_xlim() == pytest.approx((-0.05, 0.35))
    assert upper.get_ylim() == lower.get_ylim() == (39.5, 89.5)
    assert bar.get_ylabel() == "salience"
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "time (s)")
    for axes in (upper, lower):
        assert axes.lines[0].get_xydata() == pytest.approx(np.array([[0.0, 69.0], [0.1, 69.0], [0.2, 69.0]]))
        assert to_rgba(axes.lines[0].get_color())[2] > 0.5


@pytest.mark.parametrize("saliences", [{}, {"a": np.zeros((0, 50))}])
def test_no_salience_gives_an_empty_picture(saliences):
    figure = stacked_saliences([], NOTES, saliences, "empty")
    figure.draw_without_rendering()
    assert figure.axes[0].get_xlabel() == "time (s)"
    assert figure.axes[0].get_ylabel() == "pitch"
