"""What a network is taught: the target over the bins around the true pitch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from callbacks.pictures.axes import say_empty
from callbacks.pictures.colours import PALETTE

_TOLERANCE = 50.0  # cents
_SHOWN = 300.0  # cents on each side
_COLUMNS = 3


class Target(NamedTuple):
    """A target vector.

    Attributes:
        label: what it was made with, for example its bins per semitone and sigma.
        cents: `(bins,)`, how far each bin lies above the true pitch.
        values: `(bins,)`, 0 to 1.
    """

    label: str
    cents: ArrayLike
    values: ArrayLike


def target_vectors(targets: Sequence[Target], title: str) -> Figure:
    """Draw targets of several grids and widths beside each other, with the band of 50 cents that counts as correct.

    Args:
        targets: what to draw, three in a row.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    columns = min(_COLUMNS, max(1, len(targets)))
    rows = max(1, -(-len(targets) // columns))
    figure = Figure(figsize=(1.5 + 3.5 * columns, 1.0 + 2.5 * rows), layout="constrained")
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(every.flat):
        if place >= max(1, len(targets)):
            axes.set_visible(False)
            continue
        axes.axvspan(-_TOLERANCE, _TOLERANCE, color="0.9", linewidth=0)
        axes.axvline(0.0, color="0.6", linewidth=0.8)
        axes.set_xlim(-_SHOWN, _SHOWN)
        axes.set_ylim(0.0, 1.05)
        axes.set_xticks(np.arange(-_SHOWN, _SHOWN + 1, 100.0))
        # The last of each column stands alone where the bottom row is not full.
        if place + columns >= len(targets):
            axes.set_xlabel("distance from the true pitch (cents)")
            axes.tick_params(labelbottom=True)
        if place % columns == 0:
            axes.set_ylabel("target")
    for axes, target in zip(every.flat, targets, strict=False):
        lines = axes.stem(target.cents, target.values, linefmt=PALETTE[0], markerfmt="o", basefmt=" ")
        lines.markerline.set(markersize=4.0, color=PALETTE[0])
        axes.set_title(target.label, loc="left", fontsize="medium", parse_math=False)
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    if not targets:
        say_empty(every[0, 0], "no target")
    return figure
