import csv
import math

import pytest
from lightning.pytorch.loggers import CSVLogger

from callbacks.pictures import learning_curves

ROWS = [
    {"step": 9, "train/loss": 0.5, "val/rpa": None},
    {"step": 9, "train/loss": math.nan, "val/rpa": 0.25},
    {"step": 19, "train/loss": 0.125, "val/rpa": ""},
]


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_every_run_is_a_line_through_what_it_logged():
    figure = learning_curves({"one_$": ROWS, "other": ROWS[:1]}, ("train/loss", "val/rpa"), "title_$")
    figure.draw_without_rendering()
    loss, accuracy = figure.axes
    assert lines(loss) == {"one_$": [[9, 0.5], [19, 0.125]], "other": [[9, 0.5]]}
    assert lines(accuracy) == {"one_$": [[9, 0.25]], "other": []}
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
    assert lines(learning_curves({"run": rows}, ("val/rpa",)).axes[0]) == {"run": [[9, 0.25]]}


def test_nothing_logged_is_said_and_words_are_refused():
    figure = learning_curves({"run": ROWS}, ("train/other_loss",))
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts] == ["nothing logged"]
    learning_curves({}, ("train/loss",)).draw_without_rendering()
    with pytest.raises(ValueError, match="could not convert"):
        learning_curves({"run": [{"step": 1, "train/loss": "much"}]}, ("train/loss",))
