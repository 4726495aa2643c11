"""The pitch grid: the note of each bin of a salience, and training targets on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MOST = 1000  # semitones, and bins of one
FARTHEST = 300  # a note of 275 MHz; notes in Hz have to stay within floats


@dataclass(frozen=True)
class PitchGrid:
    """Equally spaced pitches: bin j is the note `lowest_note + j / bins_per_semitone`.

    A note is a MIDI note number with a fraction; 69 is 440 Hz. f0 is in Hz, 0 or negative where unvoiced. The methods
    take f0 of any shape `(...)` and compute in float32 (float64 if given float64).

    Args:
        lowest_note: note of bin 0.
        semitones: range; the highest bin is one bin below `lowest_note + semitones`.
        bins_per_semitone: resolution.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    lowest_note: float = 24.0
    semitones: int = 72
    bins_per_semitone: int = 5

    def __post_init__(self) -> None:
        if not abs(self.lowest_note) <= FARTHEST:
            raise ValueError(f"lowest_note: {self.lowest_note} is no MIDI note number from {-FARTHEST} to {FARTHEST}")
        for name in ("semitones", "bins_per_semitone"):
            value = getattr(self, name)
            if not 1 <= value <= MOST or value != int(value):
                raise ValueError(f"{name}: {value} is not a whole number from 1 to {MOST}")

    @property
    def bins(self) -> int:
        """Number of bins."""
        return self.semitones * self.bins_per_semitone

    def notes(self, device: torch.device | str | None = None) -> Tensor:
        """The note of each bin, float32 `(bins,)`."""
        return self.lowest_note + torch.arange(self.bins, device=device, dtype=torch.float32) / self.bins_per_semitone

    @staticmethod
    def note_of(f0: Tensor) -> Tensor:
        """The note of a frequency in Hz greater than 0; undefined for other values."""
        return 69 + 12 * torch.log2(_single_or_double(f0) / 440)

    @staticmethod
    def hz_of(note: Tensor) -> Tensor:
        """The frequency of a note, Hz."""
        return 440 * torch.exp2((_single_or_double(note) - 69) / 12)

    def covers(self, f0: Tensor) -> Tensor:
        """Where f0 is voiced and at most half a bin outside the outermost bins, bool `(...)`."""
        return self._covers(self._position(f0))

    def classes(self, f0: Tensor) -> Tensor:
        """The nearest bin, int64 `(...)`; an outermost bin outside the grid, 0 where unvoiced (mask with `covers`)."""
        return (self._position(f0) + 0.5).floor().clamp(0, self.bins - 1).long()

    @torch.no_grad()
    def gaussian(self, f0: Tensor, sigma: float) -> Tensor:
        """A Gaussian around f0, 1 at its peak; all zeros where f0 is unvoiced or not covered.

        Args:
            f0: Hz, `(...)`.
            sigma: standard deviation in semitones.

        Returns:
            `(..., bins)`.

        Raises:
            ValueError: sigma is not greater than 0.
        """
        if not sigma > 0:
            raise ValueError(f"sigma: {sigma} is not greater than 0")
        exponent = self._distances(f0).square_().mul_(-0.5 / (sigma * self.bins_per_semitone) ** 2)
        # exp is several times slower where it underflows, which is nearly everywhere: clamp, then set to 0.
        return functional.threshold(exponent.clamp_(min=-80).exp_(), 1e-30, 0.0, inplace=True)

    @torch.no_grad()
    def near(self, f0: Tensor, semitones: float = 0.5) -> Tensor:
        """Which bins are closer to f0 than so many semitones, `(..., bins)`; none where unvoiced or not covered."""
        return self._distances(f0).abs_() < semitones * self.bins_per_semitone

    def _position(self, f0: Tensor) -> Tensor:
        """f0 in bins from bin 0; minus infinity where unvoiced."""
        position = (self.note_of(f0) - self.lowest_note) * self.bins_per_semitone
        return position.masked_fill(~(f0 > 0), -math.inf)

    def _covers(self, position: Tensor) -> Tensor:
        return (position >= -0.5) & (position < self.bins - 0.5)

    def _distances(self, f0: Tensor) -> Tensor:
        """Distance of every bin from f0, in bins, `(..., bins)`; infinite where unvoiced or not covered."""
        position = self._position(f0)
        position = position.masked_fill(~self._covers(position), math.inf)
        return torch.arange(self.bins, device=f0.device, dtype=position.dtype) - position[..., None]


def _single_or_double(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
