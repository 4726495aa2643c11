"""Pianorolls with salience, of a few tracks of every set."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import FirstByName, PictureCallback
from callbacks.drawing.media import Picture
from callbacks.items import TrackCallback, voicing_threshold
from callbacks.pictures.pianoroll import pianoroll_with_salience
from datamodules.files import file_name
from lightning_modules.outputs import PitchTrackOutput, signed_f0

_LEAD_IN = 0.5  # s shown before the first voiced frame


class TrackExcerpt(NamedTuple):
    """The part of a track that is drawn; fields as in `PitchTrackOutput`."""

    times: NDArray[np.float64]
    reference: NDArray[np.float32] | None
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]
    salience: NDArray[np.float16]
    notes: NDArray[np.float32]
    threshold: float | None


class ExcerptsOfSet:
    """Excerpts that the user chose, and those of the first other tracks by name: few, as salience is large."""

    def __init__(self, tracks: int) -> None:
        self.first: FirstByName[TrackExcerpt] = FirstByName(tracks)
        self.chosen: dict[str, TrackExcerpt] = {}

    def join(self, other: Self) -> None:
        """Add those of another process."""
        self.first.join(other.first)
        self.chosen |= other.chosen


class Pianorolls(PictureCallback[PitchTrackOutput, ExcerptsOfSet], TrackCallback):
    """Draws fixed excerpts, and the first other tracks of every set by name, whatever the number of processes.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<track>.png`; `validation` holds the
    latest that fit drew, and a logger all of them, under `<stage>/<dataset>/<track>`.

    Args:
        tracks: tracks drawn of each set, besides those of `excerpts`.
        seconds: length of the excerpt, which starts shortly before the first voiced frame.
        excerpts: start and end, s, by the name of the track; drawn in every set that has it.

    Raises:
        ValueError: a number is out of its range, or an excerpt ends before it starts.
    """

    def __init__(
        self,
        tracks: int = 2,
        seconds: float = 20.0,
        every_n_validations: int = 1,
        excerpts: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        if tracks < 0 or seconds <= 0:
            raise ValueError(f"cannot draw {tracks=} of {seconds=}")
        super().__init__(every_n_validations)
        self.tracks = tracks
        self.seconds = seconds
        self.excerpts = dict(excerpts or {})
        for name, (start, end) in self.excerpts.items():
            if not 0 <= start < end:
                raise ValueError(f"excerpts: {name}: from {start} s to {end} s; the start must come before the end")

    @override
    def keep(self, item: PitchTrackOutput) -> None:
        kept, name = self.kept.setdefault(item["dataset"], ExcerptsOfSet(self.tracks)), item["track"]
        if name in self.excerpts:
            kept.chosen[name] = part_of(item, *self.excerpts[name])
        elif kept.first.wants(name):
            kept.first.add(name, first_notes(item, self.seconds))

    @override
    def write(self, trainer: Trainer, sets: Mapping[str, ExcerptsOfSet]) -> None:
        super().write(trainer, sets)
        missing = sorted(set(self.excerpts).difference(*(kept.chosen for kept in sets.values())))
        if missing:
            rank_zero_warn(f"Pianorolls: excerpts: no set has a track named {', '.join(missing)}")

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: ExcerptsOfSet) -> Iterator[Picture]:
        for name, part in sorted((kept.first.named | kept.chosen).items()):
            threshold = voicing_threshold(trainer, dataset) if part.threshold is None else part.threshold
            figure = pianoroll_with_salience(
                times=part.times,
                reference=part.reference,
                estimate=signed_f0(part.pitch, part.confidence, threshold),
                notes=part.notes,
                salience=part.salience,
                title=f"{dataset}: {name}",
            )
            yield Picture(f"pictures/{file_name(name)}", figure, (name,))


def first_notes(track: PitchTrackOutput, seconds: float) -> TrackExcerpt:
    """The part of a track that starts shortly before its first voiced frame.

    The reference says which frames are voiced; without one, those of more than half of the track's highest confidence.
    """
    times, reference, confidence = track["times"], track["reference"], track["confidence"]
    voiced = np.zeros(len(times), dtype=bool) if reference is None else reference > 0
    if not voiced.any():
        voiced = confidence > 0.5 * confidence.max(initial=0.0)
    start = times[np.argmax(voiced)] - _LEAD_IN if len(times) else 0.0
    return part_of(track, start, start + seconds)


def part_of(track: PitchTrackOutput, start: float, end: float) -> TrackExcerpt:
    """The frames of a track from `start` to before `end`, s, copied, because a view would keep the whole track."""
    reference = track["reference"]
    part = slice(*np.searchsorted(track["times"], [start, end]))
    return TrackExcerpt(
        track["times"][part].copy(),
        None if reference is None else reference[part].copy(),
        track["pitch"][part].copy(),
        track["confidence"][part].copy(),
        track["salience"][part].copy(),
        track["notes"],
        track["threshold"],
    )
