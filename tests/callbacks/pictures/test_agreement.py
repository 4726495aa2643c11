import numpy as np
import pytest

from callbacks.pictures import agreement

TIMES = np.arange(5) * 0.1
REFERENCE = np.array([440.0, 440.0, 440.0, 440.0, 0.0])
ONE = np.array([440.0, 450.0, 880.0, 300.0, 440.0])
OTHER = np.array([-440.0, 0.0, 440.0, 300.0, 0.0])


def drawn(figure):
    return {
        line.get_label(): line.get_xydata()[~np.isnan(line.get_ydata().astype(float))] for line in figure.axes[0].lines
    }


def test_each_voiced_frame_is_drawn_once_by_who_is_right_and_shares_stand_in_the_legend():
    figure = agreement(TIMES, REFERENCE, {"one_$": ONE, "other": OTHER}, "title_$")
    figure.draw_without_rendering()
    points = drawn(figure)
    assert {name: list(each[:, 0].round(1)) for name, each in points.items()} == {
        "both right: 25.0 %": [0.0],
        "only one_$: 25.0 %": [0.1],
        "only other: 25.0 %": [0.2],
        "neither: 25.0 %": [0.3],
    }
    assert all(each[:, 1] == pytest.approx(69.0) for each in points.values())
    assert figure.axes[0].get_title(loc="left") == "title_$"


def test_two_methods_of_the_same_frames_are_needed():
    with pytest.raises(ValueError, match="of 1 methods"):
        agreement(TIMES, REFERENCE, {"one": ONE}, "")
    with pytest.raises(ValueError, match="must share their frames"):
        agreement(TIMES, REFERENCE, {"one": ONE, "other": OTHER[:3]}, "")


def test_without_a_voiced_frame_the_picture_says_so():
    for reference in (np.zeros(5), np.zeros(0)):
        figure = agreement(TIMES[: len(reference)], reference, {"one": reference, "other": reference}, "")
        figure.draw_without_rendering()
        assert "no voiced frame" in [text.get_text() for text in figure.axes[0].texts]
