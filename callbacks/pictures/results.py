"""Metrics of many runs or tracks, over an option that distinguishes them, or over the steps of training.

Results are tidy rows: one mapping for each run, track or fold, from the names of options and metrics to their values,
as `table.to_dict("records")` of pandas gives them. A metric that is NaN is undefined (a track without a voiced frame,
for example), and its row is left out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.pictures.style import PALETTE, say_empty

Row = Mapping[str, Any]
_COLUMNS = 4  # of axes in a figure
_FEW = 20  # points of a curve, up to which each is marked


def box_plots(rows: Sequence[Row], metrics: Sequence[str], option: str, title: str = "") -> Figure:
    """Draw the spread of each metric for every value of an option, with a diamond at the mean.

    Boxes span the quartiles, with a line at the median; whiskers reach to the last value within 1.5 times the box.

    Args:
        rows: tidy results.
        metrics: keys of the rows, whose values are numbers; one or more.
        option: a key of the rows; numbers stand in their order, anything else as it first occurs.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a row lacks a metric or `option`, or its metric is not a number.
    """
    columns = min(_COLUMNS, len(metrics))
    lines = -(-len(metrics) // columns)
    options = len({row.get(option) for row in rows})
    size = np.array([max(5.0, 2.0 + 1.1 * options), 5.0]) * (1.0 if len(metrics) == 1 else 0.7)
    figure = Figure(figsize=(size[0] * columns, size[1] * lines), layout="constrained")
    every = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, metric in zip(every, metrics, strict=False):
        _draw_boxes(_labelled(axes, option, metric), rows, metric, option)
    for axes in every[len(metrics) :]:
        axes.set_visible(False)
    every[0].set_title(title, loc="left", parse_math=False)
    return figure


def learning_curves(runs: Mapping[str, Sequence[Row]], keys: Sequence[str], title: str = "") -> Figure:
    """Draw each of some metrics over the optimiser steps, a line for every run; losses on a logarithmic scale.

    Args:
        runs: by name, rows of what was logged, as `metrics.csv` of Lightning's CSVLogger has them: `step`, and the
            metrics of that step. What is missing, empty or NaN is left out.
        keys: of the metrics, one or more, such as `train/loss`; those whose name ends in `loss` are losses.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a value is not a number.
    """
    figure = Figure(figsize=(6.0 * len(keys), 3.6), layout="constrained")
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        for place, (name, rows) in enumerate(runs.items()):
            points = [(float(row["step"]), value) for row in rows if not math.isnan(value := _logged(row.get(key)))]
            steps, values = zip(*points, strict=True) if points else ((), ())
            marker = "o" if len(points) <= _FEW else ""
            axes.plot(steps, values, color=PALETTE[place % len(PALETTE)], marker=marker, markersize=4, label=name)
        axes.set_xlabel("step")
        axes.set_title(key, loc="left", fontsize="medium", parse_math=False)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        if not any(len(line.get_xdata()) for line in axes.lines):
            say_empty(axes, "nothing logged")
        elif key.endswith("loss"):
            axes.set_yscale("log")
        if runs:
            for text in axes.legend(frameon=False).get_texts():
                text.set_parse_math(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    return figure


def _draw_boxes(axes: Axes, rows: Sequence[Row], metric: str, option: str) -> None:
    groups = _grouped(rows, metric, (option,))
    names = _ordered([key[0] for key in groups])
    values = [groups[name,] for name in names]
    places = np.arange(len(names))
    if names:
        axes.boxplot(
            values,
            positions=places,
            widths=0.6,
            showmeans=True,
            patch_artist=True,
            boxprops={"facecolor": "#D6E6F2", "edgecolor": PALETTE[0]},
            medianprops={"color": PALETTE[0], "linewidth": 1.8},
            meanprops={"marker": "D", "markerfacecolor": PALETTE[1], "markeredgecolor": "white", "markersize": 7},
            flierprops={"marker": ".", "markeredgecolor": "0.4"},
        )
    labels = [f"{_text(name)} (n = {len(of_name)})" for name, of_name in zip(names, values, strict=True)]
    _name_places(axes, places, labels)
    if not names:
        say_empty(axes, "no results")


def _grouped(rows: Sequence[Row], metric: str, keys: tuple[str, ...]) -> dict[tuple[Any, ...], NDArray[np.float64]]:
    """The defined values of a metric by the values of some keys."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for index, row in enumerate(rows):
        missing = [key for key in (metric, *keys) if key not in row]
        if missing:
            raise ValueError(f"row {index} has no {missing[0]!r}; it has {', '.join(sorted(row))}")
        value = _as_number(row[metric], metric)
        if not math.isnan(value):
            groups.setdefault(tuple(row[key] for key in keys), []).append(value)
    return {key: np.array(values) for key, values in groups.items()}


def _as_number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{key}: {value!r} where a number is expected")
    return float(value)


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Each value once: numbers in their order, anything else as it first occurs."""
    once = list(dict.fromkeys(values))
    numbers = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in once)
    return sorted(once) if numbers else once


def _labelled(axes: Axes, along_x: str, along_y: str, title: str = "") -> Axes:
    axes.set_xlabel(_words(along_x))
    axes.set_ylabel(_words(along_y))
    axes.set_title(title, loc="left", parse_math=False)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _name_places(axes: Axes, places: NDArray[Any], labels: list[str]) -> None:
    longest = max((len(label) for label in labels), default=0)
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    if longest <= 12:
        slanted = {}
    axes.set_xticks(places, labels, parse_math=False, **slanted)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _logged(value: Any) -> float:  # noqa: ANN401 -- of a CSV or of Python
    return math.nan if value is None or value == "" else float(value)
