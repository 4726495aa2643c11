"""Confusions of notes, errors and the accuracy of each note, over whole sets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import PictureCallback
from callbacks.drawing.media import Picture, Table
from callbacks.items import TrackCallback
from callbacks.pictures.confusion import confusion_matrix, count_confusions
from callbacks.pictures.error_histogram import count_errors, error_histogram
from callbacks.pictures.note_accuracy import count_correct, note_accuracy
from callbacks.pictures.style import note_name
from lightning_modules.outputs import PitchTrackOutput

VectorFormat = Literal["svg", "pdf"]


@dataclass
class FrameCounts:
    """Counts of a set's frames, 135 kB however many there are.

    Attributes:
        confusions: `(128, 128)`, from `count_confusions`.
        errors: `(51,)`, from `count_errors`.
        notes: `(2, 128)`, from `count_correct`.
    """

    confusions: NDArray[np.int64]
    errors: NDArray[np.int64]
    notes: NDArray[np.int64]

    @classmethod
    def of(cls, reference: NDArray[np.float32], pitch: NDArray[np.float32]) -> Self:
        """Counts of one track, `(frames,)`, Hz."""
        return cls(count_confusions(reference, pitch), count_errors(reference, pitch), count_correct(reference, pitch))

    def join(self, other: Self) -> None:
        """Add the counts of other tracks."""
        self.confusions += other.confusions
        self.errors += other.errors
        self.notes += other.notes


class ErrorPictures(PictureCallback[PitchTrackOutput, FrameCounts], TrackCallback):
    """Draws, over all frames of every set, which notes are confused, how large errors are, and how right each note is.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/errors/<picture>.png` and `.tsv` with the counts,
    where the pictures are `confusion`, `error_histogram` and `note_accuracy`; `validation` holds the latest that fit
    drew, and a logger all of them, as images under `<stage>/<dataset>/errors/<picture>` and as tables under
    `<stage>/<dataset>/errors/<picture>_table`.

    The best guess of every frame counts, voiced or not, as in raw pitch accuracy, so that the pictures do not depend on
    the voicing threshold. A set without any reference is left out.

    Args:
        further_formats: formats to save each picture in besides PNG.

    Raises:
        ValueError: `every_n_validations` is below 1, or a format is not known.
    """

    def __init__(self, every_n_validations: int = 1, further_formats: Sequence[VectorFormat] = ()) -> None:
        super().__init__(every_n_validations)
        unknown = set(further_formats).difference(get_args(VectorFormat))
        if unknown:
            known = ", ".join(get_args(VectorFormat))
            raise ValueError(f"further_formats: {', '.join(sorted(unknown))}; there are {known}")
        self.formats = ("png", *further_formats)

    @override
    def keep(self, item: PitchTrackOutput) -> None:
        if item["reference"] is not None:
            self.add(item["dataset"], FrameCounts.of(item["reference"], item["pitch"]))

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: FrameCounts) -> Iterator[Picture | Table]:
        figures = {
            "confusion": confusion_matrix(kept.confusions, f"{dataset}: confusions"),
            "error_histogram": error_histogram(kept.errors, f"{dataset}: errors"),
            "note_accuracy": note_accuracy(kept.notes, f"{dataset}: raw pitch accuracy of each note"),
        }
        tables = _tables(kept)
        for name, figure in figures.items():
            yield Picture(f"errors/{name}", figure, ("errors", name))
            yield Table(f"errors/{name}", ("errors", f"{name}_table"), *tables[name])


def _tables(counts: FrameCounts) -> dict[str, tuple[list[str], list[list[int | str]]]]:
    """Columns and rows by picture; what never occurs has no row."""
    furthest = len(counts.errors) // 2
    correct, frames = counts.notes
    return {
        "confusion": (
            ["reference", "estimate", "frames"],
            [
                [note_name(true), note_name(guess), int(counts.confusions[guess, true])]
                for true, guess in np.argwhere(counts.confusions.T).tolist()
            ],
        ),
        "error_histogram": (
            ["semitones", "frames"],
            [[place - furthest, int(counts.errors[place])] for place in np.flatnonzero(counts.errors).tolist()],
        ),
        "note_accuracy": (
            ["midi", "note", "correct frames", "frames"],
            [
                [int(note), note_name(int(note)), int(correct[note]), int(frames[note])]
                for note in np.flatnonzero(frames)
            ],
        ),
    }
