"""Salience over time: the probability of each pitch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, PcolorImage
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import hz_to_notes
from callbacks.pictures.style import name_notes, say_empty


def draw_salience(axes: Axes, times: ArrayLike, notes: ArrayLike, salience: ArrayLike) -> AxesImage | PcolorImage:
    """Draw salience as an image, pitch upwards.

    Args:
        axes: where to draw.
        times: `(frames,)`, s, increasing.
        notes: `(bins,)`, MIDI notes, increasing.
        salience: `(frames, bins)`, 0 to 1.

    Returns:
        The image, for a colour bar.
    """
    note_edges = cell_edges(np.asarray(notes, dtype=np.float64), alone=1.0)
    time_edges = cell_edges(np.asarray(times, dtype=np.float64), alone=0.01)
    # Salience comes in half precision, which matplotlib cannot scale.
    values = np.asarray(salience, dtype=np.float32).T
    if not values.size:
        values = np.zeros((len(note_edges) - 1, len(time_edges) - 1), dtype=np.float32)
    # A softmax over hundreds of bins stays far below 1, so the scale ends at the highest value.
    image = axes.pcolorfast(time_edges, note_edges, values, cmap="magma", vmin=0.0, vmax=values.max() or 1.0)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("pitch")
    name_notes(axes, note_edges[0], note_edges[-1])
    assert isinstance(image, AxesImage | PcolorImage)
    return image


def stacked_saliences(
    times: ArrayLike,
    notes: ArrayLike,
    saliences: Mapping[str, ArrayLike],
    title: str,
    reference: ArrayLike | None = None,
) -> Figure:
    """Draw the saliences of several networks, for example one with and one without context, on the same axes.

    They share one colour scale, which ends at the highest salience of all.

    Args:
        times: `(frames,)`, s, increasing.
        notes: `(bins,)`, MIDI notes, increasing.
        saliences: `(frames, bins)`, 0 to 1, by the name of the network.
        title: shown above, as it is.
        reference: `(frames,)`, Hz, 0 where unvoiced, drawn as fine blue dots; None where the truth is unknown.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    rows = max(1, len(saliences))
    figure = Figure(figsize=(12.0, 1.2 + 2.8 * rows), layout="constrained")
    stacked = figure.subplots(rows, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    strongest = max((float(np.max(salience, initial=0.0)) for salience in saliences.values()), default=0.0)
    for axes, (name, salience) in zip(stacked, saliences.items(), strict=False):
        image = draw_salience(axes, times, notes, salience)
        image.set_clim(0.0, strongest or 1.0)
        axes.set_title(name, loc="left", fontsize="medium", parse_math=False)
        if reference is not None:
            _draw_reference(axes, times, reference)
        axes.label_outer()
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    if saliences:
        figure.colorbar(image, ax=list(stacked), label="salience", pad=0.01)
    else:
        stacked[0].set_xlabel("time (s)")
        stacked[0].set_ylabel("pitch")
        say_empty(stacked[0], "no salience")
    return figure


def _draw_reference(axes: Axes, times: ArrayLike, reference: ArrayLike) -> None:
    f0 = np.asarray(reference, dtype=np.float64)
    voiced = f0 > 0
    axes.plot(
        np.asarray(times)[voiced],
        hz_to_notes(f0[voiced]),
        linestyle="none",
        marker="o",
        markersize=1.2,  # smaller than the salience that it lies on
        markeredgewidth=0,
        color="#56B4E9",
    )


def cell_edges(centres: NDArray[Any], alone: float) -> NDArray[np.float64]:
    """Borders of cells around their centres; a cell without neighbours is as wide as `alone`."""
    if len(centres) < 2:
        centre = centres[0] if len(centres) else 0.0
        return np.array([centre - alone / 2, centre + alone / 2])
    middles = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middles[0], 2 * centres[-1] - middles[-1]
    return np.concatenate([[first], middles, [last]])
