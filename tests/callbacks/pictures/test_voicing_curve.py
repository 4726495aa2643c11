import numpy as np
import pytest

from callbacks.pictures import voicing_curve

THRESHOLDS = np.array([0.0, 0.5, 1.0])
SCORES = {
    "overall_accuracy": [0.6, 0.9, 0.5],
    "voicing_recall": [1.0, 0.8, 0.0],
    "voicing_false_alarm": [1.0, 0.2, 0.0],
}


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_scores_are_drawn_over_thresholds_and_against_each_other_with_the_best_and_the_one_in_force():
    figure = voicing_curve(THRESHOLDS, SCORES, 0.25, "title_$")
    figure.draw_without_rendering()
    left, right = (lines(axes) for axes in figure.axes)
    for name, values in SCORES.items():
        assert left[name.replace("_", " ")] == pytest.approx(np.stack([THRESHOLDS, values], axis=1))
    assert left["best overall accuracy: 0.900 at 0.50"] == pytest.approx(np.array([[0.5, 0.9]]))
    assert left["in force: 0.25"][:, 0] == pytest.approx([0.25, 0.25])
    curve = np.stack([SCORES["voicing_false_alarm"], SCORES["voicing_recall"]], axis=1)
    assert right["all thresholds"] == pytest.approx(curve)
    assert right["best overall accuracy"] == pytest.approx(curve[1:2])
    assert right["in force: recall 0.90, false alarm 0.60"] == pytest.approx(np.array([[0.6, 0.9]]))
    assert figure.axes[0].get_title(loc="left") == "title_$"


def test_no_threshold_in_force_is_not_marked():
    figure = voicing_curve(THRESHOLDS, SCORES, None, "")
    assert not any(label.startswith("in force") for axes in figure.axes for label in lines(axes))


def test_undefined_scores_leave_gaps_and_missing_ones_are_refused():
    undefined = {**SCORES, "voicing_false_alarm": [np.nan] * 3, "overall_accuracy": [np.nan, 0.9, np.nan]}
    voicing_curve(THRESHOLDS, undefined, 0.5, "").draw_without_rendering()
    voicing_curve([], {name: [] for name in SCORES}, 0.5, "").draw_without_rendering()
    with pytest.raises(ValueError, match="voicing_recall: shape"):
        voicing_curve(THRESHOLDS, {**SCORES, "voicing_recall": [1.0]}, 0.5, "")
    with pytest.raises(ValueError, match="overall_accuracy: shape"):
        voicing_curve(THRESHOLDS, {}, 0.5, "")
