"""The predicted f0 of every track, as tables."""

from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from callbacks.passes import folder_of
from callbacks.tracks import Track, TrackCallback, signed_f0, voicing_threshold
from datamodules.annotations.f0_tables import F0Series, write_f0
from datamodules.files import file_name


class PredictedF0(TrackCallback):
    """Writes one table per track, times and f0, with negative f0 where unvoiced.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/f0/<track>.csv`; `validation` holds the latest
    validation of fit. Every process writes the tracks it completed.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Forget what an interrupted pass left."""
        self._waiting.clear()

    def collect(self, trainer: Trainer, track: Track) -> None:
        """Keep what a table needs until the threshold is known, which in predict it is already."""
        key = track["dataset"], track["track"]
        if "threshold" in track:
            _write(trainer, key, track["times"], signed_f0(track["pitch"], track["confidence"], track["threshold"]))
        else:
            # Copies, because a view would keep a whole batch alive.
            self._waiting[key] = track["times"].copy(), track["pitch"].copy(), track["confidence"].copy()

    def finish(self, trainer: Trainer) -> None:
        """Write the tables."""
        for key, (times, pitch, confidence) in self._waiting.items():
            _write(trainer, key, times, signed_f0(pitch, confidence, voicing_threshold(trainer, key[0])))
        self._waiting.clear()


def _write(trainer: Trainer, track: tuple[str, str], times: NDArray[np.float64], f0: NDArray[np.float64]) -> None:
    dataset, name = track
    path = folder_of(trainer, dataset) / "f0" / f"{file_name(name)}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_f0(path, F0Series(times, f0))
