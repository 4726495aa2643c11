"""The pianoroll of several voices: all estimated pitches against all true ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import TOLERANCE, hz_to_notes
from callbacks.pictures.pianoroll import FrameClass, above_salience, draw_points, draw_reference, finish_pianoroll


def classify_pitches(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int8]:
    """Classify every estimated pitch by the nearest of what sounds in its frame.

    Several estimates may be near one reference, and are all correct here; metrics count one of them.

    Args:
        reference: `(frames, voices)`, Hz, 0 or less where fewer sound.
        estimate: `(frames, pitches)`, Hz, 0 where there are fewer.

    Returns:
        int8 `(frames, pitches)`, values of `FrameClass`: a false alarm where nothing sounds.

    Raises:
        ValueError: the two do not share their frames.
    """
    truth, guess = _pitches(reference), _pitches(estimate)
    if len(truth) != len(guess):
        raise ValueError(f"reference {truth.shape} and estimate {guess.shape} must share their frames")
    distance = np.abs(_notes(guess)[:, :, None] - _notes(truth)[:, None, :])  # NaN is near nothing
    correct = (distance <= TOLERANCE).any(axis=2)
    octave = (np.abs(distance - 12 * np.round(distance / 12)) <= TOLERANCE).any(axis=2)
    wrong = np.where((truth > 0).any(axis=1)[:, None], FrameClass.WRONG, FrameClass.FALSE_ALARM)
    classes = np.where(correct, FrameClass.CORRECT, np.where(octave, FrameClass.OCTAVE, wrong))
    return np.where(guess > 0, classes, FrameClass.NO_ESTIMATE).astype(np.int8)


def draw_several_pitches(axes: Axes, times: ArrayLike, reference: ArrayLike | None, estimate: ArrayLike) -> None:
    """Draw all true pitches in black and the estimates on them, with a legend of what occurs right of the axes.

    Args:
        axes: where to draw.
        times: `(frames,)`, s.
        reference: `(frames, voices)`, Hz, 0 where fewer sound; None where the truth is unknown.
        estimate: `(frames, pitches)`, Hz, 0 where there are fewer.
    """
    seconds, guess = np.asarray(times, dtype=np.float64), _pitches(estimate)
    shown, classes = guess, None
    if reference is not None:
        truth = _pitches(reference)
        draw_reference(axes, np.repeat(seconds, truth.shape[1]), truth.ravel())
        shown, classes = np.concatenate([guess, truth], axis=1), classify_pitches(truth, guess).ravel()
    draw_points(axes, np.repeat(seconds, guess.shape[1]), guess.ravel(), classes)
    finish_pianoroll(axes, shown[shown > 0])


def several_pitches_with_salience(
    times: ArrayLike,
    reference: ArrayLike | None,
    estimate: ArrayLike,
    notes: ArrayLike,
    salience: ArrayLike,
    title: str,
) -> Figure:
    """The pianoroll of several voices above the salience it was decoded from, on one time axis.

    Args:
        times: `(frames,)`, s.
        reference: `(frames, voices)`, Hz, 0 where fewer sound; None where the truth is unknown.
        estimate: `(frames, pitches)`, Hz, 0 where there are fewer.
        notes: `(bins,)`, MIDI note of each bin.
        salience: `(frames, bins)`, 0 to 1.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    return above_salience(
        lambda axes: draw_several_pitches(axes, times, reference, estimate), times, notes, salience, title
    )


def _pitches(f0: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(f0, dtype=np.float64)


def _notes(f0: NDArray[np.float64]) -> NDArray[np.float64]:
    return hz_to_notes(np.where(f0 > 0, f0, np.nan))
