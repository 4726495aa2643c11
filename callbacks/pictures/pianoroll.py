"""The pianoroll: estimated against true pitch, frame by frame, coloured by what went right or wrong."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from callbacks.pictures.notes import TOLERANCE, hz_to_notes, paired_f0
from callbacks.pictures.salience import draw_salience
from callbacks.pictures.style import CORRECT, OCTAVE, REFERENCE, WRONG, name_notes

_SMALLEST_SPAN = 12.0  # semitones
_MARGIN = 1.5  # semitones above and below what is drawn


class FrameClass(IntEnum):
    """What is right or wrong in a frame of an estimate."""

    NO_ESTIMATE = 0
    CORRECT = 1
    OCTAVE = 2
    WRONG = 3
    FALSE_ALARM = 4
    MISSED_CORRECT = 5
    MISSED_OCTAVE = 6
    MISSED_WRONG = 7
    UNVOICED = 8


class PointStyle(NamedTuple):
    """How the frames of a class look: label, colour and size in points."""

    label: str
    colour: str
    size: float


# Frames that the estimate calls unvoiced are pale and small. No two colours are near each other, also as they look to
# the colour-blind (Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", 2009).
STYLES = {
    FrameClass.UNVOICED: PointStyle("both unvoiced (guess)", "#A6ADEF", 1.8),
    FrameClass.MISSED_WRONG: PointStyle("missed, wrong guess", "#DEA6B9", 2.4),
    FrameClass.MISSED_OCTAVE: PointStyle("missed, octave guess", "#E9DC6B", 2.4),
    FrameClass.MISSED_CORRECT: PointStyle("missed, right guess", "#91EEB7", 2.4),
    FrameClass.FALSE_ALARM: PointStyle("false alarm", "#8E4585", 3.2),
    FrameClass.WRONG: PointStyle("wrong pitch", WRONG, 3.2),
    FrameClass.OCTAVE: PointStyle("octave error", OCTAVE, 3.2),
    FrameClass.CORRECT: PointStyle("correct pitch", CORRECT, 3.2),
}
REFERENCE_POINTS = PointStyle("reference", REFERENCE, 5.5)
_UNJUDGED = {False: PointStyle("unvoiced (guess)", "#A6ADEF", 1.8), True: PointStyle("voiced", "#0072B2", 3.2)}


def classify_frames(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.int8]:
    """Classify every frame of an estimate.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz, negative where unvoiced with a guess, 0 where there is no guess.

    Returns:
        int8 `(frames,)`, values of `FrameClass`. An octave error is any number of whole octaves off.

    Raises:
        ValueError: the two series do not share their frames, or are not finite.
    """
    truth, guess = paired_f0(reference, estimate)
    true, guessed, voiced = truth > 0, guess != 0, guess > 0
    distance = np.zeros(truth.shape)
    both = true & guessed
    distance[both] = np.abs(hz_to_notes(guess[both]) - hz_to_notes(truth[both]))
    correct = distance < TOLERANCE
    octave = np.abs(distance - 12 * np.round(distance / 12)) < TOLERANCE
    pitch = np.where(correct, FrameClass.CORRECT, np.where(octave, FrameClass.OCTAVE, FrameClass.WRONG))
    missed = pitch + (FrameClass.MISSED_CORRECT - FrameClass.CORRECT)
    of_true = np.where(voiced, pitch, missed)
    of_silence = np.where(voiced, FrameClass.FALSE_ALARM, FrameClass.UNVOICED)
    return np.where(guessed, np.where(true, of_true, of_silence), FrameClass.NO_ESTIMATE).astype(np.int8)


def scores_line(reference: ArrayLike, estimate: ArrayLike) -> str:
    """The figures of `mir_eval.melody` for frames on one grid, in one line; a dash where one is undefined.

    Args:
        reference: `(frames,)`, Hz, 0 or less where unvoiced.
        estimate: `(frames,)`, Hz, negative where unvoiced with a guess, 0 where there is no guess.

    Returns:
        Overall, raw pitch and raw chroma accuracy, voicing recall, false alarm and accuracy.
    """
    classes = classify_frames(reference, estimate)
    number = np.bincount(classes, minlength=len(FrameClass))
    voiced = int((np.asarray(reference) > 0).sum())
    unvoiced = len(classes) - voiced
    correct, recalled = number[FrameClass.CORRECT], number[[FrameClass.CORRECT, FrameClass.OCTAVE, FrameClass.WRONG]]
    right_pitch = correct + number[FrameClass.MISSED_CORRECT]
    right_chroma = right_pitch + number[FrameClass.OCTAVE] + number[FrameClass.MISSED_OCTAVE]
    rejected = unvoiced - number[FrameClass.FALSE_ALARM]
    shares = {
        "OA": (correct + rejected, len(classes)),
        "RPA": (right_pitch, voiced),
        "RCA": (right_chroma, voiced),
        "VR": (recalled.sum(), voiced),
        "VFA": (number[FrameClass.FALSE_ALARM], unvoiced),
        "VA": (recalled.sum() + rejected, len(classes)),
    }
    return "   ".join(
        f"{name} {part / whole:.3f}" if whole else f"{name} \N{EN DASH}" for name, (part, whole) in shares.items()
    )


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
    draw_frames(axes, times, reference, estimate)
    f0 = np.asarray(estimate, dtype=np.float64)
    shown = f0[f0 > 0]
    if reference is not None:
        truth = np.asarray(reference, dtype=np.float64)
        shown = np.concatenate([truth[truth > 0], shown])
    finish_pianoroll(axes, shown if len(shown) else f0[f0 != 0])


def finish_pianoroll(axes: Axes, shown: NDArray[np.float64]) -> None:
    """Limit the axes of a pianoroll to the notes of some f0, `(points,)` in Hz, and add the legend."""
    name_notes(axes, *_range(hz_to_notes(shown)))
    axes.set_xlabel("time (s)")
    add_legend(axes, [axes])


def draw_frames(axes: Axes, times: ArrayLike, reference: ArrayLike | None, estimate: ArrayLike) -> None:
    """Draw the reference in black and the estimate on it, without a legend and without limits.

    Args:
        axes: where to draw.
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced; None where the truth is unknown.
        estimate: `(frames,)`, Hz, negative where unvoiced.
    """
    seconds, f0 = np.asarray(times, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if reference is None:
        draw_points(axes, seconds, f0, None)
    else:
        truth = np.asarray(reference, dtype=np.float64)
        draw_reference(axes, seconds, truth)
        draw_points(axes, seconds, f0, classify_frames(truth, f0))


def draw_reference(axes: Axes, seconds: NDArray[np.float64], truth: NDArray[np.float64]) -> None:
    """Draw points of the reference, `(points,)`, s and Hz, those of 0 Hz or less left out."""
    _draw_layer(axes, REFERENCE_POINTS, seconds, truth, truth > 0)


def draw_points(
    axes: Axes, seconds: NDArray[np.float64], f0: NDArray[np.float64], classes: NDArray[np.int8] | None
) -> None:
    """Draw points of an estimate, without a legend and without limits.

    Args:
        axes: where to draw.
        seconds: `(points,)`.
        f0: `(points,)`, Hz, negative where unvoiced.
        classes: `(points,)`, values of `FrameClass`; None where the truth is unknown.
    """
    if classes is None:
        layers = [(style, (f0 > 0) if voiced else (f0 < 0)) for voiced, style in _UNJUDGED.items()]
    else:
        layers = [(style, classes == frame_class) for frame_class, style in STYLES.items()]
    for style, points in layers:
        _draw_layer(axes, style, seconds, f0, points)
    axes.set_ylabel("pitch")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def add_legend(axes: Axes, drawn: Sequence[Axes]) -> None:
    """Put one legend right of `axes`, of what `draw_frames` drew in any of several axes.

    It names the reference first, then the estimates from right to wrong.
    """
    handles: dict[str, Artist] = {}
    for each in drawn:
        artists, names = each.get_legend_handles_labels()
        handles.update(zip(names, artists, strict=True))
    styles = [REFERENCE_POINTS, *reversed(STYLES.values()), *reversed(_UNJUDGED.values())]
    labels = [style.label for style in styles if style.label in handles]
    if not labels:
        return
    legend = axes.legend(
        [handles[label] for label in labels], labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    for line in legend.get_lines():
        line.set_markersize(7.0)


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
        title: shown above, as it is; beside it stand the scores of these frames, if the truth is known.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    scores = "" if reference is None else scores_line(reference, estimate)
    return above_salience(
        lambda axes: draw_pianoroll(axes, times, reference, estimate), times, notes, salience, title, scores
    )


def above_salience(
    draw: Callable[[Axes], None], times: ArrayLike, notes: ArrayLike, salience: ArrayLike, title: str, scores: str = ""
) -> Figure:
    """Whatever `draw` draws over time, above the salience, with a title on the left and scores on the right."""
    times = np.asarray(times, dtype=np.float64)
    figure = Figure(figsize=(12.0, 7.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    draw(upper)
    upper.set_xlabel("")
    upper.set_title(title, loc="left", parse_math=False)
    upper.set_title(scores, loc="right", fontsize="small")
    image = draw_salience(lower, times, notes, salience)
    figure.colorbar(image, cax=lower.inset_axes((1.015, 0.0, 0.012, 1.0)), label="salience")
    if len(times):
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.01
        lower.set_xlim(times[0] - step / 2, times[-1] + step / 2)
    return figure


def _range(notes: NDArray[np.float64]) -> tuple[float, float]:
    lowest, highest = (notes.min(), notes.max()) if len(notes) else (60.0, 60.0)
    widening = max(_MARGIN, (_SMALLEST_SPAN - (highest - lowest)) / 2)
    return float(lowest - widening), float(highest + widening)


def _draw_layer(
    axes: Axes, style: PointStyle, times: NDArray[np.float64], f0: NDArray[np.float64], frames: NDArray[np.bool_]
) -> None:
    if frames.any():
        axes.plot(
            times[frames],
            hz_to_notes(f0[frames]),
            linestyle="none",
            marker="o",
            markersize=style.size,
            markeredgewidth=0,
            color=style.colour,
            label=style.label,
        )
