"""The pianoroll: estimated against true pitch, frame by frame, coloured by what went right or wrong."""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.axes import name_notes
from callbacks.pictures.salience import draw_salience

_TOLERANCE = 0.5  # semitones; less than this is correct, as in mir_eval
_SMALLEST_SPAN = 12.0  # semitones
_MARGIN = 1.5  # semitones above and below what is drawn


class FrameClass(IntEnum):
    """What an estimate got right or wrong in one frame."""

    NO_ESTIMATE = 0
    CORRECT = 1
    OCTAVE = 2
    WRONG = 3
    FALSE_ALARM = 4
    MISSED_CORRECT = 5
    MISSED_OCTAVE = 6
    MISSED_WRONG = 7
    UNVOICED = 8


class _Style(NamedTuple):
    label: str
    colour: str
    size: float


# The palette of Okabe and Ito ("Color Universal Design", 2008), which the colour-blind can tell apart; pale and small
# is what the estimate itself holds for unvoiced.
_STYLES = {
    FrameClass.UNVOICED: _Style("both unvoiced (guess)", "#A6CBE3", 1.8),
    FrameClass.MISSED_WRONG: _Style("missed, wrong guess", "#F0B48C", 2.4),
    FrameClass.MISSED_OCTAVE: _Style("missed, octave guess", "#F3DB9E", 2.4),
    FrameClass.MISSED_CORRECT: _Style("missed, right guess", "#8FD6C0", 2.4),
    FrameClass.FALSE_ALARM: _Style("false alarm", "#8E4585", 3.2),
    FrameClass.WRONG: _Style("wrong pitch", "#CC3311", 3.2),
    FrameClass.OCTAVE: _Style("octave error", "#F0A500", 3.2),
    FrameClass.CORRECT: _Style("correct pitch", "#00A97C", 3.2),
}
_REFERENCE = _Style("reference", "#161925", 5.5)
_UNJUDGED = {False: _Style("unvoiced (guess)", "#A6CBE3", 1.8), True: _Style("voiced", "#0072B2", 3.2)}


def classify_frames(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int8]:
    """Judge every frame of an estimate.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz, negative where unvoiced with a guess, 0 where there is no guess.

    Returns:
        int8 `(frames,)`, values of `FrameClass`. An octave error is any number of whole octaves off.
    """
    reference, estimate = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    true, guessed, voiced = reference > 0, estimate != 0, estimate > 0
    distance = np.zeros(reference.shape)
    both = true & guessed
    distance[both] = np.abs(12 * np.log2(np.abs(estimate[both]) / reference[both]))
    correct = distance < _TOLERANCE
    octave = np.abs(distance - 12 * np.round(distance / 12)) < _TOLERANCE
    pitch = np.where(correct, FrameClass.CORRECT, np.where(octave, FrameClass.OCTAVE, FrameClass.WRONG))
    missed = pitch + (FrameClass.MISSED_CORRECT - FrameClass.CORRECT)
    of_true = np.where(voiced, pitch, missed)
    of_silence = np.where(voiced, FrameClass.FALSE_ALARM, FrameClass.UNVOICED)
    return np.where(guessed, np.where(true, of_true, of_silence), FrameClass.NO_ESTIMATE).astype(np.int8)


def draw_pianoroll(axes: Axes, times: ArrayLike, reference: ArrayLike | None, estimate: ArrayLike) -> None:
    """Draw the reference in black and the estimate on it, with a legend of what occurs right of the axes.

    The range of notes is that of the reference and of the voiced estimates; wild guesses in unvoiced frames that lie
    outside are cut off.

    Args:
        axes: where to draw.
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced; None where the truth is unknown.
        estimate: `(frames,)`, Hz, negative where unvoiced.
    """
    times, estimate = np.asarray(times, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if reference is None:
        layers = [(style, (estimate > 0) if voiced else (estimate < 0)) for voiced, style in _UNJUDGED.items()]
        shown = estimate[estimate > 0]
    else:
        truth = np.asarray(reference, dtype=np.float64)
        classes = classify_frames(truth, estimate)
        layers = [(style, classes == frame_class) for frame_class, style in _STYLES.items()]
        _draw_frames(axes, _REFERENCE, times, truth, truth > 0)
        shown = np.concatenate([truth[truth > 0], estimate[estimate > 0]])
    for style, frames in layers:
        _draw_frames(axes, style, times, estimate, frames)
    name_notes(axes, *_range(_notes(shown if len(shown) else estimate[estimate != 0])))
    axes.set_xlabel("time (s)")
    axes.set_ylabel("pitch")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    _add_legend(axes)


def pianoroll_with_salience(
    times: ArrayLike,
    reference: ArrayLike | None,
    estimate: ArrayLike,
    notes: ArrayLike,
    salience: ArrayLike,
    title: str,
) -> Figure:
    """The pianoroll above the salience it was decoded from, on one time axis.

    Args:
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced; None where the truth is unknown.
        estimate: `(frames,)`, Hz, negative where unvoiced.
        notes: `(bins,)`, MIDI note of each bin.
        salience: `(frames, bins)`, 0 to 1.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    times = np.asarray(times, dtype=np.float64)
    figure = Figure(figsize=(12.0, 7.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    draw_pianoroll(upper, times, reference, estimate)
    upper.set_xlabel("")
    upper.set_title(title, loc="left", parse_math=False)
    image = draw_salience(lower, times, notes, salience)
    figure.colorbar(image, cax=lower.inset_axes((1.015, 0.0, 0.012, 1.0)), label="salience")
    if len(times):
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.01
        lower.set_xlim(times[0] - step / 2, times[-1] + step / 2)
    return figure


def _notes(f0: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(69 + 12 * np.log2(np.abs(f0) / 440.0), dtype=np.float64)


def _range(notes: NDArray[np.float64]) -> tuple[float, float]:
    lowest, highest = (notes.min(), notes.max()) if len(notes) else (60.0, 60.0)
    widening = max(_MARGIN, (_SMALLEST_SPAN - (highest - lowest)) / 2)
    return float(lowest - widening), float(highest + widening)


def _draw_frames(
    axes: Axes, style: _Style, times: NDArray[np.float64], f0: NDArray[np.float64], frames: NDArray[np.bool_]
) -> None:
    if frames.any():
        axes.plot(
            times[frames],
            _notes(f0[frames]),
            linestyle="none",
            marker="o",
            markersize=style.size,
            markeredgewidth=0,
            color=style.colour,
            label=style.label,
        )


def _add_legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        # What is drawn last is the most important: the reference first, then the estimates from right to wrong.
        order = [labels.index(_REFERENCE.label)] if _REFERENCE.label in labels else []
        order += [i for i in reversed(range(len(labels))) if i not in order]
        legend = axes.legend(
            [handles[i] for i in order],
            [labels[i] for i in order],
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
        )
        for line in legend.get_lines():
            line.set_markersize(7.0)
