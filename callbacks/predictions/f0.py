"""The predicted f0 of every track, as tables."""

from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.items import TrackCallback, voicing_threshold
from callbacks.passes import folder_of
from datamodules.annotations.f0_tables import F0Series, write_f0
from datamodules.files import file_name
from lightning_modules.outputs import PitchTrackOutput, signed_f0


class PredictedF0(TrackCallback):
    """Writes one table per track, times and f0, with negative f0 where unvoiced.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/f0/<track>.csv`; `validation` holds the latest
    validation of fit. Every process writes the tracks it completed.
    """

    def __init__(self) -> None:
        # Times, pitch and confidence of the tracks whose threshold is not yet known.
        self._waiting: dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = {}

    @override
    def begin(self, trainer: Trainer) -> None:
        self._waiting.clear()

    @override
    def collect(self, trainer: Trainer, item: PitchTrackOutput) -> None:
        key, threshold = (item["dataset"], item["track"]), item["threshold"]
        if threshold is None:
            # Copies, because a view would keep a whole batch alive.
            self._waiting[key] = item["times"].copy(), item["pitch"].copy(), item["confidence"].copy()
        else:
            _write(trainer, key, item["times"], signed_f0(item["pitch"], item["confidence"], threshold))

    @override
    def finish(self, trainer: Trainer) -> None:
        for key, (times, pitch, confidence) in self._waiting.items():
            _write(trainer, key, times, signed_f0(pitch, confidence, voicing_threshold(trainer, key[0])))
        self._waiting.clear()


def _write(trainer: Trainer, track: tuple[str, str], times: NDArray[np.float64], f0: NDArray[np.float64]) -> None:
    dataset, name = track
    path = folder_of(trainer, dataset) / "f0" / f"{file_name(name)}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_f0(path, F0Series(times, f0))
