"""Confusion matrix of phones, with insertions and deletions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.style import PALETTE, SEQUENTIAL, add_bar_of_counts, say_empty, scale_of_counts

_KINDS = {"substitution": PALETTE[0], "deletion": PALETTE[1], "insertion": PALETTE[2]}


class PhoneEdit(NamedTuple):
    """A substitution, insertion or deletion.

    Attributes:
        reference: phone that was spoken; None for an insertion.
        hypothesis: phone that was recognised; None for a deletion.
        times: number of occurrences.
    """

    reference: str | None
    hypothesis: str | None
    times: int


def count_edits(pairs: ArrayLike, phones: int) -> NDArray[np.int64]:
    """Count aligned phones.

    Args:
        pairs: `(steps, 2)`, numbers of reference and hypothesis from 1 on, 0 for none.
        phones: the size of the inventory.

    Returns:
        int64 `(phones + 1, phones + 1)`: rows are the reference, columns the hypothesis; row 0 holds insertions,
        column 0 deletions. Counts of several utterances may be added.
    """
    reference, hypothesis = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
    counts = np.zeros((phones + 1, phones + 1), dtype=np.int64)
    np.add.at(counts, (reference, hypothesis), 1)
    return counts


def most_frequent(counts: ArrayLike, phones: Sequence[str], most: int | None = None) -> list[PhoneEdit]:
    """Edits, the most frequent first; equally frequent ones are in the order of the reference's phones.

    Args:
        counts: as `count_edits` gives them.
        phones: names of rows and columns from 1 on.
        most: how many at most; None: all.
    """
    edits = np.array(counts, dtype=np.int64)
    np.fill_diagonal(edits, 0)
    names = (None, *phones)
    places = np.argsort(-edits, axis=None, kind="stable")[: np.count_nonzero(edits)][:most]
    rows, columns = np.unravel_index(places, edits.shape)
    return [
        PhoneEdit(names[row], names[column], int(edits[row, column])) for row, column in zip(rows, columns, strict=True)
    ]


def phone_confusion(counts: ArrayLike, phones: Sequence[str], most: int, title: str) -> Figure:
    """Draw all counts on a logarithmic scale, and beside them the most frequent edits.

    Args:
        counts: as `count_edits` gives them.
        phones: names of rows and columns from 1 on.
        most: how many edits at most.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    table = np.asarray(counts, dtype=np.int64)
    side = max(5.0, 0.19 * len(table))
    figure = Figure(figsize=(side + 7.0, side + 1.0), layout="constrained")
    matrix, bars = figure.subplots(1, 2, width_ratios=(side + 1.5, 4.0))
    _draw_matrix(figure, matrix, table, phones)
    _draw_edits(bars, most_frequent(table, phones, most))
    matrix.set_title(title, loc="left", parse_math=False)
    return figure


def _draw_matrix(figure: Figure, axes: Axes, counts: NDArray[np.int64], phones: Sequence[str]) -> None:
    shown = np.roll(counts, -1, axis=(0, 1))  # none comes last, apart from the phones
    image = axes.imshow(
        np.where(shown > 0, shown, np.nan),
        interpolation="none",
        cmap=SEQUENTIAL,
        norm=scale_of_counts(shown),
        zorder=2,
    )
    places = range(len(shown))
    axes.set_xticks(places, [*phones, "deleted"], rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(places, [*phones, "inserted"], fontsize=8, parse_math=False)
    axes.set_xlabel("hypothesis")
    axes.set_ylabel("reference")
    axes.grid(color="0.93", linewidth=0.5)
    axes.axhline(len(phones) - 0.5, color="0.4", linewidth=0.8, zorder=3)
    axes.axvline(len(phones) - 0.5, color="0.4", linewidth=0.8, zorder=3)
    add_bar_of_counts(figure, axes, image, "phones")


def _draw_edits(axes: Axes, edits: Sequence[PhoneEdit]) -> None:
    kinds = [_kind(edit) for edit in edits]
    places = range(len(edits))
    axes.barh(places, [edit.times for edit in edits], height=0.7, color=[_KINDS[kind] for kind in kinds])
    axes.set_yticks(places, [_words(edit) for edit in edits], parse_math=False)
    axes.set_ylim(max(len(edits), 5) - 0.4, -0.6)  # the most frequent at the top
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlim(0, 1.05 * max((edit.times for edit in edits), default=1))
    axes.set_xlabel("times (most frequent edits)")
    axes.spines[["top", "right"]].set_visible(False)
    if not edits:
        say_empty(axes, "no edit")
        return
    used = [Patch(color=colour, label=kind) for kind, colour in _KINDS.items() if kind in kinds]
    axes.legend(handles=used, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(used), frameon=False)


def _kind(edit: PhoneEdit) -> str:
    if edit.reference is None:
        return "insertion"
    return "deletion" if edit.hypothesis is None else "substitution"


def _words(edit: PhoneEdit) -> str:
    if edit.reference is None:
        return f"{edit.hypothesis} inserted"
    return f"{edit.reference} deleted" if edit.hypothesis is None else f"{edit.reference} → {edit.hypothesis}"
