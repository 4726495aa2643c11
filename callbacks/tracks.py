"""What the steps of a pitch tracker return for each finished track, and the callback that collects it."""

from typing import Any, NotRequired, TypedDict

import numpy as np
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from callbacks.passes import PassCallback, stage_of


class Track(TypedDict):
    """One track, completed in this batch: an element of `{"tracks": [...]}`, which a step returns.

    Attributes:
        dataset: name of the set the track belongs to.
        track: identifier; files are named by `file_name` of it.
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


def voicing_threshold(trainer: Trainer, dataset: str) -> float:
    """The voicing threshold that was logged for a set; known from `on_validation_end` and `on_test_end` on."""
    key = f"{stage_of(trainer)}/{dataset}/voicing_threshold"
    if key not in trainer.callback_metrics:
        raise MisconfigurationException(f"{key!r} was not logged; logged are: {sorted(trainer.callback_metrics)}")
    return float(trainer.callback_metrics[key])


class TrackCallback(PassCallback[Track]):
    """Sees every finished track, see `PassCallback`."""

    items = "tracks"
    field = "pitch"
    purpose = "pitch, which the model does not estimate"
