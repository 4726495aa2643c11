"""Decoding several pitches in each frame: the peaks of the salience."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from lightning_modules.decoding.pitch.peaks import average_near, peaks
from lightning_modules.pitch_grid import PitchGrid


class DecodedPitches(NamedTuple):
    """Candidates for the pitches of one track.

    Attributes:
        f0: `(frames, candidates)` float32, Hz, rising; 0 behind the last one of a frame.
        confidence: `(frames, candidates)` float32, 0 ... 1; a pitch sounds where this is greater than a threshold.
    """

    f0: Tensor
    confidence: Tensor


class MultiPitchDecoder(ABC):
    """Estimates any number of pitches for every frame."""

    @abstractmethod
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitches:
        """Decode a track.

        Args:
            salience: `(frames, bins)`, 0 ... 1, one whole track in time order.
            grid: what the bins stand for.

        Raises:
            ValueError: the salience does not fit the grid, or holds a NaN.
        """


class SaliencePeaks(MultiPitchDecoder):
    """The peaks of the salience along the bins, each with its salience as confidence.

    So R. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello, "Deep Salience Representations for F0 Estimation in
    Polyphonic Music", ISMIR 2017, who take the bins of the peaks (`radius` 0) above a threshold. A peak is greater than
    what is on both sides of it; of several equal bins it is the middle one, and beyond the grid nothing is. The f0 is
    the mean of the bins around it, weighted by their salience.

    Args:
        radius: semitones; bins closer than this to a peak are averaged. 0: f0 is that of the peak's bin.

    Raises:
        ValueError: the radius is negative.
    """

    def __init__(self, radius: float = 0.5) -> None:
        if not radius >= 0:
            raise ValueError(f"radius: {radius} is not a number of semitones of at least 0")
        self.radius = radius

    @override
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitches:
        peaks(salience, grid)  # checks the salience
        found = local_maxima(salience) & (salience > 0)
        frame, bin = found.nonzero(as_tuple=True)
        place = (found.cumsum(dim=1) - 1)[frame, bin]
        width = int(found.sum(dim=1).max()) if len(found) else 0
        bins = salience.new_zeros(len(salience), width, dtype=torch.int64)
        bins[frame, place] = bin
        exists = torch.zeros_like(bins, dtype=torch.bool)
        exists[frame, place] = True
        f0 = average_near(salience, bins, self.radius, grid)
        return DecodedPitches(f0 * exists, salience.gather(1, bins).float() * exists)


def local_maxima(values: Tensor) -> Tensor:
    """Which values exceed those on both sides, bool `(frames, bins)`; of a run of equal ones, the middle one.

    What lies beyond the first and last value counts as lower. Of an even number the lower of the two middle ones.
    """
    bins = torch.arange(values.shape[1], device=values.device)
    rises = functional.pad(values[:, 1:] > values[:, :-1], (1, 0), value=True)
    falls = functional.pad(values[:, 1:] < values[:, :-1], (0, 1), value=True)
    begins = functional.pad(values[:, 1:] != values[:, :-1], (1, 0), value=True)
    ends = functional.pad(values[:, 1:] != values[:, :-1], (0, 1), value=True)
    first = torch.where(begins, bins, 0).cummax(dim=1).values
    last = torch.where(ends, bins, values.shape[1] - 1).flip(1).cummin(dim=1).values.flip(1)
    return (bins == (first + last) // 2) & rises.gather(1, first) & falls.gather(1, last)
