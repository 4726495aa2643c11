"""Images over time: salience, the probability of each pitch, and features of a recording."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage, PcolorImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.style import name_notes, say_empty

# Percentiles of features: a single click, or the silence of padding, would leave one colour for all the rest.
_SHOWN = (1, 99)


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


def draw_features(axes: Axes, times: ArrayLike, features: ArrayLike) -> AxesImage | PcolorImage | None:
    """Draw features as an image, time to the right and the first bin at the bottom.

    Args:
        axes: where to draw.
        times: `(frames,)`, s, increasing.
        features: `(frames, bins)`.

    Returns:
        The image, for a colour bar; None if there is no frame.
    """
    values = np.asarray(features, dtype=np.float32).T
    axes.set_ylabel("bin")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if not values.size:
        say_empty(axes, "no frame")
        return None
    edges = cell_edges(np.asarray(times, dtype=np.float64), alone=0.01)
    lowest, highest = np.percentile(values, _SHOWN)
    image = axes.pcolorfast(
        edges, np.arange(len(values) + 1) - 0.5, values, cmap="magma", vmin=lowest, vmax=max(highest, lowest + 1e-6)
    )
    assert isinstance(image, AxesImage | PcolorImage)
    return image


def cell_edges(centres: NDArray[Any], alone: float) -> NDArray[np.float64]:
    """Borders of cells around their centres; a cell without neighbours is as wide as `alone`."""
    if len(centres) < 2:
        centre = centres[0] if len(centres) else 0.0
        return np.array([centre - alone / 2, centre + alone / 2])
    middles = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middles[0], 2 * centres[-1] - middles[-1]
    return np.concatenate([[first], middles, [last]])
