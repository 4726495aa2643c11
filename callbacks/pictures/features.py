"""Features of a recording over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage, PcolorImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from callbacks.pictures.salience import cell_edges
from callbacks.pictures.style import say_empty

_SHOWN = (1, 99)  # percentiles: a single click, or the silence of padding, would leave one colour for all the rest


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
