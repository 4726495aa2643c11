"""What a voicing threshold costs and brings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from callbacks.pictures.style import CORRECT, PALETTE, REFERENCE, WRONG, say_empty

_DRAWN = {
    "overall_accuracy": ("overall accuracy", PALETTE[0]),
    "voicing_recall": ("voicing recall", CORRECT),
    "voicing_false_alarm": ("voicing false alarm", WRONG),
}


def voicing_curve(
    thresholds: ArrayLike, scores: Mapping[str, ArrayLike], operating: float | None, title: str
) -> Figure:
    """Draw scores over the threshold of the confidence, and beside them recall over false alarm.

    Args:
        thresholds: `(thresholds,)`, rising.
        scores: `overall_accuracy`, `voicing_recall` and `voicing_false_alarm` with each threshold, `(thresholds,)`,
            0 to 1, NaN where undefined.
        operating: threshold in force, marked in both; None: there is none.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a score is missing or not of these thresholds.
    """
    levels = np.asarray(thresholds, dtype=np.float64)
    values = {name: np.asarray(scores.get(name, ()), dtype=np.float64) for name in _DRAWN}
    for name, of_name in values.items():
        if of_name.shape != levels.shape:
            raise ValueError(f"{name}: shape {of_name.shape} for thresholds of shape {levels.shape}")
    figure = Figure(figsize=(12.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for name, (label, colour) in _DRAWN.items():
        left.plot(levels, values[name], color=colour, label=label)
    recall, alarm = values["voicing_recall"], values["voicing_false_alarm"]
    right.plot(alarm, recall, color=PALETTE[0], label="all thresholds")
    if np.isfinite(values["overall_accuracy"]).any():
        best = int(np.nanargmax(values["overall_accuracy"]))
        hollow = {"color": PALETTE[1], "markerfacecolor": "none", "markeredgewidth": 2.0, "markersize": 11.0}
        label = f"best overall accuracy: {values['overall_accuracy'][best]:.3f} at {levels[best]:.2f}"
        left.plot(levels[best], values["overall_accuracy"][best], "D", label=label, **hollow)
        right.plot(alarm[best], recall[best], "D", label="best overall accuracy", **hollow)
    if not len(levels):
        say_empty(left, "no threshold")
    elif operating is not None:
        left.axvline(operating, color=REFERENCE, linewidth=1.0, linestyle="--", label=f"in force: {operating:.2f}")
        x, y = (float(np.interp(operating, levels, each)) for each in (alarm, recall))
        right.plot([x], [y], "o", color=REFERENCE, markersize=5, label=f"in force: recall {y:.2f}, false alarm {x:.2f}")
    for axes, x_label, y_label in (
        (left, "threshold of the confidence", "share of frames"),
        (right, "voicing false alarm", "voicing recall"),
    ):
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(color="0.92", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(loc="lower left" if axes is left else "lower right", frameon=False)
    left.set_title(title, loc="left", parse_math=False)
    return figure
