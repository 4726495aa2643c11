"""Histogram of pitch errors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import TOLERANCE, paired_notes
from callbacks.pictures.style import OCTAVE, WRONG, count_along_y, say_empty, thousands

_FURTHEST = 24  # semitones
_SEMITONES = 12  # of an octave


def count_errors(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int64]:
    """Count frames by their error, rounded to whole semitones.

    A frame is correct below half a semitone, as in raw pitch accuracy: the bin of 0 holds the correct frames, the bins
    of whole octaves those that only raw chroma accuracy counts as correct.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz; its sign does not matter, see `notes.paired_notes`.

    Returns:
        int64 `(51,)`: errors of -25 or less, -24, ..., 24, 25 or more semitones, estimate minus reference. Counts of
        several tracks may be added.

    Raises:
        ValueError: the two series do not share their frames, or are not finite.
    """
    true, guess = paired_notes(reference, estimate)
    errors = guess - true
    # Halves go away from 0 on both sides: half a semitone off is no longer correct.
    semitones = np.sign(errors) * np.floor(np.abs(errors) + TOLERANCE)
    bins = np.clip(semitones, -_FURTHEST - 1, _FURTHEST + 1).astype(np.int64) + _FURTHEST + 1
    return np.bincount(bins, minlength=2 * _FURTHEST + 3).astype(np.int64)


def error_histogram(counts: ArrayLike, title: str) -> Figure:
    """Draw the wrong frames of at most two octaves; the title adds their share, and that of frames further off.

    Args:
        counts: `(51,)`, from `count_errors`.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    frames = np.asarray(counts)
    semitones = np.arange(-_FURTHEST, _FURTHEST + 1)
    wrong = np.where(semitones == 0, 0, frames[1:-1])
    octaves = (semitones % _SEMITONES == 0) & (semitones != 0)
    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.bar(semitones, wrong, width=0.9, color=np.where(octaves, OCTAVE, WRONG))
    axes.set_xlim(-_FURTHEST - 0.5, _FURTHEST + 0.5)
    axes.set_xticks(range(-_FURTHEST, _FURTHEST + 1, _SEMITONES // 2))
    axes.set_xticks(semitones, minor=True)
    axes.set_xlabel("error (semitones, estimate - reference)".replace("-", "\N{MINUS SIGN}"))
    axes.set_ylabel("frames")
    axes.set_title(f"{title}\n{_summary(frames)}", loc="left", parse_math=False)
    _finish(axes)
    if not wrong.any():
        axes.set_ylim(0, 1)
        say_empty(axes, "no error of at most two octaves" if frames.any() else "no frame with a pitch in both")
    return figure


def _finish(axes: Axes) -> None:
    count_along_y(axes)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        handles=[Patch(color=OCTAVE, label="whole octaves"), Patch(color=WRONG, label="other errors")],
        frameon=False,
    )


def _summary(frames: NDArray[np.int64]) -> str:
    total = int(frames.sum())
    if not total:
        return "0 frames"
    wrong = total - int(frames[_FURTHEST + 1])
    line = f"{100 * wrong / total:.2f} % of {thousands(total)} frames off by half a semitone or more"
    further = int(frames[0] + frames[-1])
    return f"{line}, {thousands(further)} by more than two octaves" if further else line
