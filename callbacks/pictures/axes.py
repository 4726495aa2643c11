"""Axes on which pitch is read as the names of notes."""

import math

from matplotlib.axes import Axes

_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
# Which notes are named, up to which range in semitones: neighbours a semitone apart need much room.
_NAMED = ((16, (0, 2, 4, 5, 7, 9, 11)), (36, (0, 4, 7)), (60, (0, 7)), (math.inf, (0,)))


def note_name(note: int) -> str:
    """The name of a MIDI note, 60 being C4."""
    return f"{_NAMES[note % 12]}{note // 12 - 1}"


def name_notes(axes: Axes, lowest: float, highest: float) -> None:
    """Limit the y axis to a range of MIDI notes and name as many as fit: all naturals, or C, E and G, or fewer."""
    axes.set_ylim(lowest, highest)
    pitch_classes = next(classes for span, classes in _NAMED if highest - lowest <= span)
    notes = [note for note in range(math.ceil(lowest), math.floor(highest) + 1) if note % 12 in pitch_classes]
    axes.set_yticks(notes, [note_name(note) for note in notes])
