"""Confusions, errors and accuracy per note of whole sets, as files and in Weights & Biases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.intervals import ValidationInterval
from callbacks.passes import folder_of, media_key
from callbacks.pictures.axes import note_name
from callbacks.pictures.confusion import confusion_matrix, count_confusions
from callbacks.pictures.error_histogram import count_errors, error_histogram
from callbacks.pictures.note_accuracy import count_correct, note_accuracy
from callbacks.processes import gathered
from callbacks.tracks import Track, TrackCallback

_DOTS_PER_INCH = 110
VectorFormat = Literal["svg", "pdf"]


class FrameCounts(NamedTuple):
    """All that the pictures of a set are drawn from, 135 kB however many frames it has; they add up.

    Attributes:
        confusions: `(128, 128)`, see `count_confusions`.
        errors: `(51,)`, see `count_errors`.
        notes: `(2, 128)`, see `count_correct`.
    """

    confusions: NDArray[np.int64]
    errors: NDArray[np.int64]
    notes: NDArray[np.int64]

    @classmethod
    def of(cls, reference: NDArray[np.float32], pitch: NDArray[np.float32]) -> "FrameCounts":
        """Counts of one track, `(frames,)`, Hz."""
        return cls(count_confusions(reference, pitch), count_errors(reference, pitch), count_correct(reference, pitch))

    def plus(self, other: "FrameCounts") -> "FrameCounts":
        """Counts of both."""
        return FrameCounts(self.confusions + other.confusions, self.errors + other.errors, self.notes + other.notes)


class ErrorPictures(TrackCallback):
    """Draws, over all frames of every set, which notes are confused, how large errors are, and how right each note is.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/errors/<picture>.png`, where the pictures are
    `confusion`, `error_histogram` and `note_accuracy`; `validation` holds the latest that fit drew, and Weights &
    Biases all of them, as images under `<stage>/<dataset>/errors/<picture>` and as tables of the counts under
    `<stage>/<dataset>/errors/<picture>_table`.

    The best guess of every frame counts, voiced or not, as in raw pitch accuracy, so that the pictures do not depend on
    the voicing threshold. A set without any reference is left out.

    Args:
        every_n_validations: draw at the first and then every n-th validation of a fit.
        further_formats: formats to save each picture in besides PNG.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(self, every_n_validations: int = 1, further_formats: Sequence[VectorFormat] = ()) -> None:
        unknown = set(further_formats).difference(get_args(VectorFormat))
        if unknown:
            known = ", ".join(get_args(VectorFormat))
            raise ValueError(f"further_formats: {', '.join(sorted(unknown))}; there are {known}")
        self._interval = ValidationInterval(every_n_validations)
        self._formats = ("png", *further_formats)
        self._drawing = True
        self._counts: dict[str, FrameCounts] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._counts.clear()
        self._drawing = self._interval.due(trainer)

    def collect(self, trainer: Trainer, track: Track) -> None:
        """Count the frames of a track."""
        if self._drawing and track["reference"] is not None:
            _add(self._counts, track["dataset"], FrameCounts.of(track["reference"], track["pitch"]))

    def finish(self, trainer: Trainer) -> None:
        """Add up what all processes counted, and draw and log on one."""
        if not self._drawing:
            return
        total: dict[str, FrameCounts] = {}
        for counts in gathered(self._counts):
            for dataset, of_process in counts.items():
                _add(total, dataset, of_process)
        if trainer.is_global_zero:
            for dataset, of_set in sorted(total.items()):
                self._draw(trainer, dataset, of_set)
                _log(trainer, dataset, of_set)

    def _draw(self, trainer: Trainer, dataset: str, counts: FrameCounts) -> None:
        for picture, figure in _figures(dataset, counts).items():
            for suffix in self._formats:
                with replacing(_file(trainer, dataset, picture, suffix)) as partial:
                    figure.savefig(partial, format=suffix, dpi=_DOTS_PER_INCH)


def _add(sums: dict[str, FrameCounts], dataset: str, counts: FrameCounts) -> None:
    sums[dataset] = sums[dataset].plus(counts) if dataset in sums else counts


def _figures(dataset: str, counts: FrameCounts) -> dict[str, Figure]:
    return {
        "confusion": confusion_matrix(counts.confusions, f"{dataset}: confusions"),
        "error_histogram": error_histogram(counts.errors, f"{dataset}: errors"),
        "note_accuracy": note_accuracy(counts.notes, f"{dataset}: raw pitch accuracy of each note"),
    }


def _file(trainer: Trainer, dataset: str, picture: str, suffix: str) -> Path:
    return folder_of(trainer, dataset) / "errors" / f"{picture}.{suffix}"


def _tables(counts: FrameCounts) -> dict[str, tuple[list[str], list[list[int | str]]]]:
    """Columns and rows by picture; what never occurs has no row."""
    confusions: list[list[int | str]] = [
        [note_name(true), note_name(guess), int(counts.confusions[guess, true])]
        for true, guess in np.argwhere(counts.confusions.T).tolist()
    ]
    furthest = len(counts.errors) // 2
    errors: list[list[int | str]] = [
        [int(place) - furthest, int(counts.errors[place])] for place in np.flatnonzero(counts.errors)
    ]
    correct, frames = counts.notes
    notes: list[list[int | str]] = [
        [int(note), note_name(int(note)), int(correct[note]), int(frames[note])] for note in np.flatnonzero(frames)
    ]
    return {
        "confusion": (["reference", "estimate", "frames"], confusions),
        "error_histogram": (["semitones", "frames"], errors),
        "note_accuracy": (["midi", "note", "correct frames", "frames"], notes),
    }


def _log(trainer: Trainer, dataset: str, counts: FrameCounts) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            for picture, (columns, data) in _tables(counts).items():
                key = media_key(trainer, dataset, "errors", picture)
                logger.log_image(key, [str(_file(trainer, dataset, picture, "png"))], step=trainer.global_step)
                logger.log_table(f"{key}_table", columns=columns, data=data, step=trainer.global_step)
