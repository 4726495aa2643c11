"""Several methods on one recording: their pianorolls, and who of two is right."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import correct_frames, hz_to_notes, paired_f0
from callbacks.pictures.pianoroll import (
    REFERENCE_POINTS,
    STYLES,
    FrameClass,
    PointStyle,
    add_legend,
    classify_frames,
    draw_frames,
    finish_pianoroll,
    scores_line,
)
from callbacks.pictures.style import PALETTE, WRONG, name_notes, say_empty

_MARGIN = 13  # semitones around the reference: octave errors are visible, wild guesses do not shrink the rest
_NO_ESTIMATE = PointStyle("no guess", "#BBBBBB", 0.0)
_NEGLIGIBLE = 1.0  # %
_BOTH = "0.72"  # grey, where both methods are right
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
        _draw_shares(beside, truth, list(drawn.values()))
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


def agreement(times: ArrayLike, reference: ArrayLike, estimates: Mapping[str, ArrayLike], title: str) -> Figure:
    """Draw the reference, coloured by which of two methods has its pitch.

    Right is what raw pitch accuracy counts: within half a semitone, whatever the estimated voicing. The legend has the
    shares of the voiced frames.

    Args:
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced.
        estimates: of two methods, by name, `(frames,)`, Hz, negative where unvoiced with a guess, 0 without a guess.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: there are not two methods, one does not share the frames, or a value is not finite.
    """
    if len(estimates) != 2:
        raise ValueError(f"estimates: of {len(estimates)} methods; agreement is between two")
    (one, first), (other, second) = estimates.items()
    seconds = np.asarray(times, dtype=np.float64)
    truth, _ = paired_f0(reference, first)
    right, also = (correct_frames(*paired_f0(reference, each)) for each in (first, second))
    voiced = truth > 0
    kinds = {
        "both right": (right & also, _BOTH),
        f"only {one}": (right & ~also, PALETTE[0]),
        f"only {other}": (also & ~right, PALETTE[4]),
        "neither": (voiced & ~right & ~also, WRONG),
    }
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for name, (frames, colour) in kinds.items():
        label = f"{name}: {100 * frames.sum() / max(voiced.sum(), 1):.1f} %"
        notes = hz_to_notes(np.where(frames, truth, np.nan))
        axes.plot(seconds, notes, linestyle="none", marker="o", markersize=3.4, color=colour, label=label)
    finish_pianoroll(axes, truth[voiced])
    axes.set_ylabel("pitch of the reference")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="share of voiced frames")
    for line in legend.get_lines():
        line.set_markersize(8.0)
    for text in legend.get_texts():
        text.set_parse_math(False)
    axes.set_title(title, loc="left", parse_math=False)
    if len(seconds):
        axes.set_xlim(seconds[0], max(seconds[-1], seconds[0] + 0.01))
    if not voiced.any():
        say_empty(axes, "no voiced frame")
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


def _draw_shares(beside: Sequence[Axes], reference: ArrayLike, estimates: Sequence[ArrayLike]) -> None:
    """Draw how many frames the reference has, and how many of each class every estimate has, as bars.

    The bars have the colours of the points in the pianoroll, so that they are its legend as well. Classes of less than
    one per cent in all estimates are left out.

    Args:
        beside: where to draw, axes for each estimate.
        reference: `(frames,)`, Hz, 0 where unvoiced.
        estimates: `(frames,)` each, Hz, negative where unvoiced with a guess, 0 where there is no guess.
    """
    frames = max(len(np.asarray(reference)), 1)
    voiced = 100.0 * float((np.asarray(reference) > 0).sum()) / frames
    parts = [
        100.0 * np.bincount(classify_frames(reference, each), minlength=len(FrameClass)) / frames for each in estimates
    ]
    styles = {**dict(reversed(STYLES.items())), FrameClass.NO_ESTIMATE: _NO_ESTIMATE}
    shown = {each: style for each, style in styles.items() if any(part[each] >= _NEGLIGIBLE for part in parts)}
    longest = max([voiced, *(part[each] for part in parts for each in shown), 1.0])
    for axes, part in zip(beside, parts, strict=True):
        bars = [(REFERENCE_POINTS, voiced), *((style, part[each]) for each, style in shown.items())]
        for place, (style, share) in enumerate(bars):
            axes.barh(place, share, height=0.8, color=style.colour)
            axes.text(share + 0.02 * longest, place, f"{share:.0f} %", va="center", fontsize="small")
        axes.set_yticks(range(len(bars)), [style.label for style, _ in bars], fontsize="small")
        axes.set_ylim(len(bars) - 0.4, -0.6)  # the right ones at the top
        axes.set_xlim(0.0, 1.3 * longest)
        axes.set_xticks([])
        axes.tick_params(left=False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    if beside:
        beside[0].set_title("share of the frames", loc="left", fontsize="small")


def _around(reference: NDArray[np.float64]) -> tuple[float, float]:
    notes = hz_to_notes(reference[reference > 0])
    if not len(notes):
        return _NOTES_WHEN_EMPTY
    return float(notes.min()) - _MARGIN, float(notes.max()) + _MARGIN
