"""Axes on which pitch is read as the names of notes."""

import math

from matplotlib.axes import Axes

_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_NATURALS = (0, 2, 4, 5, 7, 9, 11)


def note_name(note: int) -> str:
    """The name of a MIDI note, 60 being C4."""
    return f"{_NAMES[note % 12]}{note // 12 - 1}"


def name_notes(axes: Axes, lowest: float, highest: float) -> None:
    """Limit the y axis to a range of MIDI notes and name as many as fit: all naturals, then C and G, then C only."""
    axes.set_ylim(lowest, highest)
    span = highest - lowest
    pitch_classes = _NATURALS if span <= 30 else (0, 7) if span <= 60 else (0,)
    notes = [note for note in range(math.ceil(lowest), math.floor(highest) + 1) if note % 12 in pitch_classes]
    axes.set_yticks(notes, [note_name(note) for note in notes])
