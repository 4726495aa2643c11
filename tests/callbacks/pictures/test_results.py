import math

import pytest

from callbacks.pictures import box_plots


def rows(*results):
    return [dict(zip(("window", "network", "raw_pitch_accuracy"), result, strict=True)) for result in results]


RESULTS = rows(
    (2048, "wide", 0.5), (512, "wide", 0.1), (512, "wide", 0.3), (512, "deep_$", 0.8), (512, "deep_$", math.nan)
)


def texts(labels):
    return [label.get_text() for label in labels]


def test_boxes_stand_in_the_order_of_numbers_with_the_mean_marked():
    figure = box_plots(RESULTS, ["raw_pitch_accuracy"], "window", "title_$")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert texts(axes.get_xticklabels()) == ["512 (n = 3)", "2048 (n = 1)"]
    means = [line for line in axes.lines if line.get_marker() == "D"]
    assert [float(line.get_ydata()[0]) for line in means] == pytest.approx([0.4, 0.5])
    assert len(axes.patches) == 2
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("window", "raw pitch accuracy")
    assert axes.get_title(loc="left") == "title_$"


def test_boxes_of_names_stand_as_they_first_occur():
    (axes,) = box_plots(RESULTS, ["raw_pitch_accuracy"], "network").axes
    assert texts(axes.get_xticklabels()) == ["wide (n = 3)", "deep_$ (n = 1)"]


def test_every_metric_has_its_boxes():
    names = [f"metric_{number}" for number in range(5)]
    figure = box_plots([{"network": "wide", **{name: number for number, name in enumerate(names)}}], names, "network")
    figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in shown] == [f"metric {number}" for number in range(5)]
    means = [line for axes in shown for line in axes.lines if line.get_marker() == "D"]
    assert [float(line.get_ydata()[0]) for line in means] == [0, 1, 2, 3, 4]


def test_rows_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match="row 0 has no 'oa'; it has network, raw_pitch_accuracy, window"):
        box_plots(RESULTS, ["oa"], "window")
    with pytest.raises(ValueError, match=r"raw_pitch_accuracy: '0.5' where a number is expected"):
        box_plots(rows((1, "a", "0.5")), ["raw_pitch_accuracy"], "network")


@pytest.mark.parametrize("no_rows", [[], rows((512, "a", math.nan))])
def test_no_results_give_an_empty_picture(no_rows):
    figure = box_plots(no_rows, ["raw_pitch_accuracy"], "window")
    figure.draw_without_rendering()
    assert texts(figure.axes[0].texts) == ["no results"]
    assert figure.axes[0].get_xlabel() == "window"
