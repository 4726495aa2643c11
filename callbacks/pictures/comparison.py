"""Pianorolls of several methods on one recording."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import hz_to_notes
from callbacks.pictures.pianoroll import add_legend, draw_frames, draw_shares, scores_line
from callbacks.pictures.style import name_notes, say_empty

_MARGIN = 13  # semitones around the reference: octave errors are visible, wild guesses do not shrink the rest
_NOTES_WHEN_EMPTY = (48.0, 72.0)


def compare_methods(
    times: ArrayLike,
    reference: ArrayLike,
    estimates: Mapping[str, ArrayLike],
    title: str,
    shares: bool = False,
) -> Figure:
    """Draw a pianoroll and the scores of every method on the same axes.

    Pitch spans 13 semitones on each side of the reference.

    Args:
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced.
        estimates: `(frames,)`, Hz, negative where unvoiced, by the name of the method.
        title: shown above, as it is.
        shares: in place of the legend, draw beside each pianoroll how many of its frames are of each class.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: an estimate does not share the frames of the reference, or a value is not finite.
    """
    seconds, truth = np.asarray(times, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    drawn = dict(estimates) or {"reference": np.zeros(truth.shape)}
    figure = Figure(figsize=(12.0, 0.8 + 2.4 * len(drawn)), layout="constrained")
    if shares:
        stacked, beside = _with_shares(figure, len(drawn))
    else:
        stacked, beside = list(figure.subplots(len(drawn), 1, sharex=True, sharey=True, squeeze=False)[:, 0]), []
    for axes, (name, estimate) in zip(stacked, drawn.items(), strict=True):
        draw_frames(axes, seconds, truth, estimate)
        axes.set_title(name, loc="left", fontsize="medium", parse_math=False)
        axes.set_title(scores_line(truth, estimate), loc="right", fontsize="small")
    if shares:
        draw_shares(beside, truth, list(drawn.values()))
    else:
        add_legend(stacked[0], stacked)
    name_notes(stacked[0], *_around(truth))
    if len(seconds):
        step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.01
        stacked[0].set_xlim(seconds[0] - step / 2, seconds[-1] + step / 2)
    else:
        say_empty(stacked[0], "no frame")
    stacked[-1].set_xlabel("time (s)")
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    return figure


def _with_shares(figure: Figure, rows: int) -> tuple[list[Axes], list[Axes]]:
    """Axes of the pianorolls, which share theirs, and those beside them."""
    grid = figure.add_gridspec(rows, 2, width_ratios=(4, 1))
    stacked: list[Axes] = []
    for row in range(rows):
        shared = stacked[0] if stacked else None
        stacked.append(figure.add_subplot(grid[row, 0], sharex=shared, sharey=shared))
        stacked[-1].tick_params(labelbottom=row == rows - 1)
    return stacked, [figure.add_subplot(grid[row, 1]) for row in range(rows)]


def _around(reference: NDArray[np.float64]) -> tuple[float, float]:
    notes = hz_to_notes(reference[reference > 0])
    if not len(notes):
        return _NOTES_WHEN_EMPTY
    return float(notes.min()) - _MARGIN, float(notes.max()) + _MARGIN
