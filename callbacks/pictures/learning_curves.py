"""What was logged of some runs, over the steps of their training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from callbacks.pictures.results import Row
from callbacks.pictures.style import PALETTE, say_empty

_FEW = 20  # points, up to which each is marked


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
            points = [(float(row["step"]), value) for row in rows if not math.isnan(value := _number(row.get(key)))]
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


def _number(value: Any) -> float:  # noqa: ANN401 -- of a CSV or of Python
    return math.nan if value is None or value == "" else float(value)
