"""The predicted f0 of every track, as tables."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.items import MultiPitchCallback, TrackCallback, voicing_threshold
from callbacks.passes import Item, PassCallback, folder_of
from datamodules.annotations.f0_tables import F0Series, MultiF0Series, write_f0, write_multi_f0
from datamodules.files import file_name
from lightning_modules.outputs import MultiPitchTrackOutput, PitchTrackOutput, signed_f0, sounding_f0


class DecodedTrack(NamedTuple):
    """Fields of `PitchTrackOutput`, or the pitches of `MultiPitchTrackOutput`."""

    times: NDArray[np.float64]
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]


class TrackTables(PassCallback[Item], Generic[Item]):
    """Writes one table per track when the threshold of its set is known; every process those of its own tracks.

    Attributes:
        place: of a table in the folder of its set, with the track's name for `{}`.
    """

    place: ClassVar[str]

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], DecodedTrack] = {}  # those whose threshold is not yet known

    @abstractmethod
    def write(self, path: Path, track: DecodedTrack, threshold: float) -> None:
        """Write a track, whose confidence is compared with a threshold."""

    @override
    def begin(self, trainer: Trainer) -> None:
        self._waiting.clear()

    @override
    def collect(self, trainer: Trainer, item: Item) -> None:
        key, threshold = (item["dataset"], item["track"]), item["threshold"]
        track = DecodedTrack(item["times"], item[self.field], item["confidence"])
        if threshold is None:
            # Copies, because a view would keep a whole batch alive.
            self._waiting[key] = DecodedTrack(track.times.copy(), track.pitch.copy(), track.confidence.copy())
        else:
            self.write(self._path(trainer, *key), track, threshold)

    @override
    def finish(self, trainer: Trainer) -> None:
        for key, track in self._waiting.items():
            self.write(self._path(trainer, *key), track, voicing_threshold(trainer, key[0]))
        self._waiting.clear()

    def _path(self, trainer: Trainer, dataset: str, track: str) -> Path:
        path = folder_of(trainer, dataset) / self.place.format(file_name(track))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class PredictedF0(TrackTables[PitchTrackOutput], TrackCallback):
    """Writes one table per track, times and f0, with negative f0 where unvoiced.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/f0/<track>.csv`; `validation` holds the latest
    validation of fit. Every process writes the tracks it completed.
    """

    place = "f0/{}.csv"

    @override
    def write(self, path: Path, track: DecodedTrack, threshold: float) -> None:
        write_f0(path, F0Series(track.times, signed_f0(track.pitch, track.confidence, threshold)))


class PredictedMultiF0(TrackTables[MultiPitchTrackOutput], MultiPitchCallback):
    """Writes one table per track, times and the f0 of each sounding pitch, as mir_eval.multipitch reads them.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/multi_f0/<track>.tsv`; `validation` holds the latest
    validation of fit. Every process writes the tracks it completed. A row without an f0 is silent.
    """

    place = "multi_f0/{}.tsv"

    @override
    def write(self, path: Path, track: DecodedTrack, threshold: float) -> None:
        write_multi_f0(path, MultiF0Series(track.times, sounding_f0(track.pitch, track.confidence, threshold)))
