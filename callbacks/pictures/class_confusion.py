"""Confusion matrix of classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.style import thousands

_DARK = 55.0  # %: letters are white on darker cells
_COLOURS = "Blues"  # near white for a single mistake: its number is written there
_ROOMY = 20  # classes up to which the cells have room for two lines
_UPRIGHT = 8  # letters that fit side by side under a cell


def class_confusion(counts: ArrayLike, classes: Sequence[str], title: str) -> Figure:
    """Draw the number of clips of each class that were taken for each class, and their share of the true class.

    Args:
        counts: `(classes, classes)`, rows are the truth, columns the estimate.
        classes: names of rows and columns.
        title: shown above, as it is, beside the accuracy.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: there are not as many names as rows and columns.
    """
    clips = np.asarray(counts)
    if clips.shape != (len(classes), len(classes)):
        raise ValueError(f"counts: {clips.shape} for {len(classes)} classes; they are not (classes, classes)")
    cell = 0.75 if len(classes) <= _ROOMY else 0.36
    side = max(3.2, cell * len(classes))
    figure = Figure(figsize=(side + 3.2, side + 1.6), layout="constrained")
    axes = figure.subplots()
    totals = clips.sum(axis=1)
    parts = 100.0 * clips / np.maximum(totals, 1)[:, None]
    image = axes.imshow(
        np.where(clips > 0, parts, np.nan), aspect="equal", interpolation="none", cmap=_COLOURS, vmin=0.0, vmax=100.0
    )
    _write_cells(axes, clips, parts)
    _name_classes(axes, classes, totals)
    axes.set_title(title, loc="left", parse_math=False)
    total = int(totals.sum())
    if total:
        right = f"{thousands(int(clips.trace()))} of {thousands(total)} right, {100 * clips.trace() / total:.1f} %"
        axes.set_title(f"\n{right}", loc="right", fontsize="small")
    figure.colorbar(image, label="part of the true class (%)", pad=0.02, shrink=0.9)
    return figure


def _write_cells(axes: Axes, clips: NDArray[Any], parts: NDArray[np.float64]) -> None:
    roomy = len(clips) <= _ROOMY
    for (row, column), count in np.ndenumerate(clips):
        if count:
            part = parts[row, column]
            text = f"{count}\n{part:.0f} %" if roomy else str(count)
            colour = "white" if part > _DARK else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8 if roomy else 7)


def _name_classes(axes: Axes, classes: Sequence[str], totals: NDArray[Any]) -> None:
    places = range(len(classes))
    longest = max((len(name) for name in classes), default=0)
    upright = longest <= _UPRIGHT and len(classes) <= _ROOMY
    slanted: dict[str, Any] = {} if upright else {"rotation": 90}
    axes.set_xticks(places, classes, parse_math=False, **slanted)
    rows = [f"{name} ({thousands(int(total))})" for name, total in zip(classes, totals, strict=True)]
    axes.set_yticks(places, rows, parse_math=False)
    axes.set_xlabel("estimate")
    axes.set_ylabel("truth (clips)")
