"""The interface of pitch decoders, and decoding frame by frame: the highest bin, or the average around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from typing_extensions import override

from lightning_modules.pitch_grid import PitchGrid


class DecodedPitch(NamedTuple):
    """The pitch of one track.

    Attributes:
        f0: `(frames,)` float32, Hz; greater than 0 in every frame, voiced or not, but 0 where a decoder says that there
            is no pitch.
        confidence: `(frames,)` float32, 0 ... 1; a frame is voiced where this is greater than a threshold.
    """

    f0: Tensor
    confidence: Tensor


class PitchDecoder(ABC):
    """Estimates one pitch for every frame.

    Attributes:
        frame_wise: whether the estimate of a frame depends on that frame alone, so that a track may be decoded in
            runs of frames.
    """

    frame_wise: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        """Decode a track.

        Args:
            salience: `(frames, bins)`, 0 ... 1, one whole track in time order.
            grid: what the bins stand for.

        Raises:
            ValueError: the salience does not fit the grid, or holds a NaN.
        """


class Argmax(PitchDecoder):
    """The bin of the greatest salience (the lowest of equal ones); that salience is the confidence."""

    frame_wise = True

    @override
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        confidence, peak = peaks(salience, grid)
        return DecodedPitch(_f0(peak.float(), grid), confidence)


class LocalAverage(PitchDecoder):
    """The mean of the bins around the greatest one, weighted by their salience; confidence is the greatest salience.

    Where all of these are 0, the lowest bin is taken, as by Argmax.

    Args:
        radius: semitones; bins closer than this to the greatest one are averaged. 0 is the same as Argmax.

    Raises:
        ValueError: the radius is negative.
    """

    frame_wise = True

    def __init__(self, radius: float = 0.5) -> None:
        if not radius >= 0:
            raise ValueError(f"radius: {radius} is not a number of semitones of at least 0")
        self.radius = radius

    @override
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        confidence, peak = peaks(salience, grid)
        return DecodedPitch(average_near(salience, peak, self.radius, grid), confidence)


def average_near(salience: Tensor, bins: Tensor, radius: float, grid: PitchGrid) -> Tensor:
    """f0 of the shape of `bins`, Hz: the mean of the bins closer than `radius` semitones, weighted by their salience.

    Args:
        salience: `(frames, bins)`.
        bins: `(frames, ...)` int64, the centre in each frame, or several; the result where the averaged saliences are
            all 0.
        radius: semitones.
        grid: what the bins stand for.
    """
    reach = max(sum(step / grid.bins_per_semitone < radius for step in range(grid.bins)) - 1, 0)
    steps = torch.arange(-reach, reach + 1, device=salience.device)
    near = bins[..., None] + steps
    inside = (near >= 0) & (near < grid.bins)
    weight = salience.gather(1, near.clamp(0, grid.bins - 1).flatten(1)).view(near.shape).float() * inside
    total = weight.sum(dim=-1)
    shift = (weight * steps).sum(dim=-1) / total
    return _f0(bins + torch.where(total > 0, shift, 0.0), grid)


def peaks(salience: Tensor, grid: PitchGrid) -> tuple[Tensor, Tensor]:
    """The greatest salience of each frame and its bin, `(frames,)` each; checks the salience for all decoders."""
    if salience.ndim != 2 or salience.shape[1] != grid.bins:
        raise ValueError(f"salience: {tuple(salience.shape)} is not (frames, {grid.bins})")
    confidence, peak = salience.max(dim=1)
    # The maximum of a frame with a NaN is NaN: the maxima are enough to find one.
    if not torch.compiler.is_compiling() and bool(confidence.isnan().any()):
        frame = int(confidence.isnan().nonzero()[0, 0])
        raise ValueError(f"salience: not a number (NaN), first in frame {frame}; has the training diverged?")
    return confidence.float(), peak


def _f0(position: Tensor, grid: PitchGrid) -> Tensor:
    """Hz of positions in bins, with a fraction."""
    return grid.hz_of(grid.lowest_note + position / grid.bins_per_semitone)
