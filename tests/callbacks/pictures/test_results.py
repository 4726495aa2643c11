import csv
import math

import pytest
from lightning.pytorch.loggers import CSVLogger

from callbacks.pictures import box_plots, learning_curves


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


LOGGED = [
    {"step": 9, "train/loss": 0.5, "val/rpa": None},
    {"step": 9, "train/loss": math.nan, "val/rpa": 0.25},
    {"step": 19, "train/loss": 0.125, "val/rpa": ""},
]


def curves(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_every_run_is_a_line_through_what_it_logged():
    figure = learning_curves({"one_$": LOGGED, "other": LOGGED[:1]}, ("train/loss", "val/rpa"), "title_$")
    figure.draw_without_rendering()
    loss, accuracy = figure.axes
    assert curves(loss) == {"one_$": [[9, 0.5], [19, 0.125]], "other": [[9, 0.5]]}
    assert curves(accuracy) == {"one_$": [[9, 0.25]], "other": []}
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["train/loss", "val/rpa"]
    assert figure.get_suptitle() == "title_$"
    assert len({line.get_color() for line in loss.lines}) == 2


def test_the_table_of_lightning_is_drawn_as_it_is(tmp_path):
    logger = CSVLogger(tmp_path, name="", version="run")
    logger.log_metrics({"train/loss": 0.5}, step=9)
    logger.log_metrics({"val/rpa": 0.25}, step=9)
    logger.save()
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert curves(learning_curves({"run": rows}, ("val/rpa",)).axes[0]) == {"run": [[9, 0.25]]}


def test_nothing_logged_is_said_and_words_are_refused():
    figure = learning_curves({"run": LOGGED}, ("train/other_loss",))
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts] == ["nothing logged"]
    learning_curves({}, ("train/loss",)).draw_without_rendering()
    with pytest.raises(ValueError, match="could not convert"):
        learning_curves({"run": [{"step": 1, "train/loss": "much"}]}, ("train/loss",))
