"""What a batch holds, in physical units: the only part of the data side that the learning side imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class EvaluationSet:
    """Names and grid of a set that is evaluated track by track; the same object goes with each of its batches.

    A plain class, so that Lightning moves a batch to the device without walking through thousands of names.

    Attributes:
        name: as given in the configuration; metrics are logged under it.
        tracks: id of every track, in the order that `PitchBatch.track` counts.
        rate: samples per second.
        hop: samples between label frames.
        has_truth: whether the recordings are annotated.
    """

    def __init__(self, name: str, tracks: Sequence[str], rate: int, hop: int, has_truth: bool = True) -> None:
        self.name, self.tracks, self.rate, self.hop, self.has_truth = name, tuple(tracks), rate, hop, has_truth

    @property
    def frame_seconds(self) -> float:
        """Seconds between label frames."""
        return self.hop / self.rate

    def __repr__(self) -> str:
        return f"EvaluationSet({self.name!r}, {len(self.tracks)} tracks)"


class PitchBatch(NamedTuple):
    """Excerpts of audio with the f0 of the label frames that they are centred on.

    Attributes:
        audio: `(batch, window)` int16, full scale at 32768; converted to float on the device.
        f0: `(batch, frames)` float32, Hz, 0 where unvoiced.
        valid: `(batch, frames)` bool, False where there is no such frame: beyond a track's end, or an item that only
            fills a rank's batch up. Every loss and metric leaves these out.
        track: `(batch,)` int64, the track's place in `evaluation.tracks` (in training: in the index), -1 for filling.
        frame: `(batch,)` int64, the first label frame's number in its track; its time is frame * hop / rate.
        last: whether this batch ends its track (evaluation only).
        evaluation: the set that is being evaluated; None in training.
    """

    audio: Tensor
    f0: Tensor
    valid: Tensor
    track: Tensor
    frame: Tensor
    last: bool = False
    evaluation: EvaluationSet | None = None
