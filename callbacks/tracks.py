"""What the steps of a pitch tracker return for each finished track, and the callback that collects it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from callbacks.run_folder import run_folder


class Track(TypedDict):
    """One track, completed in this batch: an element of `{"tracks": [...]}`, which a step returns.

    Attributes:
        dataset: name of the set the track belongs to.
        track: identifier, safe as a file name.
        times: float64 `(frames,)`, s.
        reference: float32 `(frames,)`, Hz, 0 where unvoiced; None where there is no truth.
        pitch: float32 `(frames,)`, Hz, the best guess, also where it is unvoiced.
        confidence: float32 `(frames,)`, 0 to 1; a frame is voiced where it exceeds the threshold.
        salience: float16 `(frames, bins)`.
        notes: float32 `(bins,)`, MIDI note of each bin.
        threshold: voicing threshold; only in predict, elsewhere it is the metric `<stage>/<dataset>/voicing_threshold`.
    """

    dataset: str
    track: str
    times: NDArray[np.float64]
    reference: NDArray[np.float32] | None
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]
    salience: NDArray[np.float16]
    notes: NDArray[np.float32]
    threshold: NotRequired[float]


def signed_f0(pitch: NDArray[Any], confidence: NDArray[Any], threshold: float) -> NDArray[np.float64]:
    """Pitch in Hz, negative where the frame is unvoiced; compared in float64, as the metrics do."""
    return np.where(confidence.astype(np.float64) > threshold, pitch, -pitch).astype(np.float64)


def stage_of(trainer: Trainer) -> str:
    """The stage as it begins the keys of metrics: `val`, `test` or `predict`."""
    if trainer.testing:
        return "test"
    return "predict" if trainer.predicting else "val"


def folder_of(trainer: Trainer, dataset: str) -> Path:
    """Where files about one set go: `RUN/<validation|validate|test|predict>/<dataset>`, `validation` during fit."""
    function = trainer.state.fn
    assert function is not None
    return run_folder(trainer) / ("validation" if function == TrainerFn.FITTING else function.value) / dataset


def voicing_threshold(trainer: Trainer, dataset: str) -> float:
    """The voicing threshold that was logged for a set; known from `on_validation_end` and `on_test_end` on."""
    key = f"{stage_of(trainer)}/{dataset}/voicing_threshold"
    if key not in trainer.callback_metrics:
        raise MisconfigurationException(f"{key!r} was not logged; logged are: {sorted(trainer.callback_metrics)}")
    return float(trainer.callback_metrics[key])


class TrackCallback(Callback):
    """Sees every finished track of validation, test and predict, except in sanity checks and trial runs.

    Subclasses override `begin`, `collect` and `finish`.
    """

    def begin(self, trainer: Trainer) -> None:
        """Start a pass over the data."""

    def collect(self, trainer: Trainer, track: Track) -> None:
        """Take one finished track; several processes see different tracks."""

    def finish(self, trainer: Trainer) -> None:
        """End the pass; thresholds are known now. Called on every process, with or without tracks."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._begin(trainer)

    def on_validation_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_test_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_predict_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, *_: object) -> None:
        """Collect."""
        self._collect(trainer, outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish."""
        self._finish(trainer)

    def _begin(self, trainer: Trainer) -> None:
        if not _on_trial(trainer):
            run_folder(trainer)  # asked by all processes now, because later only those with a track ask
            self.begin(trainer)

    def _collect(self, trainer: Trainer, outputs: object) -> None:
        if not _on_trial(trainer):
            assert isinstance(outputs, Mapping), 'a step must return {"tracks": [...]}'
            for track in outputs["tracks"]:
                if "pitch" not in track:
                    raise MisconfigurationException(
                        f"trainer.callbacks: {type(self).__name__} is for pitch, which the model does not estimate; "
                        "leave it out"
                    )
                self.collect(trainer, track)

    def _finish(self, trainer: Trainer) -> None:
        if not _on_trial(trainer):
            self.finish(trainer)


def _on_trial(trainer: Trainer) -> bool:
    # Lightning itself keeps no checkpoints and no logs in a trial run.
    return trainer.sanity_checking or bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
