"""A clip and the classes it was taken for."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from callbacks.pictures.salience import draw_features
from callbacks.pictures.style import CORRECT, PALETTE, WRONG


def classified_clip(
    times: ArrayLike,
    features: ArrayLike,
    audio: ArrayLike,
    rate: int,
    guesses: Sequence[tuple[str, float]],
    truth: str | None,
    title: str,
) -> Figure:
    """Draw a clip's features above its waveform, on one time axis, and beside them the best guesses.

    Args:
        times: `(frames,)`, s.
        features: `(frames, bins)`.
        audio: `(samples,)`, full scale at 1.
        rate: of the audio, Hz.
        guesses: classes and their probabilities, the best first.
        truth: the true class; None where it is unknown.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    figure = Figure(figsize=(12.0, 5.5), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(4, 1))[0]
    upper, lower = left.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    image = draw_features(upper, times, features)
    if image is not None:
        left.colorbar(image, ax=[upper, lower], label="feature", pad=0.01)
    samples = np.asarray(audio, dtype=np.float64)
    lower.plot(np.arange(len(samples)) / rate, samples, color=PALETTE[0], linewidth=0.5)
    lower.set_xlim(0.0, max(len(samples), 1) / rate)
    lower.set_xlabel("time (s)")
    lower.set_ylabel("amplitude")
    upper.set_title(title, loc="left", parse_math=False)
    _draw_guesses(right.subplots(), guesses, truth)
    return figure


def _draw_guesses(axes: Axes, guesses: Sequence[tuple[str, float]], truth: str | None) -> None:
    for place, (name, probability) in enumerate(guesses):
        colour = "0.5" if truth is None else CORRECT if name == truth else WRONG
        axes.barh(place, probability, height=0.35, color=colour)
        axes.text(0.0, place - 0.25, name, ha="left", va="bottom", parse_math=False)
        axes.text(1.0, place - 0.25, f"{probability:.3f}", ha="right", va="bottom")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(max(len(guesses), 3) - 0.5, -0.7)  # the best at the top
    axes.set_yticks([])
    axes.set_xlabel("probability")
    axes.set_title("truth: unknown" if truth is None else f"truth: {truth}", loc="left", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
