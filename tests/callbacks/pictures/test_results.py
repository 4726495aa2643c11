import math

import numpy as np
import pytest

from callbacks.pictures import box_plots, heat_map, line_plot


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


def test_a_heat_map_holds_the_mean_of_each_pair_and_leaves_others_white():
    figure = heat_map(RESULTS, "raw_pitch_accuracy", "network", "window")
    axes, bar = figure.axes
    figure.draw_without_rendering()
    means = axes.images[0].get_array().filled(np.nan)
    assert means == pytest.approx(np.array([[0.2, 0.5], [0.8, np.nan]]), nan_ok=True)
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), "0.200"),
        ((1, 0), "0.500"),
        ((0, 1), "0.800"),
    ]
    assert texts(axes.get_xticklabels()) == ["512", "2048"]
    assert texts(axes.get_yticklabels()) == ["wide", "deep_$"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first stands at the top
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("window", "network", "raw pitch accuracy")


def test_cells_of_large_numbers_have_no_decimals():
    axes = heat_map(rows((1, "a", 123456.7), (2, "a", 20.0)), "raw_pitch_accuracy", "network", "window").axes[0]
    assert texts(axes.texts) == ["123457", "20"]


def test_lines_join_the_means_and_dots_are_the_results():
    (axes,) = line_plot(RESULTS, "raw_pitch_accuracy", "window", "network").axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["wide", "deep_$"]
    assert lines["wide"].get_xdata() == pytest.approx([512, 2048])
    assert lines["wide"].get_ydata() == pytest.approx([0.2, 0.5])
    assert lines["wide"].get_marker() != lines["deep_$"].get_marker()
    dots = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert sorted(float(y) for line in dots for y in line.get_ydata()) == [0.1, 0.3, 0.5, 0.8]
    assert axes.get_legend().get_title().get_text() == "network"
    assert axes.get_xlabel() == "window"
    assert axes.get_xscale() == "linear"


def test_one_line_has_no_legend_and_more_than_a_decade_is_logarithmic():
    (axes,) = line_plot(rows((100, "a", 0.1), (2000, "a", 0.2)), "raw_pitch_accuracy", "window").axes
    assert axes.get_legend() is None
    assert axes.get_xscale() == "log"


def test_rows_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match="row 0 has no 'oa'; it has network, raw_pitch_accuracy, window"):
        box_plots(RESULTS, ["oa"], "window")
    with pytest.raises(ValueError, match=r"raw_pitch_accuracy: '0.5' where a number is expected"):
        heat_map(rows((1, "a", "0.5")), "raw_pitch_accuracy", "network", "window")
    with pytest.raises(ValueError, match="network: 'a' where a number is expected"):
        line_plot(rows((1, "a", 0.5)), "raw_pitch_accuracy", "network")


@pytest.mark.parametrize("no_rows", [[], rows((512, "a", math.nan))])
def test_no_results_give_empty_pictures(no_rows):
    figures = [
        box_plots(no_rows, ["raw_pitch_accuracy"], "window"),
        heat_map(no_rows, "raw_pitch_accuracy", "network", "window"),
        line_plot(no_rows, "raw_pitch_accuracy", "window", "network"),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        assert texts(figure.axes[0].texts) == ["no results"]
        assert figure.axes[0].get_xlabel() == "window"
