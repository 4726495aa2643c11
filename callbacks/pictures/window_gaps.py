"""Confidence and raw pitch accuracy by the place of a frame within the window that its network read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import correct_frames, paired_f0
from callbacks.pictures.style import CORRECT, PALETTE, say_empty


class WindowParts(NamedTuple):
    """Which frames of a window are compared.

    Attributes:
        frames: of a window.
        border: frames at each end.
    """

    frames: int
    border: int

    @property
    def is_border(self) -> NDArray[np.bool_]:
        """`(frames,)`: the first and the last `border` frames."""
        place = np.arange(self.frames)
        return np.minimum(place, self.frames - 1 - place) < self.border

    @property
    def is_middle(self) -> NDArray[np.bool_]:
        """`(frames,)`: all but the first and the last quarter."""
        place = np.arange(self.frames)
        return np.minimum(place, self.frames - 1 - place) >= self.frames // 4

    def gap(self, sums: NDArray[np.float64]) -> float | None:
        """Mean confidence at the border divided by that in the middle: 1 is no gap, 0 the deepest.

        Args:
            sums: `(4, frames)`, from `sum_windows`.

        Returns:
            None where one of them has no frame, or the middle no confidence.
        """
        border, middle = sums[:2, self.is_border].sum(axis=1), sums[:2, self.is_middle].sum(axis=1)
        if not (border[1] and middle[1] and middle[0]):
            return None
        return float(border[0] / border[1] / (middle[0] / middle[1]))


def sum_windows(
    reference: ArrayLike | None, estimate: ArrayLike, confidence: ArrayLike, frames: int
) -> NDArray[np.float64]:
    """Sums over a track by place in the window; those of several tracks may be added.

    Windows follow one another from the first frame of the track. Where the truth is known, only its voiced frames
    count, because a network need not be confident anywhere else.

    Args:
        reference: `(track's frames,)`, Hz, 0 where unvoiced; None where it is not known: all frames count.
        estimate: `(track's frames,)`, Hz, 0 where there is no guess.
        confidence: `(track's frames,)`, 0 to 1.
        frames: of a window.

    Returns:
        `(4, frames)`: sum of confidence, frames that count, correct ones among the voiced, voiced ones.
    """
    place = np.arange(len(np.asarray(estimate))) % frames
    if reference is None:
        counted, correct = np.ones(len(place), dtype=bool), np.zeros(len(place), dtype=bool)
        voiced = correct
    else:
        true, guess = paired_f0(reference, estimate)
        counted = voiced = true > 0
        correct = correct_frames(true, guess)
    weights = (np.asarray(confidence, dtype=np.float64) * counted, counted, correct, voiced)
    return np.stack([np.bincount(place, weight, minlength=frames) for weight in weights])


def means_by_place(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean confidence and raw pitch accuracy, `(frames,)` each, NaN where there is no frame.

    Args:
        sums: `(4, frames)`, from `sum_windows`.
    """
    confidence, frames, correct, voiced = sums
    nothing = np.full(sums.shape[1], np.nan)
    return (
        np.divide(confidence, frames, out=nothing.copy(), where=frames > 0),
        np.divide(correct, voiced, out=nothing, where=voiced > 0),
    )


def window_gaps(sums: NDArray[np.float64], parts: WindowParts, title: str) -> Figure:
    """Draw mean confidence and raw pitch accuracy over the window, its border shaded.

    Args:
        sums: `(4, frames)`, from `sum_windows`, of a set.
        parts: of the window.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    confidence, accuracy = means_by_place(sums)
    figure = Figure(figsize=(8.0, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    rows = ((upper, confidence, "mean confidence", PALETTE[0]), (lower, accuracy, "raw pitch accuracy", CORRECT))
    for axes, values, name, colour in rows:
        for start in (0, parts.frames - parts.border):
            axes.axvspan(start - 0.5, start + parts.border - 0.5, color="0.9", linewidth=0)
        axes.plot(np.arange(parts.frames), values, color=colour, marker="o", markersize=3)
        axes.set_ylabel(name)
        highest = np.nanmax(values) if np.isfinite(values).any() else 1.0
        axes.set_ylim(0, 1.08 * max(highest, 1e-9))
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        if not np.isfinite(values).any():
            say_empty(axes, "no frame that counts")
    gap = parts.gap(sums)
    if gap is not None:
        middle = sums[0, parts.is_middle].sum() / sums[1, parts.is_middle].sum()
        upper.axhline(middle, color="0.4", linewidth=0.8, linestyle="--", label="mean of the middle half")
        upper.legend(loc="lower center", frameon=False)
    shown = "" if gap is None else f", border / middle = {gap:.2f}"
    upper.set_title(f"{title}{shown}", loc="left", parse_math=False)
    lower.set_xlabel(f"frame of the window of {parts.frames}; shaded: border, {parts.border} at each end")
    lower.set_xlim(-0.5, parts.frames - 0.5)
    return figure
