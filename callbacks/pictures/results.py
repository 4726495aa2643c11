"""Metrics of many runs or tracks, over the options that distinguish them.

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
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


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


def heat_map(rows: Sequence[Row], metric: str, down: str, across: str, title: str = "") -> Figure:
    """Draw the mean of a metric for every pair of values of two options, written into its cell.

    A pair without results is left white.

    Args:
        rows: tidy results.
        metric: a key of the rows, whose values are numbers.
        down: a key of the rows, the option whose values stand below each other, the first at the top.
        across: a key of the rows, the option whose values stand side by side.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a row lacks one of the three keys, or its metric is not a number.
    """
    groups = _grouped(rows, metric, (down, across))
    lines, columns = (_ordered([key[place] for key in groups]) for place in (0, 1))
    means = np.full((len(lines), len(columns)), math.nan)
    for (line, column), values in groups.items():
        means[lines.index(line), columns.index(column)] = values.mean()
    figure = Figure(
        figsize=(max(4.5, 2.8 + 0.9 * len(columns)), max(3.0, 1.6 + 0.6 * len(lines))), layout="constrained"
    )
    axes = _labelled(figure.subplots(), across, down, title)
    axes.grid(False)
    if means.size:
        image = axes.imshow(means, aspect="auto", cmap="viridis", interpolation="none")
        figure.colorbar(image, label=_words(metric), pad=0.02)
        _write_cells(axes, means)
    _name_places(axes, np.arange(len(columns)), [_text(column) for column in columns])
    axes.set_yticks(range(len(lines)), [_text(line) for line in lines], parse_math=False)
    if not means.size:
        say_empty(axes, "no results")
    return figure


def line_plot(rows: Sequence[Row], metric: str, number: str, series: str | None = None, title: str = "") -> Figure:
    """Draw a metric against a number, such as parameters or the window: every result as a dot, their means as a line.

    The numbers stand on a logarithmic scale if they are positive and span more than a decade.

    Args:
        rows: tidy results.
        metric: a key of the rows, whose values are numbers.
        number: a key of the rows, whose values are numbers.
        series: a key of the rows, with a line for each of its values; None: one line.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a row lacks one of the keys, or its metric or number is not a number.
    """
    keys = (number,) if series is None else (number, series)
    groups = _grouped(rows, metric, keys)
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    axes = _labelled(figure.subplots(), number, metric, title)
    for place, name in enumerate(_ordered([key[-1] for key in groups]) if series is not None else [None]):
        of_name = {_as_number(key[0], number): values for key, values in groups.items() if key[1:] in ((), (name,))}
        style: dict[str, Any] = {"color": PALETTE[place % len(PALETTE)], "marker": _MARKERS[place % len(_MARKERS)]}
        numbers = sorted(of_name)
        for each in numbers:
            axes.plot(np.full(len(of_name[each]), each), of_name[each], linestyle="none", alpha=0.35, **style)
        axes.plot(numbers, [of_name[each].mean() for each in numbers], label=_text(name), **style)
    if series is not None and groups:
        axes.legend(title=_words(series), frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    positive = [float(key[0]) for key in groups]
    if positive and min(positive) > 0 and max(positive) > 10 * min(positive):
        axes.set_xscale("log")
    if not groups:
        say_empty(axes, "no results")
    return figure


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


def _write_cells(axes: Axes, means: NDArray[np.float64]) -> None:
    darkest, brightest = np.nanmin(means), np.nanmax(means)
    middle = (darkest + brightest) / 2
    largest = max(abs(darkest), abs(brightest))
    decimals = max(0, 2 - math.floor(math.log10(largest))) if largest >= 1 else 3
    for (line, column), mean in np.ndenumerate(means):
        if not math.isnan(mean):
            colour = "black" if mean > middle else "white"
            axes.text(column, line, f"{mean:.{decimals}f}", ha="center", va="center", color=colour)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
