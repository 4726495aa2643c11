"""All frames of the tracks of a set, in one file: what pages and notebooks draw without running the network again."""

from bisect import insort
from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.items import voicing_threshold
from callbacks.passes import SetCallback, folder_of, in_trial
from callbacks.pictures.notes import correct_frames
from callbacks.predictions.set_frames import FramesOfTrack, SetFrames
from callbacks.predictions.worst_window import worst_window
from lightning_modules.outputs import PitchTrackOutput

_FULL = 255  # of a salience of 1


class Worst(NamedTuple):
    """The part of a track with the most wrong frames; sorts the worst first, and of equal ones by id.

    Attributes:
        unknown: whether the track has no annotation.
        right: minus the number of wrong frames.
        name: id of the track.
        first: frame of the track.
        end: frame after the last one.
    """

    unknown: bool
    right: int
    name: str
    first: int
    end: int


class FramesOfSet:
    """The frames of a set so far, and the salience of its worst parts.

    Args:
        excerpts: parts kept, at most.
        notes: float32 `(bins,)`, MIDI note of each bin.
        threshold: of the set; None: not yet known.

    Attributes:
        tracks: by id.
        worst: the worst first.
        salience: uint8 `(frames, bins)`, of the tracks in `worst`.
    """

    def __init__(self, excerpts: int, notes: NDArray[np.float32], threshold: float | None) -> None:
        self._count, self.notes, self.threshold = excerpts, notes, threshold
        self.tracks: dict[str, FramesOfTrack] = {}
        self.worst: list[Worst] = []
        self.salience: dict[str, NDArray[np.uint8]] = {}

    def add(self, track: PitchTrackOutput, seconds: float) -> None:
        """Keep the frames of a track, and its salience if its worst part is among the worst so far."""
        reference = track["reference"]
        frames = FramesOfTrack(
            track["times"].astype(np.float64),  # copies, because a view would keep a whole batch alive
            None if reference is None else reference.astype(np.float32),
            track["pitch"].astype(np.float32),
            track["confidence"].astype(np.float32),
        )
        self.tracks[track["track"]] = frames
        worst = worst_part(track["track"], frames, seconds)
        if self._wants(worst):
            part = track["salience"][worst.first : worst.end].astype(np.float32)
            self._keep(worst, np.rint(_FULL * part.clip(0, 1)).astype(np.uint8))

    def join(self, other: Self) -> None:
        """Add the tracks of another process."""
        self.tracks |= other.tracks
        for worst in other.worst:
            if self._wants(worst):
                self._keep(worst, other.salience[worst.name])

    def _wants(self, worst: Worst) -> bool:
        return worst.name not in self.salience and (
            len(self.worst) < self._count or worst < max(self.worst, default=worst)
        )

    def _keep(self, worst: Worst, salience: NDArray[np.uint8]) -> None:
        insort(self.worst, worst)
        self.salience[worst.name] = salience
        if len(self.worst) > self._count:
            del self.salience[self.worst.pop().name]

    def joined(self, threshold: float) -> SetFrames:
        """Everything in its order, with the threshold of the set."""
        names = sorted(self.tracks)
        tracks = [self.tracks[name] for name in names]
        unknown = [np.full(len(each.times), np.nan, np.float32) for each in tracks]
        references = [
            none if each.reference is None else each.reference for each, none in zip(tracks, unknown, strict=True)
        ]
        saliences = [self.salience[worst.name] for worst in self.worst]
        return SetFrames(
            tracks=np.array(names, dtype=np.str_),
            starts=_bounds([len(each.times) for each in tracks]),
            times=np.concatenate([each.times for each in tracks]),
            reference=np.concatenate(references),
            pitch=np.concatenate([each.pitch for each in tracks]),
            confidence=np.concatenate([each.confidence for each in tracks]),
            threshold=np.array(threshold, dtype=np.float64),
            notes=self.notes,
            salience=np.concatenate([np.zeros((0, len(self.notes)), np.uint8), *saliences]),
            excerpt_track=np.array([names.index(worst.name) for worst in self.worst], dtype=np.int64),
            excerpt_first=np.array([worst.first for worst in self.worst], dtype=np.int64),
            excerpt_rows=_bounds([len(each) for each in saliences]),
        )


class TrackFrames(SetCallback[PitchTrackOutput, FramesOfSet]):
    """Writes the frames of each set of tracks with one pitch in each frame: reference, pitch and confidence.

    The file is `RUN/<validation|validate|test|predict>/<dataset>/frames.npz`, which `SetFrames` describes and reads;
    `validation` holds the latest validation of fit. It also has the salience of a few excerpts: of the tracks with the
    most wrong frames in their worst seconds, those seconds, the worst first, and of equally bad ones the first by id.
    A frame is wrong that is voiced in truth and whose guess is half a semitone off or more, voiced or not. Tracks
    without annotation come last, with their first seconds.

    The file is the same on any number of processes. Until the pass ends 20 bytes a frame are held on the process that
    has the track, and then those of all tracks on each. Every run has this callback; of other items than tracks with
    one pitch it writes nothing.

    Args:
        excerpts: with salience, of each set; 0: none.
        seconds: length of an excerpt.

    Raises:
        ValueError: `excerpts` is negative, or `seconds` is not positive.
    """

    def __init__(self, excerpts: int = 12, seconds: float = 10.0) -> None:
        if excerpts < 0 or not seconds > 0:
            raise ValueError(f"cannot keep the salience of {excerpts=} of {seconds=}")
        super().__init__()
        self.excerpts, self.seconds = excerpts, seconds

    @override
    def _collect(self, trainer: Trainer, outputs: object) -> None:
        if in_trial(trainer) or not isinstance(outputs, Mapping):
            return
        for item in outputs.get("tracks", []):
            if "pitch" in item:
                self.collect(trainer, item)

    @override
    def collect(self, trainer: Trainer, item: PitchTrackOutput) -> None:
        if item["dataset"] not in self.kept:
            self.kept[item["dataset"]] = FramesOfSet(self.excerpts, item["notes"].copy(), item["threshold"])
        self.kept[item["dataset"]].add(item, self.seconds)

    @override
    def write(self, trainer: Trainer, sets: Mapping[str, FramesOfSet]) -> None:
        for dataset, kept in sets.items():
            threshold = voicing_threshold(trainer, dataset) if kept.threshold is None else kept.threshold
            folder = folder_of(trainer, dataset)
            folder.mkdir(parents=True, exist_ok=True)
            kept.joined(threshold).save(folder / "frames.npz")


def worst_part(name: str, track: FramesOfTrack, seconds: float) -> Worst:
    """The frames of a track that last some seconds and of which the most are wrong; the first ones of several.

    All frames of a shorter track, and the first ones of a track without annotation.
    """
    count = len(track.times)
    if count > 1:
        hop = float(track.times[-1] - track.times[0]) / (count - 1)
        count = min(count, max(round(seconds / hop), 1))
    if track.reference is None:
        return Worst(True, 0, name, 0, count)
    true, guess = track.reference.astype(np.float64), track.pitch.astype(np.float64)
    wrong = (true > 0) & ~correct_frames(true, guess)
    part = worst_window(wrong, count)
    return Worst(False, -int(wrong[part].sum()), name, part.start, part.stop)


def _bounds(lengths: NDArray[np.bool_] | list[int]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
