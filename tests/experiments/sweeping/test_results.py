"""Tables and pictures of sweeps."""

from pathlib import Path

import pytest

from experiments.sweeping.picture import draw
from experiments.sweeping.point_figures import PointFigures, figures_of
from experiments.sweeping.points import add_point, read_points
from experiments.sweeping.results import counts, ranked, short_names, table
from experiments.sweeping.sweep_file import read_sweep
from tests.experiments.catalogue import SWEEPS
from tests.experiments.sweeping.conftest import leave_run


def figures(number, best, status="finished", **values):
    history = [] if best is None else [best]
    return PointFigures(
        f"p{number:04d}", values or {"model.width": 1, "model.lr": 0.1}, status, 1, 0, history, best,
        None if best is None else 10, 30, 0, 0.5, Path("x"),
    )  # fmt: skip


def test_a_point_has_the_best_of_its_validations_and_the_seed_and_time_of_its_run(write_sweep, tmp_path):
    add_point(tmp_path, 0, {"model.width": 1}, None)
    leave_run(tmp_path / "p0000", [0.2, 0.7, float("nan"), 0.5])
    (point,) = read_points(tmp_path)
    found = figures_of(point, read_sweep(write_sweep()), repeats=1)
    assert (found.best, found.best_step, found.steps, found.seed, found.hours) == (0.7, 20, 40, 3, 0.04)
    assert found.history == [0.2, 0.7, 0.5]
    metric = {"name": "val/mine/raw_pitch_accuracy"}  # less is better, where nothing is said
    assert figures_of(point, read_sweep(write_sweep(metric=metric)), repeats=1).best == 0.2


def test_the_best_comes_first_and_what_has_no_figure_last(write_sweep):
    found = [figures(0, 0.2), figures(1, None, "failed"), figures(2, 0.9), figures(3, 0.0)]
    more, less = (
        read_sweep(write_sweep(metric={"name": "val/a/b", "goal": goal})) for goal in ("maximize", "minimize")
    )
    assert [each.name[-1] for each in ranked(found, more)] == ["2", "0", "3", "1"]
    assert [each.name[-1] for each in ranked(found, less)] == ["3", "0", "2", "1"]
    assert table(found, more)[1].split() == ["p0002", "0.9", "10", "finished", "30", "0.5000", "0", "1", "0.1", "1"]
    assert counts(found) == "4 points: 3 finished, 1 failed; 2.000 hours"


def test_parameters_are_named_by_the_last_parts_that_tell_them_apart():
    keys = ["model.init_args.network.init_args.size", "model.init_args.loss.init_args.size", "data.init_args.seed"]
    assert list(short_names(keys).values()) == ["network.size", "loss.size", "seed"]
    assert short_names(["model.init_args.network.init_args"]) == {"model.init_args.network.init_args": "network"}


@pytest.mark.sampled(8)
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_without_points_is_drawn_too(path):
    axes = draw([], read_sweep(path)).axes
    assert "no point has a figure yet" in [text.get_text() for text in axes[0].texts]


def labels(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_a_panel_for_each_parameter_has_its_values(write_sweep):
    parameters = {
        "model.net": {"values": [{"a": 1, "b": 2, "c": 7}, {"a": 3, "b": 2, "c": 8}]},
        "model.kernels": {"values": [[1, 2, 3, 4, 5, 6, 7], [1, 2]]},
        "model.lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1},
        "model.fixed": {"value": 3},
        "model.width": {"values": [1, 2]},
    }
    values = [parameters["model.net"]["values"][0], [1, 2], 0.01, 3, 2]
    found = [figures(0, 0.5, **dict(zip(parameters, values, strict=True))), figures(1, None, "failed")]
    figure = draw(found, read_sweep(write_sweep(method="random", parameters=parameters)))
    order, kernels, lr, net, width = (axes for axes in figure.axes if axes.get_visible())
    assert (order.get_xlabel(), width.get_xlabel(), labels(width)) == ("point", "width", ["1", "2"])
    assert (net.get_xlabel(), labels(net)) == ("net: a, c", ["1, 7", "3, 8"])
    assert kernels.get_xlabel() == "kernels (numbered as in the file)" and labels(kernels) == ["1", "2"]
    assert lr.get_xscale() == "log" and list(lr.lines[0].get_xdata()) == [0.01]
    assert list(width.lines[0].get_xdata()) == [1] and list(width.lines[0].get_ydata()) == [0.5]
