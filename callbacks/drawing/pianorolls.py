"""Pianorolls with salience, of a few tracks of every set."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Generic, NamedTuple, Self

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from matplotlib.figure import Figure
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import FirstByName, PictureCallback
from callbacks.drawing.media import Picture, Sound, Table
from callbacks.drawing.sonified import RATE, sonified
from callbacks.items import MultiPitchCallback, TrackCallback, voicing_threshold
from callbacks.passes import Item, folder_of
from callbacks.pictures.pianoroll import pianoroll_with_salience
from callbacks.pictures.several_pitches import several_pitches_with_salience
from datamodules.files import file_name
from lightning_modules.outputs import MultiPitchTrackOutput, PitchTrackOutput, signed_f0, sounding_f0

_LEAD_IN = 0.5  # s shown before the first voiced frame


class TrackExcerpt(NamedTuple):
    """The part of a track that is drawn; fields as in `PitchTrackOutput`, or the pitches of `MultiPitchTrackOutput`."""

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

    @property
    def named(self) -> dict[str, TrackExcerpt]:
        """All of them, in the order of the tracks' names."""
        return dict(sorted((self.first.named | self.chosen).items()))

    def join(self, other: Self) -> None:
        """Add those of another process."""
        self.first.join(other.first)
        self.chosen |= other.chosen


class TrackPictures(PictureCallback[Item, ExcerptsOfSet], Generic[Item]):
    """Draws fixed excerpts, and the first other tracks of every set by name, whatever the number of processes.

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
    def keep(self, item: Item) -> None:
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
            rank_zero_warn(f"{type(self).__name__}: excerpts: no set has a track named {', '.join(missing)}")

    @abstractmethod
    def estimate(self, part: TrackExcerpt, threshold: float) -> NDArray[np.float64]:
        """The f0 of an excerpt, as `figure` takes it, when its confidence is compared with a threshold."""

    @abstractmethod
    def figure(self, **parts: Any) -> Figure:  # noqa: ANN401 -- of several types
        """The picture: `times`, `reference`, `estimate`, `notes`, `salience`, `title`."""

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: ExcerptsOfSet) -> Iterator[Picture | Table]:
        for name, part in kept.named.items():
            figure = self.figure(
                times=part.times,
                reference=part.reference,
                estimate=self.estimate(part, _threshold(trainer, dataset, part)),
                notes=part.notes,
                salience=part.salience,
                title=f"{dataset}: {name}",
            )
            yield Picture(f"pictures/{file_name(name)}", figure, (name,))


class Pianorolls(TrackPictures[PitchTrackOutput], TrackCallback):
    """Draws tracks of one pitch in each frame: fixed excerpts, and the first other tracks of every set by name.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<track>.png`, and to listen to
    `sounds/<track>_reference.wav` and `sounds/<track>_estimate.wav` with `sounds.tsv`, which names all of them;
    `validation` holds the latest that fit drew, and a logger all of them, under `<stage>/<dataset>/<track>` and
    `<stage>/<dataset>/sounds_table`.

    Args:
        tracks: tracks drawn of each set, besides those of `excerpts`.
        seconds: length of the excerpt, which starts shortly before the first voiced frame.
        excerpts: start and end, s, by the name of the track; drawn in every set that has it.
        sounds: make f0 audible, the reference and, where it is voiced, the estimate. Twenty seconds of both have 640 kB
            in the run folder and, for each validation, in a logger.

    Raises:
        ValueError: a number is out of its range, or an excerpt ends before it starts.
    """

    def __init__(
        self,
        tracks: int = 2,
        seconds: float = 20.0,
        every_n_validations: int = 1,
        excerpts: Mapping[str, tuple[float, float]] | None = None,
        sounds: bool = True,
    ) -> None:
        super().__init__(tracks, seconds, every_n_validations, excerpts)
        self.sounds = sounds

    @override
    def estimate(self, part: TrackExcerpt, threshold: float) -> NDArray[np.float64]:
        return signed_f0(part.pitch, part.confidence, threshold)

    @override
    def figure(self, **parts: Any) -> Figure:
        return pianoroll_with_salience(**parts)

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: ExcerptsOfSet) -> Iterator[Picture | Table]:
        yield from super().draw(trainer, dataset, kept)
        folder = folder_of(trainer, dataset)
        rows = [self._row(trainer, dataset, name, part) for name, part in kept.named.items() if self.sounds]
        written = {f"{cell.name}.wav" for row in rows for cell in row if isinstance(cell, Sound)}
        for stale in folder.glob("sounds/*.wav"):  # of other tracks, or of a run that made them audible
            if f"sounds/{stale.name}" not in written:
                stale.unlink()
        if rows:
            yield Table("sounds", ("sounds_table",), ["id", "reference", "estimate", "picture"], rows)
        else:
            (folder / "sounds.tsv").unlink(missing_ok=True)

    def _row(self, trainer: Trainer, dataset: str, name: str, part: TrackExcerpt) -> list[object]:
        of_file = f"sounds/{file_name(name)}"
        estimate = self.estimate(part, _threshold(trainer, dataset, part))
        reference = None
        if part.reference is not None:
            reference = Sound(f"{of_file}_reference", sonified(part.times, part.reference), RATE)
        picture = folder_of(trainer, dataset) / "pictures" / f"{file_name(name)}.png"
        return [name, reference, Sound(f"{of_file}_estimate", sonified(part.times, estimate), RATE), picture]


class MultiPitchPianorolls(TrackPictures[MultiPitchTrackOutput], MultiPitchCallback):
    """Draws tracks of several pitches in each frame: fixed excerpts, and the first other tracks of every set by name.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<track>.png`; `validation` holds the
    latest that fit drew, and a logger all of them, under `<stage>/<dataset>/<track>`.
    """

    @override
    def estimate(self, part: TrackExcerpt, threshold: float) -> NDArray[np.float64]:
        return sounding_f0(part.pitch, part.confidence, threshold)

    @override
    def figure(self, **parts: Any) -> Figure:
        return several_pitches_with_salience(**parts)


def _threshold(trainer: Trainer, dataset: str, part: TrackExcerpt) -> float:
    return voicing_threshold(trainer, dataset) if part.threshold is None else part.threshold


def first_notes(track: Mapping[str, Any], seconds: float) -> TrackExcerpt:
    """The part of a track that starts shortly before its first voiced frame.

    The reference says which frames are voiced; without one, those of more than half of the track's highest confidence.
    """
    times, reference, confidence = track["times"], track["reference"], track["confidence"]
    voiced = np.zeros(len(times), dtype=bool) if reference is None else reference > 0
    if not voiced.any():
        voiced = confidence > 0.5 * confidence.max(initial=0.0)
    voiced = voiced.reshape(len(times), -1).any(axis=1)  # of several pitches, any
    start = times[np.argmax(voiced)] - _LEAD_IN if len(times) else 0.0
    return part_of(track, start, start + seconds)


def part_of(track: Mapping[str, Any], start: float, end: float) -> TrackExcerpt:
    """The frames of a track from `start` to before `end`, s, copied, because a view would keep the whole track."""
    reference = track["reference"]
    part = slice(*np.searchsorted(track["times"], [start, end]))
    return TrackExcerpt(
        track["times"][part].copy(),
        None if reference is None else reference[part].copy(),
        track["pitch" if "pitch" in track else "pitches"][part].copy(),
        track["confidence"][part].copy(),
        track["salience"][part].copy(),
        track["notes"],
        track["threshold"],
    )
