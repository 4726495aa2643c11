import numpy as np
import pytest
from matplotlib.colors import to_hex

from callbacks.pictures import agreement, compare_methods

TIMES = np.arange(4) * 0.1
REFERENCE = np.array([440.0, 440.0, 440.0, 0.0])
RIGHT, OCTAVE_UP = REFERENCE, np.array([880.0, 440.0, -880.0, 3000.0])


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_every_method_has_its_pianoroll_on_the_same_axes_around_the_reference():
    figure = compare_methods(TIMES, REFERENCE, {"right_$": RIGHT, "octave": OCTAVE_UP}, "title_$")
    figure.draw_without_rendering()
    upper, lower = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["right_$", "octave"]
    assert upper.get_ylim() == lower.get_ylim() == (69 - 13, 69 + 13)
    assert upper.get_xlim() == lower.get_xlim() == pytest.approx((-0.05, 0.35))
    assert set(lines(upper)) == {"reference", "correct pitch"}
    assert set(lines(lower)) == {"reference", "correct pitch", "octave error", "missed, octave guess", "false alarm"}
    assert lines(lower)["octave error"] == pytest.approx(np.array([[0.0, 81.0]]))
    assert lower.get_xlabel() == "time (s)"
    assert "C5" in [label.get_text() for label in upper.get_yticklabels()]
    assert figure.get_suptitle() == "title_$"


def test_one_legend_names_what_occurs_anywhere():
    figure = compare_methods(TIMES, REFERENCE, {"right": RIGHT, "octave": OCTAVE_UP}, "")
    upper, lower = figure.axes
    assert lower.get_legend() is None
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "reference",
        "correct pitch",
        "octave error",
        "false alarm",
        "missed, octave guess",
    ]


def test_the_scores_stand_beside_the_name():
    axes = compare_methods(TIMES, REFERENCE, {"octave": OCTAVE_UP}, "").axes[0]
    assert axes.get_title(loc="right") == "OA 0.250   RPA 0.333   RCA 1.000   VR 0.667   VFA 1.000   VA 0.500"


def test_an_estimate_of_other_frames_is_refused():
    with pytest.raises(ValueError, match="must share their frames"):
        compare_methods(TIMES, REFERENCE, {"short": RIGHT[:3]}, "")


def test_nothing_to_compare_gives_an_empty_picture():
    figure = compare_methods([], [], {}, "empty")
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no frame"]
    assert figure.axes[-1].get_xlabel() == "time (s)"
    assert len(figure.axes[0].get_yticklabels()) > 3


def bars(axes):
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))


def test_shares_stand_beside_each_pianoroll_in_its_colours_in_place_of_the_legend():
    silent = np.array([440.0, 440.0, -440.0, 0.0])
    figure = compare_methods(TIMES, REFERENCE, {"octave": OCTAVE_UP, "silent": silent}, "", shares=True)
    figure.draw_without_rendering()
    upper, lower, beside, below = figure.axes
    assert upper.get_legend() is None
    assert bars(beside) == {
        "reference": 75.0,
        "correct pitch": 25.0,
        "octave error": 25.0,
        "false alarm": 25.0,
        "missed, right guess": 0.0,
        "missed, octave guess": 25.0,
        "no guess": 0.0,
    }
    assert (
        bars(below)["correct pitch"] == 50.0 and bars(below)["no guess"] == bars(below)["missed, right guess"] == 25.0
    )
    colours = {line.get_label(): line.get_color() for line in (*upper.lines, *lower.lines)}
    names = [label.get_text() for label in beside.get_yticklabels()]
    for name, bar in zip(names, beside.patches, strict=True):
        assert name == "no guess" or to_hex(bar.get_facecolor()) == colours[name].lower()
    assert upper.get_shared_x_axes().joined(upper, lower)


def test_shares_of_nothing_are_an_empty_picture():
    figure = compare_methods([], [], {"none": []}, "empty", shares=True)
    figure.draw_without_rendering()
    assert "no frame" in [text.get_text() for text in figure.axes[0].texts]


FRAMES = np.arange(5) * 0.1
VOICED = np.array([440.0, 440.0, 440.0, 440.0, 0.0])
ONE = np.array([440.0, 450.0, 880.0, 300.0, 440.0])
OTHER = np.array([-440.0, 0.0, 440.0, 300.0, 0.0])


def judged(figure):
    return {
        line.get_label(): line.get_xydata()[~np.isnan(line.get_ydata().astype(float))] for line in figure.axes[0].lines
    }


def test_each_voiced_frame_is_drawn_once_by_who_is_right_and_shares_stand_in_the_legend():
    figure = agreement(FRAMES, VOICED, {"one_$": ONE, "other": OTHER}, "title_$")
    figure.draw_without_rendering()
    points = judged(figure)
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
        agreement(FRAMES, VOICED, {"one": ONE}, "")
    with pytest.raises(ValueError, match="must share their frames"):
        agreement(FRAMES, VOICED, {"one": ONE, "other": OTHER[:3]}, "")


def test_without_a_voiced_frame_the_picture_says_so():
    for reference in (np.zeros(5), np.zeros(0)):
        figure = agreement(FRAMES[: len(reference)], reference, {"one": reference, "other": reference}, "")
        figure.draw_without_rendering()
        assert "no voiced frame" in [text.get_text() for text in figure.axes[0].texts]
