"""What the pictures share: colours, axes on which notes are named, scales of counts."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

# Okabe and Ito, "Color Universal Design", 2008; yellow is left out, which fades on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# Frames by their error, in every picture.
CORRECT = "#00A97C"
OCTAVE = "#F0A500"
WRONG = "#CC3311"
REFERENCE = "#161925"

# Of counts; without the bright yellow of few, in which a single cell is hard to see on white.
SEQUENTIAL = ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1.0, 256)))

_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
# Pitch classes that are named, by the range of the axis in semitones: names a semitone apart need much room.
_NAMED = ((16, (0, 2, 4, 5, 7, 9, 11)), (36, (0, 4, 7)), (60, (0, 7)), (math.inf, (0,)))


def note_name(note: int) -> str:
    """The name of a MIDI note, 60 being C4."""
    return f"{_NAMES[note % 12]}{note // 12 - 1}"


def name_notes(axes: Axes, lowest: float, highest: float) -> None:
    """Limit the y axis to a range of MIDI notes and name as many as fit: all naturals, or C, E and G, or fewer."""
    axes.set_ylim(lowest, highest)
    axes.set_yticks(*_named(lowest, highest))


def name_notes_along_x(axes: Axes, lowest: float, highest: float) -> None:
    """Limit the x axis to a range of MIDI notes and name them as `name_notes` does."""
    axes.set_xlim(lowest, highest)
    axes.set_xticks(*_named(lowest, highest))


def count_along_y(axes: Axes) -> None:
    """Start the y axis at 0, with whole numbers."""
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(round(value))))


def scale_of_counts(counts: NDArray[np.int64]) -> LogNorm:
    """A logarithmic scale of counts from 1 on, of at least a decade, so that it has more than one tick."""
    return LogNorm(vmin=1, vmax=max(10, int(counts.max(initial=0))))


def add_bar_of_counts(figure: Figure, axes: Axes, image: ScalarMappable, label: str) -> None:
    """Add the colour bar of a `scale_of_counts` right of the axes."""
    bar = figure.colorbar(image, ax=axes, label=label, pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator())
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(round(value))))


def thousands(count: int) -> str:
    """A count with a narrow space between thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def say_empty(axes: Axes, what: str) -> None:
    """Write in the middle of empty axes what is missing."""
    axes.text(0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", color="0.4")


def _named(lowest: float, highest: float) -> tuple[list[int], list[str]]:
    pitch_classes = next(classes for span, classes in _NAMED if highest - lowest <= span)
    notes = [note for note in range(math.ceil(lowest), math.floor(highest) + 1) if note % 12 in pitch_classes]
    return notes, [note_name(note) for note in notes]
