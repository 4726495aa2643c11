"""Pictures of a comparison: the metrics over the tracks, and the track on which the methods differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.pictures import FrameClass, box_plots, classify_frames, compare_methods
from callbacks.predictions.worst_window import worst_window
from datamodules.annotations.f0_series import F0Series
from datamodules.files import make_folder, write_atomically
from experiments.evaluation.scores import Scores
from experiments.evaluation.tables import Pairs, TableFolder
from lightning_modules.metrics import align_series

BOXES, PIANOROLLS = "box_plots.png", "pianorolls.png"
_SECONDS = 20.0  # shown of the track
_LOWEST = 10.0  # Hz, from which `align_series` counts cents


def write_pictures(
    folder: Path, scores: Scores, references: TableFolder, estimates: Mapping[str, TableFolder], pairs: Pairs
) -> None:
    """Write `box_plots.png`, a box for each method and metric, and `pianorolls.png`, one below the other.

    The track is that with the largest difference in overall accuracy, of a single method that with the lowest; of a
    long one, the 20 s in which the methods disagree in most frames.

    Args:
        folder: receives them.
        scores: of the methods.
        references: tables of the truth.
        estimates: tables of each method.
        pairs: of these tables.

    Raises:
        DataError: a file cannot be written.
    """
    track = most_different(scores)
    reference = references.read(pairs.references[track])
    series = {name: tables.read(pairs.estimates[name][track]) for name, tables in estimates.items()}
    figures = {
        BOXES: box_plots(scores.rows(), scores.metrics, "method", f"{len(scores.tracks)} tracks"),
        PIANOROLLS: pianorolls(track, reference, series),
    }
    make_folder(folder)
    for name, figure in figures.items():
        with write_atomically(folder / name) as file:
            figure.savefig(file, format="png", dpi=110)


def most_different(scores: Scores) -> str:
    """The track with the largest difference in overall accuracy, of a single method that with the lowest."""
    accuracy = scores.values[:, :, scores.metrics.index("overall_accuracy")]
    difference = np.ptp(accuracy, axis=0) if len(accuracy) > 1 else -accuracy[0]
    return scores.tracks[int(np.nan_to_num(difference, nan=-np.inf).argmax())]


def pianorolls(
    track: str,
    reference: F0Series,
    estimates: Mapping[str, F0Series],
    seconds: float = _SECONDS,
    shares: bool = False,
) -> Figure:
    """Draw estimates of a track where they disagree most, on the frames of its reference.

    Args:
        track: its name.
        reference: the truth.
        estimates: by method; they are brought to the frames of the reference as for scoring.
        seconds: of the part that is drawn.
        shares: draw beside each how many of its frames are of each class.
    """
    on_reference = {name: estimate_on(reference, estimate) for name, estimate in estimates.items()}
    part = hardest_part(reference, list(on_reference.values()), seconds)
    times = reference.times[part]
    title = f"{track}, {times[0]:.1f} to {times[-1]:.1f} s"
    drawn = {name: f0[part] for name, f0 in on_reference.items()}
    return compare_methods(times, reference.f0[part], drawn, title, shares)


def estimate_on(reference: F0Series, estimate: F0Series) -> NDArray[np.float64]:
    """f0 of an estimate at the times of a reference, `(frames,)`, Hz, negative where unvoiced, as for scoring."""
    frames = align_series(*reference, *estimate)
    pitch = np.where(frames.estimate_cents == 0, 0.0, _LOWEST * 2 ** (frames.estimate_cents / 1200))
    return np.where(frames.estimate_voiced, pitch, -pitch)


def hardest_part(reference: F0Series, estimates: Sequence[NDArray[np.float64]], seconds: float) -> slice:
    """The frames of the seconds in which most are wrong, or, of several estimates, right in some and wrong in others.

    Args:
        reference: the truth.
        estimates: `(frames,)` each, at its times, Hz, negative where unvoiced.
        seconds: of the part.
    """
    classes = np.array([classify_frames(reference.f0, f0) for f0 in estimates])
    right = np.where(reference.f0 > 0, classes == FrameClass.CORRECT, classes != FrameClass.FALSE_ALARM)
    disputed = ~right[0] if len(right) == 1 else right.any(axis=0) & ~right.all(axis=0)
    frames = int(np.searchsorted(reference.times, reference.times[0] + seconds))
    return worst_window(disputed, frames)
