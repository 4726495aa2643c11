"""Raw pitch accuracy of each note."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import MIDI_NOTES, correct_frames, hz_to_notes, nearest_notes, paired_f0
from callbacks.pictures.style import CORRECT, count_along_y, name_notes_along_x, say_empty

_NOTES_WHEN_EMPTY = (48, 72)


def count_correct(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int64]:
    """Count voiced and correct frames of every note of the reference, rounded to the nearest.

    Correct is what raw pitch accuracy counts: within half a semitone, whatever the sign of the estimate. A frame
    without an estimate is wrong.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz, negative where unvoiced with a guess, 0 where there is no guess.

    Returns:
        int64 `(2, 128)`: frames that are correct, and all voiced frames, of each MIDI note. Counts of several tracks
        may be added.

    Raises:
        ValueError: the two series do not share their frames, or are not finite.
    """
    true, guess = paired_f0(reference, estimate)
    voiced = true > 0
    correct = correct_frames(true, guess)[voiced]
    notes = nearest_notes(hz_to_notes(true[voiced]))
    return np.stack([np.bincount(notes[kept], minlength=MIDI_NOTES) for kept in (correct, slice(None))])


def note_accuracy(counts: ArrayLike, title: str) -> Figure:
    """Draw the share of correct frames of every note above the number of its frames.

    The intervals are Wilson's of 95 % ("Probable inference, the law of succession, and statistical inference", 1927),
    which hold for independent frames. Neighbouring frames are not independent, so that the true intervals are wider.

    Args:
        counts: `(2, 128)`, from `count_correct`.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    correct, frames = np.asarray(counts)
    notes = np.flatnonzero(frames)
    share = correct[notes] / frames[notes]
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.bar(notes, share, width=0.85, color=CORRECT)
    low, high = _intervals(correct[notes], frames[notes])
    upper.errorbar(
        notes, share, yerr=np.clip([share - low, high - share], 0, None), fmt="none", ecolor="0.2", elinewidth=1.0
    )
    upper.set_ylim(0, 1)
    upper.set_ylabel("share of correct frames")
    upper.set_title(title, loc="left", parse_math=False)
    lower.bar(notes, frames[notes], width=0.85, color="0.6")
    count_along_y(lower)
    lower.set_ylabel("frames")
    lower.set_xlabel("note of the reference")
    lowest, highest = (notes[0], notes[-1]) if len(notes) else _NOTES_WHEN_EMPTY
    name_notes_along_x(lower, lowest - 0.75, highest + 0.75)
    for axes in (upper, lower):
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    if not len(notes):
        lower.set_ylim(0, 1)
        say_empty(upper, "no voiced frame")
    return figure


def _intervals(correct: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bounds `(2, notes)`, 0 to 1."""
    from scipy.stats import binomtest  # which takes longer to import than all pictures together

    intervals = [
        binomtest(int(k), int(n)).proportion_ci(0.95, method="wilson") for k, n in zip(correct, frames, strict=True)
    ]
    return np.array([(interval.low, interval.high) for interval in intervals]).reshape(-1, 2).T
