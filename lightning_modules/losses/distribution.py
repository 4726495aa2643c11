"""A distribution over the pitch grid, learned with soft targets and for the mean around its peak."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from lightning_modules.losses.salience import PitchLoss, check_one_pitch, check_shapes
from lightning_modules.losses.schedules import check_weight
from lightning_modules.pitch_grid import PitchGrid

FINE = 0.1  # semitones: deviations above count linearly, so that wrong octaves do not outweigh all others


class PitchDistribution(PitchLoss):
    """Cross-entropy of a softmax over the bins against a Gaussian around the reference note, which sums to 1.

    Added is how far the mean of the bins near the reference, weighted by their probability, is from it: what
    LocalAverage decodes where the greatest bin is right. It is counted in semitones, squared below 0.1 (Huber's loss).
    Both are means over the valid voiced frames whose note is on the grid; the output of others is not trained.

    Args:
        sigma: standard deviation of the target in semitones.
        deviation_weight: of the deviation; 0 leaves it out.
        radius: semitones; bins closer than this to the one nearest to the reference count in the mean.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, sigma: float = 0.25, deviation_weight: float = 0.0, radius: float = 1.0) -> None:
        super().__init__()
        for name, value in (("sigma", sigma), ("radius", radius)):
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name}: {value} is not a finite number of semitones greater than 0")
        check_weight("deviation_weight", deviation_weight)
        self.sigma, self.deviation_weight, self.radius = sigma, deviation_weight, radius

    @override
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid, step: int = 0) -> Tensor:
        check_shapes(logits, f0, valid, grid)
        check_one_pitch(f0, self)
        counts = self.covers(f0, grid) & valid
        rows = selected if logits.device.type == "cpu" else silenced  # a GPU would be waited for to say how many
        logits, f0, weight = rows(logits.float(), f0, counts, grid)
        target = grid.gaussian(f0, self.sigma)
        target = target / target.sum(dim=-1, keepdim=True).clamp_min(1e-9)
        total = -(weight[:, None] * target * logits.log_softmax(dim=-1)).sum()
        if self.deviation_weight:
            total = total + self.deviation_weight * self._deviation(logits, f0, weight, grid)
        return total / weight.sum().clamp_min(1)

    @override
    def salience(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits.float(), dim=-1)

    def _deviation(self, logits: Tensor, f0: Tensor, note: Tensor, grid: PitchGrid) -> Tensor:
        """The sum over notes."""
        reach = math.ceil(self.radius * grid.bins_per_semitone) - 1
        near = grid.classes(f0)[:, None] + torch.arange(-reach, reach + 1, device=f0.device)
        inside = (near >= 0) & (near < grid.bins)
        near = near.clamp(0, grid.bins - 1)
        weight = logits.gather(1, near).masked_fill(~inside, -math.inf).softmax(dim=-1)
        wanted = (grid.note_of(f0) - grid.lowest_note) * grid.bins_per_semitone
        away = note * (weight * (near - wanted[:, None])).sum(dim=-1) / grid.bins_per_semitone
        return functional.huber_loss(away, torch.zeros_like(away), reduction="sum", delta=FINE) / FINE


def selected(logits: Tensor, f0: Tensor, counts: Tensor, grid: PitchGrid) -> tuple[Tensor, Tensor, Tensor]:
    """The rows that count: logits `(rows, bins)`, f0 `(rows,)` and weights `(rows,)`, all 1."""
    return logits[counts], f0[counts], logits.new_ones(()).expand(int(counts.sum()))


def silenced(logits: Tensor, f0: Tensor, counts: Tensor, grid: PitchGrid) -> tuple[Tensor, Tensor, Tensor]:
    """All rows, as `selected` gives them; those that do not count are of no logit, some note and weight 0."""
    some = 440.0 * 2 ** ((grid.lowest_note - 69) / 12)
    logits, f0 = logits.masked_fill(~counts[..., None], 0.0), f0.masked_fill(~counts, some)
    return logits.flatten(0, 1), f0.flatten(), counts.flatten().to(logits)
