"""SpecAugment: random masks over bins and frames of features, as augmentation in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

# Multipliers of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) as signed numbers, because torch has no unsigned ones.
_STEP = 0x9E3779B97F4A7C15 - (1 << 64)
_FIRST = 0xBF58476D1CE4E5B9 - (1 << 64)
_SECOND = 0x94D049BB133111EB - (1 << 64)
# Distinguishes these draws from all others with the same seeds.
_PURPOSE = 0x5350454341554721


class SpecAugment(nn.Module):
    """Masks of random width and position over bins and frames, in training only.

    Park, Chan, Zhang, Chiu, Zoph, Cubuk, Le, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
    Recognition", Interspeech 2019; without its time warping. All bounds are inclusive: every width from 1 to the
    largest occurs, at every position where it fits, the last bin and frame included.

    Each item's masks are drawn from its own seed alone, in integers: they are the same on every device, in any batch
    and after any other draws.

    Takes a spectrum `(batch, channels, frames, bins)` or `(batch, frames, bins)`, all channels of which get the same
    masks; seeds `(batch,)` int64 of the items, which may be None in evaluation; and lengths `(batch,)`, the frames of
    each item that time masks are confined to (None: all frames). Gives the same shape. In training it raises a
    ValueError without seeds, or if the spectrum has fewer bins than the widest mask.

    Args:
        frequency_masks: masks over bins of each item; they may overlap.
        max_frequency_width: bins.
        time_masks: masks over frames of each item; they may overlap.
        max_time_width: frames; at most the length of the item.
        p: probability that an item is masked at all.
        value: replaces masked values.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        frequency_masks: int = 2,
        max_frequency_width: int = 27,
        time_masks: int = 2,
        max_time_width: int = 100,
        p: float = 1.0,
        value: float = 0.0,
    ) -> None:
        super().__init__()
        for name, number, least in (
            ("frequency_masks", frequency_masks, 0),
            ("max_frequency_width", max_frequency_width, 1),
            ("time_masks", time_masks, 0),
            ("max_time_width", max_time_width, 1),
        ):
            if number < least:
                raise ValueError(f"{name}: {number}, at least {least} is needed")
        if not 0 <= p <= 1:
            raise ValueError(f"p: {p} is not a probability")
        self.frequency_masks, self.max_frequency_width = frequency_masks, max_frequency_width
        self.time_masks, self.max_time_width = time_masks, max_time_width
        self.p, self.value = p, value

    @override
    def extra_repr(self) -> str:
        return (
            f"{self.frequency_masks} x {self.max_frequency_width} bins, {self.time_masks} x {self.max_time_width} "
            f"frames, p={self.p}, value={self.value}"
        )

    @override
    def forward(self, spectrum: Tensor, seeds: Tensor | None, lengths: Tensor | None = None) -> Tensor:
        if not self.training:
            return spectrum
        if seeds is None:
            raise ValueError("seeds: SpecAugment draws its masks from those of a training batch, and there are none")
        frames, bins = spectrum.shape[-2:]
        if self.frequency_masks and self.max_frequency_width > bins:
            raise ValueError(f"max_frequency_width: {self.max_frequency_width}, but a spectrum has {bins} bins")
        seeds = seeds.to(spectrum.device)
        whole = torch.full_like(seeds, frames)
        lengths = whole if lengths is None else torch.minimum(lengths.to(whole), whole)
        of_bins = _masks(seeds, 1, self.frequency_masks, self.max_frequency_width, torch.full_like(seeds, bins), bins)
        of_frames = _masks(seeds, 2, self.time_masks, self.max_time_width, lengths, frames)
        masked = of_frames[:, :, None] | of_bins[:, None, :]
        masked &= (_draw(seeds, 0, 1) < round(self.p * (1 << 31)))[:, :, None]
        return spectrum.masked_fill(masked.view(len(seeds), *[1] * (spectrum.ndim - 3), frames, bins), self.value)


def _masks(seeds: Tensor, purpose: int, masks: int, max_width: int, lengths: Tensor, size: int) -> Tensor:
    """`(batch, size)` bool, whether a position is under one of `masks` masks within the length `(batch,)`."""
    lengths = lengths[:, None]
    width = 1 + _below(torch.clamp(lengths, max=max_width), _draw(seeds, purpose, masks))
    width = torch.minimum(width, lengths)
    start = _below(lengths - width + 1, _draw(seeds, purpose + 2, masks))
    place = torch.arange(size, device=seeds.device)
    return ((place >= start[..., None]) & (place < (start + width)[..., None])).any(dim=1)


def _below(bound: Tensor, draw: Tensor) -> Tensor:
    """Integers from 0 to below the bound, of draws of 31 bits."""
    return (draw * bound) >> 31


def _draw(seeds: Tensor, purpose: int, numbers: int) -> Tensor:
    """`(batch, numbers)` integers of 31 random bits, a function of seed, purpose and index."""
    key = _mixed(_mixed(seeds ^ _PURPOSE) + purpose)
    return _shifted(_mixed(key[:, None] + _STEP * torch.arange(1, numbers + 1, device=seeds.device)), 33)


def _mixed(bits: Tensor) -> Tensor:
    """SplitMix64's finaliser; products wrap as in unsigned arithmetic."""
    bits = (bits ^ _shifted(bits, 30)) * _FIRST
    bits = (bits ^ _shifted(bits, 27)) * _SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, places: int) -> Tensor:
    """A logical shift to the right."""
    return (bits >> places) & ((1 << (64 - places)) - 1)
