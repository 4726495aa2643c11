"""Phones of transcript and decoder in time, below the features."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.salience import cell_edges, draw_features
from callbacks.pictures.style import PALETTE, say_empty

_SMALLEST_WIDTH, _LARGEST_WIDTH = 10.0, 60.0  # inches
_BESIDE = 2.0  # inches for labels and colour bar
_NAME_WIDTH = 0.1  # inches of a letter
_NAMES_AT = 1.28  # where names stand on an axis from 0 to 1


class TimedPhone(NamedTuple):
    """A phone in time.

    Attributes:
        phone: its name.
        start: s.
        end: s.
        confidence: 0 to 1.
    """

    phone: str
    start: float
    end: float
    confidence: float


def aligned_phones(
    feature_times: ArrayLike,
    features: ArrayLike,
    times: ArrayLike,
    spoken: ArrayLike,
    reference: Sequence[TimedPhone],
    decoded: Sequence[TimedPhone],
    title: str,
    remark: str = "",
) -> Figure:
    """Draw features, below them the phones of the reference and those that were decoded, on one time axis.

    The height of a bar is the network's confidence in the phone. The line over the decoded phones is the probability of
    the likeliest phone in every frame; most of the rest is the blank's.

    Args:
        feature_times: `(feature frames,)`, s.
        features: `(feature frames, bins)`.
        times: `(frames,)`, s, of the network's output.
        spoken: `(frames,)`, 0 to 1, probability of the likeliest phone.
        reference: phones of the reference.
        decoded: phones that were recognised.
        title: shown above, as it is.
        remark: shown below the title, as it is, if the reference has no phones: the reason.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    seconds = np.asarray(feature_times, dtype=np.float64)
    letters = max((sum(max(len(bar.phone), 1) + 1 for bar in bars) for bars in (reference, decoded)), default=0)
    width = float(np.clip(_BESIDE + _NAME_WIDTH * letters, _SMALLEST_WIDTH, _LARGEST_WIDTH))
    figure = Figure(figsize=(width, 7.0), layout="constrained")
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
    image = draw_features(upper, seconds, features)
    if len(seconds):
        last = cell_edges(seconds, alone=0.01)[-1]
        upper.set_xlim(seconds[0], max([last, *(phone.end for phone in (*reference, *decoded))]))
    start, end = upper.get_xlim()
    per_letter = _NAME_WIDTH * (end - start) / (width - _BESIDE)
    _draw_bars(middle, reference, PALETTE[0], per_letter)
    _draw_bars(lower, decoded, PALETTE[1], per_letter)
    lower.plot(np.asarray(times), np.asarray(spoken), color="0.35", linewidth=0.8, zorder=3)
    middle.set_ylabel("reference:\nconfidence")
    lower.set_ylabel("decoded:\nposterior")
    lower.set_xlabel("time (s)")
    for axes, phones in ((middle, reference), (lower, decoded)):
        if not phones:
            say_empty(axes, "no phone")
    upper.set_title(title if reference else f"{title}\n{remark}".rstrip(), loc="left", parse_math=False)
    if image is not None:
        figure.colorbar(image, cax=upper.inset_axes((1.0 + 0.15 / width, 0.0, 0.12 / width, 1.0)), label="feature")
    return figure


def _draw_bars(axes: Axes, bars: Sequence[TimedPhone], colour: str, per_letter: float) -> None:
    widths = np.array([per_letter * (len(bar.phone) + 1) for bar in bars])
    centres = np.array([(bar.start + bar.end) / 2 for bar in bars])
    for bar, centre, place in zip(bars, centres, spread(centres, widths, axes.get_xlim()), strict=True):
        height = bar.confidence
        axes.bar(
            bar.start,
            height,
            bar.end - bar.start,
            align="edge",
            color=colour,
            edgecolor="white",
            linewidth=0.4,
            zorder=2,
        )
        # From the bar straight up, and to its name where that had to give way.
        axes.plot([centre, centre, place], [height, 1.02, _NAMES_AT - 0.1], color="0.75", linewidth=0.6, zorder=1)
        axes.text(place, _NAMES_AT, bar.phone, ha="center", va="center", fontsize=8, parse_math=False)
    axes.set_ylim(0.0, 1.45)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.grid(axis="y", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def spread(
    centres: NDArray[np.float64], widths: NDArray[np.float64], limits: tuple[float, float]
) -> NDArray[np.float64]:
    """Move labels along an axis until they do not overlap: the least squares of their distances from where they belong.

    Subtracting from each centre the widths of all labels before it turns the problem into isotonic regression, which
    pools adjacent violators.

    Args:
        centres: `(labels,)`, increasing, where they belong.
        widths: `(labels,)`.
        limits: of the axis; labels that need more room begin at the first.

    Returns:
        Centres `(labels,)`.
    """
    if not len(centres):
        return centres
    room = np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2)])
    blocks: list[tuple[float, int]] = []  # mean and number of labels that touch each other
    for left in centres - room:
        mean, number = float(left), 1
        while blocks and blocks[-1][0] >= mean:
            before, labels = blocks.pop()
            mean, number = (mean * number + before * labels) / (number + labels), number + labels
        blocks.append((mean, number))
    first, last = limits[0] + widths[0] / 2, limits[1] - widths[-1] / 2 - room[-1]
    lefts = np.repeat([mean for mean, _ in blocks], [number for _, number in blocks])
    places: NDArray[np.float64] = lefts.clip(first, max(first, last)) + room
    return places
