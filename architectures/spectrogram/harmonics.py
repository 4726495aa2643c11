"""Harmonic stacking: the harmonics of each bin of a spectrum as further channels, so that a small kernel reads them.

R. M. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello, "Deep Salience Representations for F0 Estimation in
Polyphonic Music", ISMIR 2017, computes a constant-Q transform for each harmonic. Here one transform with a logarithmic
frequency axis is shifted by whole bins; beyond its ends it is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd import Function
from typing_extensions import override

from architectures.layers import check_positive


@dataclass(frozen=True)
class Harmonics:
    """The multiples of a bin's own frequency that are stacked.

    Args:
        undertones: how many of 1/2, 1/3, 1/4, ...
        overtones: how many of 1, 2, 3, ...; the first is the bin itself.

    Raises:
        ValueError: undertones are negative, or there is no overtone.
    """

    undertones: int = 0
    overtones: int = 1

    def __post_init__(self) -> None:
        if self.undertones < 0:
            raise ValueError(f"undertones: {self.undertones} is negative")
        check_positive(overtones=self.overtones)

    @property
    def multipliers(self) -> list[float]:
        """1/2, 1/3, ..., then 1, 2, 3, ..."""
        return [*(1 / (number + 2) for number in range(self.undertones)), *(n + 1.0 for n in range(self.overtones))]

    @property
    def copies(self) -> int:
        """How many multiples there are."""
        return self.undertones + self.overtones

    def shifts(self, bins_per_semitone: int) -> list[int]:
        """Distance of each multiple in bins, rounded, in the order of `multipliers`."""
        return [round(12 * math.log2(multiplier) * bins_per_semitone) for multiplier in self.multipliers]


FUNDAMENTAL = Harmonics()  # the bin itself alone


class HarmonicStacking(nn.Module):
    """Concatenates shifted copies of a spectrum by channel, each cropped or zero-padded to one width.

    Takes `(batch, channels, frames, bins)` and gives `(batch, copies * channels, frames, width)`, copy by copy. Copy h
    at bin b is the input at bin b + shift h; the fundamental alone is the input cropped to its lowest bins. Another
    number of bins raises a ValueError.

    Args:
        harmonics: the copies and their order.
        bins_per_semitone: of the input.
        bins: of the input.
        width: bins of the output, from the lowest of the input.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, harmonics: Harmonics, bins_per_semitone: int, bins: int, width: int) -> None:
        super().__init__()
        check_positive(bins_per_semitone=bins_per_semitone, bins=bins, width=width)
        self.shifts = harmonics.shifts(bins_per_semitone)
        self.bins, self.width = bins, width

    @override
    def forward(self, spectrum: Tensor) -> Tensor:
        if spectrum.shape[-1] != self.bins:
            raise ValueError(f"spectrum: {spectrum.shape[-1]} bins, where {self.bins} are stacked")
        if self.shifts == [0] and self.bins >= self.width:
            return spectrum[..., : self.width]
        stacked: Tensor = _Stack.apply(spectrum, self.shifts, self.width)  # type: ignore[no-untyped-call]
        return stacked

    @override
    def extra_repr(self) -> str:
        return f"shifts={self.shifts}, bins={self.bins}, width={self.width}"


class _Stack(Function):
    """Writes all copies into one new tensor; backwards, adds all gradients into one.

    Autograd on slices would allocate a tensor for each copy in both directions.
    """

    @override
    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, shifts: Sequence[int], width: int) -> Tensor:
        batch, channels, frames, bins = spectrum.shape
        ctx.shape, ctx.shifts = spectrum.shape, shifts
        stacked = spectrum.new_empty(batch, len(shifts), channels, frames, width)
        for copy, shift in enumerate(shifts):
            first, last = _overlap(shift, bins, width)
            target = stacked[:, copy]
            target[..., :first] = 0
            target[..., first:last] = spectrum[..., first + shift : last + shift]
            target[..., last:] = 0
        return stacked.flatten(1, 2)

    @override
    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        batch, channels, frames, _ = ctx.shape
        copies = gradients[0].reshape(batch, len(ctx.shifts), channels, frames, -1)
        result = copies.new_zeros(ctx.shape)
        for copy, shift in enumerate(ctx.shifts):
            first, last = _overlap(shift, ctx.shape[-1], copies.shape[-1])
            result[..., first + shift : last + shift] += copies[:, copy, ..., first:last]
        return result, None, None


def _overlap(shift: int, bins: int, width: int) -> tuple[int, int]:
    """The range of output bins that the shifted input covers: the first, and the one after the last."""
    first = min(max(-shift, 0), width)
    return first, max(min(bins - shift, width), first)
