"""What all metrics of tracks have in common: counts of every track, and scores at any threshold of the confidence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric
from typing_extensions import override

from lightning_modules.metrics.melody.scores import mean_where_defined

THRESHOLDS = np.arange(100) / 100


class ScoresByThreshold(ABC):
    """The metrics of every track and their means, at any of the thresholds 0, 0.01 ... 0.99 of the confidence.

    Other thresholds raise ValueError (those rounded to float32 do not): the counts do not tell where between two
    thresholds a confidence lies. Tracks without frames are left out.

    Args:
        frames: `(tracks,)`, numbers of frames.
        plain_mean: in the means, undefined metrics have mir_eval's values instead of being left out.
    """

    def __init__(self, frames: NDArray[np.float64], plain_mean: bool) -> None:
        self._seen, self._plain_mean = frames > 0, plain_mean

    @abstractmethod
    def at(self, number: int) -> dict[str, NDArray[np.float64]]:
        """Every metric, `(tracks,)`, at `THRESHOLDS[number]`; NaN where undefined or without frames."""

    @abstractmethod
    def qualities(self) -> NDArray[np.float64]:
        """What the best threshold has the greatest mean of, `(tracks, thresholds)`; any value without frames."""

    @abstractmethod
    def undefined_in_mir_eval(self, name: str) -> float:
        """The value that mir_eval gives an undefined metric; NaN for metrics that it does not have."""

    def best_threshold(self) -> float:
        """The threshold that suits the tracks best on average; ties go to the smallest.

        Raises:
            ValueError: there are no frames.
        """
        if not self._seen.any():
            raise ValueError("threshold: no frame was scored, so that none is best")
        return float(THRESHOLDS[self.qualities()[self._seen].mean(axis=0).argmax()])

    def per_track(self, threshold: float) -> dict[str, Tensor]:
        """Each metric, float64 `(tracks,)` on the CPU; NaN where undefined or without frames."""
        return {name: torch.from_numpy(values) for name, values in self.at(threshold_number(threshold)).items()}

    def means(self, threshold: float) -> dict[str, float]:
        """Each metric's plain mean over the tracks where it is defined; NaN if there are none."""
        seen = torch.from_numpy(self._seen)
        means = {}
        for name, values in self.per_track(threshold).items():
            values = values[seen]
            if self._plain_mean:
                values = values.nan_to_num(nan=self.undefined_in_mir_eval(name))
            means[name] = mean_where_defined(values)
        return means

    def undefined(self, threshold: float) -> dict[str, int]:
        """For each metric, the number of tracks with frames where it is undefined."""
        seen = torch.from_numpy(self._seen)
        return {name: int(values[seen].isnan().sum()) for name, values in self.per_track(threshold).items()}


class TrackCounter(Metric):
    """Counts something of the frames of every track.

    The state is whole numbers in float64, a row for each track, reduced by sum. It is the same for any number of
    processes and any order of updates, and stays float64 if the model is cast.

    Args:
        tracks: size of the evaluation set, over all processes.
        plain_mean: undefined metrics have mir_eval's values in the means.
        shapes: of what is counted of a track, by the name of the state.

    Raises:
        ValueError: there are no tracks.
    """

    full_state_update = False

    def __init__(self, tracks: int, plain_mean: bool, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        if tracks < 1:
            raise ValueError(f"tracks: {tracks} is not at least 1")
        self.tracks, self.plain_mean = tracks, plain_mean
        for name, shape in shapes.items():
            counts = torch.zeros(tracks, *shape, dtype=torch.float64)
            self.add_state(name, counts, dist_reduce_fx="sum", persistent=False)

    @abstractmethod
    def fit(self, reference: Tensor, estimate: Tensor, confidence: Tensor) -> bool:
        """Whether the shapes fit each other."""

    @abstractmethod
    def count(
        self, reference: NDArray[np.float64], estimate: NDArray[np.float64], confidence: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """The counts of some frames, by the name of the state."""

    @abstractmethod
    @override
    def compute(self) -> ScoresByThreshold: ...

    # After a reset in validation the state is inference tensors, which can be written to in this mode only.
    @override
    @torch.inference_mode()
    def update(self, track: int, reference: Tensor, estimate: Tensor, confidence: Tensor) -> None:
        """Add frames to a track.

        Args:
            track: its number, from 0.
            reference: `(frames, ...)`, Hz, 0 or negative where unvoiced.
            estimate: `(frames, ...)`, Hz, the guess, in unvoiced frames too; 0 is no guess, the sign is ignored.
            confidence: as the estimate; it counts where it exceeds the threshold.

        Raises:
            ValueError: there is no such track, the shapes do not fit each other, or a value is not finite.
        """
        if not 0 <= track < self.tracks:
            raise ValueError(f"track: {track} is not one of 0 ... {self.tracks - 1}")
        if not self.fit(reference, estimate, confidence):
            raise ValueError(
                f"track {track}: reference {tuple(reference.shape)}, estimate {tuple(estimate.shape)} and confidence "
                f"{tuple(confidence.shape)} are not series of the same number of frames"
            )
        for name, values in (("reference", reference), ("estimate", estimate), ("confidence", confidence)):
            if not bool(values.isfinite().all()):
                raise ValueError(f"track {track}: {name} has a value that is not finite")
        # On the CPU: a difference right at a tolerance falls to the same side on every device.
        found = self.count(*(each.cpu().double().numpy() for each in (reference, estimate, confidence)))
        for name, counts in found.items():
            row = getattr(self, name)[track]
            row += torch.from_numpy(counts).to(row.device)

    def copied(self, name: str) -> NDArray[np.float64]:
        """What a state holds, `(tracks, ...)`; later updates do not change it."""
        counts: NDArray[np.float64] = getattr(self, name).cpu().numpy().copy()
        return counts

    @override
    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        # Follows the model to its device, but not to its precision: float32 counts wrongly above 2^24 frames.
        return super()._apply(lambda state: state.to(fn(state.new_empty(0)).device), exclude_state)


def threshold_number(threshold: float) -> int:
    """The index of a threshold in THRESHOLDS."""
    (found,) = np.nonzero(np.abs(THRESHOLDS - threshold) < 1e-6)
    if not len(found):
        raise ValueError(f"voicing threshold: {threshold} is not one of 0, 0.01 ... 0.99")
    return int(found[0])
