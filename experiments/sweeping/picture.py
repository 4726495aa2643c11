"""The picture of a sweep: the metric against each parameter, and in the order of the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from callbacks.pictures.style import PALETTE, say_empty
from experiments.sweeping.command_line import as_word
from experiments.sweeping.point_figures import PointFigures
from experiments.sweeping.results import ranked, short_names
from experiments.sweeping.sweep_file import SweepFile

_COLUMNS = 3
_LETTERS = 40  # that fit side by side below a panel
_LONGEST = 16  # letters of a value; longer ones are numbered
_STYLES: dict[str, dict[str, Any]] = {
    "finished": {"color": PALETTE[0], "marker": "o", "label": "finished"},
    "stopped early": {"color": PALETTE[4], "marker": "v", "label": "stopped early"},
    "failed": {"color": "#D7263D", "marker": "x", "label": "failed"},
    "waiting": {"color": "0.6", "marker": ".", "label": "not finished"},
}


def draw(figures: Sequence[PointFigures], file: SweepFile) -> Figure:
    """Draw a sweep.

    A dot is the best validation of a point, a bar the mean of those with one value. The best point has a ring.

    Args:
        figures: of all points; those without a figure are left out.
        file: of the sweep.
    """
    shown = [each for each in figures if each.best is not None]
    keys = file.parameters
    names = short_names(keys)
    panels = 1 + len(keys)
    columns = min(_COLUMNS, panels)
    lines = -(-panels // columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * lines + 0.5), layout="constrained")
    every = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    _draw_order(every[0], shown, file)
    for axes, key in zip(every[1:], keys, strict=False):
        _draw_parameter(axes, shown, file, key)
        axes.set_xlabel(f"{names[key]}{axes.get_xlabel()}", parse_math=False)
    for number, axes in enumerate(every):
        axes.set_visible(number < panels)
        axes.grid(axis="y", color="0.92", linewidth=0.6)
        axes.set_axisbelow(True)
        if number % columns == 0:
            axes.set_ylabel(file.metric.split("/")[-1].replace("_", " "), parse_math=False)
    title = f"{file.path.stem}: {file.metric} of {len(figures)} points"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
    handles = [Line2D([], [], linestyle="", **_STYLES[kind]) for kind in _kinds(shown)]
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def _kinds(figures: Sequence[PointFigures]) -> list[str]:
    there = {each.status for each in figures}
    return [kind for kind in _STYLES if kind in there]


def _draw_order(axes: Axes, figures: Sequence[PointFigures], file: SweepFile) -> None:
    """The points in their order, and the best so far."""
    axes.set_xlabel("point")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if not figures:
        say_empty(axes, "no point has a figure yet")
        return
    numbers = np.array([int(each.name[1:]) for each in figures], dtype=np.float64)
    values = np.array([each.best for each in figures], dtype=np.float64)
    so_far = (np.maximum if file.maximised else np.minimum).accumulate(values)
    axes.step(numbers, so_far, where="post", color="0.75", linewidth=1.2, zorder=1)
    _draw_points(axes, figures, file, numbers)


def _draw_parameter(axes: Axes, figures: Sequence[PointFigures], file: SweepFile, key: str) -> None:
    stated = file.content["parameters"][key]
    found = [each.values.get(key) for each in figures]
    if "values" not in stated and all(isinstance(value, (int, float)) for value in found):
        if "log" in str(stated.get("distribution", "")):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        _draw_points(axes, figures, file, np.array(found, dtype=np.float64))
        return
    choices = {as_word(value): value for value in stated.get("values", found)}
    labels = list(choices)
    places = np.array([labels.index(as_word(value)) for value in found], dtype=np.float64)
    values = np.array([each.best for each in figures], dtype=np.float64)
    for place in range(len(labels)):
        of_value = values[places == place]
        if len(of_value) > 1:
            axes.hlines(of_value.mean(), place - 0.28, place + 0.28, color="0.6", linewidth=2, zorder=1)
    spread = np.array([_spread(places, number) for number in range(len(places))])
    _draw_points(axes, figures, file, places + spread)
    shown, explained = _labels(list(choices.values()), labels)
    axes.set_xlabel(explained)
    slanted = len(shown) > 1 and len(shown) * max(map(len, shown)) > _LETTERS
    axes.set_xticks(
        range(len(shown)), shown, rotation=30 if slanted else 0, ha="right" if slanted else "center", parse_math=False,
        fontsize=8 if slanted else None,
    )  # fmt: skip
    axes.set_xlim(-0.6, max(len(labels), 1) - 0.4)


def _spread(places: NDArray[np.float64], number: int) -> float:
    """Beside each other, those of one value."""
    of_value = np.flatnonzero(places == places[number])
    if len(of_value) == 1:
        return 0.0
    return float(np.linspace(-0.2, 0.2, len(of_value))[np.flatnonzero(of_value == number)[0]])


def _draw_points(axes: Axes, figures: Sequence[PointFigures], file: SweepFile, places: NDArray[np.float64]) -> None:
    for kind in _kinds(figures):
        of_kind = [(place, each.best) for place, each in zip(places, figures, strict=True) if each.status == kind]
        (line,) = axes.plot(*zip(*of_kind, strict=True), linestyle="", markersize=5, alpha=0.85)
        line.set(**_STYLES[kind])
    if figures:
        best = ranked(figures, file)[0]
        place = places[[each.name for each in figures].index(best.name)]
        axes.plot([place], [best.best or 0.0], "o", markersize=12, fillstyle="none", color="0.2", markeredgewidth=1.2)


def _labels(values: Sequence[Any], labels: Sequence[str]) -> tuple[list[str], str]:
    """What stands below each value, and behind the name of the parameter; of mappings only what differs."""
    shown, explained = list(labels), ""
    if values and all(isinstance(value, dict) for value in values):
        differing = [key for key in values[0] if len({as_word(value.get(key)) for value in values}) > 1]
        shown = [", ".join(as_word(value.get(key)) for key in differing) for value in values]
        explained = f": {', '.join(differing)}"
    if max(map(len, shown), default=0) > _LONGEST:
        return [str(number) for number in range(1, len(shown) + 1)], f"{explained} (numbered as in the file)"
    return shown, explained
