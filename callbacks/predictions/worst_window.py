"""Where a track is worst: what pictures, reports and kept frames show of it."""

import numpy as np
from numpy.typing import NDArray


def worst_window(errors: NDArray[np.float64] | NDArray[np.bool_], length: int) -> slice:
    """The first window with the most errors.

    Args:
        errors: of each frame, `(frames,)`.
        length: of the window, frames, one or more; a shorter track is one window.
    """
    if len(errors) <= length:
        return slice(0, len(errors))
    sums = np.concatenate([[0.0], np.cumsum(errors)])
    within = np.round(sums[length:] - sums[:-length], 9)  # sums of the same errors differ in their last bits
    first = int(within.argmax())
    return slice(first, first + length)
