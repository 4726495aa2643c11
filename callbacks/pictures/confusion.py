"""Confusion matrix of notes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import MIDI_NOTES, nearest_notes, paired_notes
from callbacks.pictures.style import (
    SEQUENTIAL,
    add_bar_of_counts,
    name_notes,
    name_notes_along_x,
    say_empty,
    scale_of_counts,
)

_OCTAVE = 12  # semitones
_NOTES_WHEN_EMPTY = (48, 72)


def count_confusions(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int64]:
    """Count the frames of every pair of notes, each rounded to the nearest.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz; its sign does not matter, see `notes.paired_notes`.

    Returns:
        int64 `(128, 128)`: rows are notes of the estimate, columns those of the reference. Counts of several tracks
        may be added.

    Raises:
        ValueError: the two series do not share their frames, or are not finite.
    """
    true, guess = paired_notes(reference, estimate)
    counts = np.zeros((MIDI_NOTES, MIDI_NOTES), dtype=np.int64)
    np.add.at(counts, (nearest_notes(guess), nearest_notes(true)), 1)
    return counts


def confusion_matrix(counts: ArrayLike, title: str) -> Figure:
    """Draw counts on a logarithmic scale, so that single errors are visible beside thousands of correct frames.

    Each axis spans the notes that occur. Dashed lines mark estimates one octave off.

    Args:
        counts: `(128, 128)`, from `count_confusions`.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    frames = np.asarray(counts)
    figure = Figure(figsize=(8.6, 7.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        np.where(frames > 0, frames, np.nan),
        origin="lower",
        aspect="auto",
        interpolation="none",
        cmap=SEQUENTIAL,
        zorder=1,
        norm=scale_of_counts(frames),
    )
    _mark_octaves(axes)
    name_notes_along_x(axes, *_used(frames.any(axis=0)))
    name_notes(axes, *_used(frames.any(axis=1)))
    axes.set_xlabel("reference")
    axes.set_ylabel("estimate")
    axes.set_title(title, loc="left", parse_math=False)
    add_bar_of_counts(figure, axes, image, "frames")
    if not frames.any():
        say_empty(axes, "no frame with a pitch in both")
    return figure


def _mark_octaves(axes: Axes) -> None:
    for off in (-_OCTAVE, 0, _OCTAVE):
        axes.axline((0, off), slope=1, color="0.6", linewidth=0.7, linestyle="--" if off else "-", zorder=0.5)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def _used(notes: NDArray[np.bool_]) -> tuple[float, float]:
    """The range of the notes that occur, from edge to edge."""
    used = np.flatnonzero(notes)
    lowest, highest = (used[0], used[-1]) if len(used) else _NOTES_WHEN_EMPTY
    return float(lowest) - 0.5, float(highest) + 0.5
