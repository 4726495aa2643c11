"""Losses between logits over a pitch grid and the annotated f0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_modules.pitch_grid import PitchGrid


class PitchLoss(nn.Module, ABC):
    """Compares logits with f0, and says what probabilities the logits stand for."""

    @abstractmethod
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid) -> Tensor:
        """The loss, a scalar.

        Args:
            logits: `(batch, frames, bins)`.
            f0: `(batch, frames)`, Hz, 0 or negative where unvoiced.
            valid: `(batch, frames)` bool, False for frames that only fill the batch up.
            grid: what the bins stand for.
        """

    @abstractmethod
    def salience(self, logits: Tensor) -> Tensor:
        """The probabilities, 0 ... 1, that this loss trains; the shape of the logits."""


class SalienceBCE(PitchLoss):
    """Binary cross-entropy of every bin against a Gaussian around the reference note.

    A bin weighs 1 in voiced and `unvoiced_weight` in unvoiced frames, multiplied by `miss_weight` unless it lies less
    than half a semitone from the reference note (which an unvoiced frame does not have). The target of unvoiced frames
    is all zeros. Invalid frames, and voiced frames whose note the grid does not hold, do not count: their target would
    be wrong. The loss is the weighted sum divided by the number of bins whose weight is not 0; where there are none,
    it is 0 with zero gradients, so that every process takes part in the step.

    Args:
        sigma: standard deviation of the target in semitones.
        unvoiced_weight: 0 learns the pitch of voiced frames only; 1 also teaches silence in all others.
        miss_weight: below 1, errors far from the reference (accompaniment, octaves) are punished less.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, sigma: float = 0.18, unvoiced_weight: float = 0.0, miss_weight: float = 1.0) -> None:
        super().__init__()
        if not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError(f"sigma: {sigma} is not a finite number of semitones greater than 0")
        for name, value in (("unvoiced_weight", unvoiced_weight), ("miss_weight", miss_weight)):
            if not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"{name}: {value} is not a finite number of at least 0")
        self.sigma, self.unvoiced_weight, self.miss_weight = sigma, unvoiced_weight, miss_weight

    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid) -> Tensor:
        """The weighted mean over the bins that count; see PitchLoss for the arguments."""
        _check_shapes(logits, f0, valid, grid)
        f0 = f0.float()
        frame_weight = (grid.covers(f0) + self.unvoiced_weight * (f0 <= 0)) * valid
        weight, count = self._bin_weights(frame_weight[..., None], f0, grid)
        # Weight 0 does not silence a logit that is infinite or not a number; masking does, in the gradient as well.
        logits = logits.float().masked_fill(frame_weight[..., None] == 0, 0.0)
        target = grid.gaussian(f0, self.sigma)
        total = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
        return total / count.clamp_min(1)

    def salience(self, logits: Tensor) -> Tensor:
        """The sigmoid of the logits, float32."""
        return torch.sigmoid(logits.float())

    def _bin_weights(self, frame_weight: Tensor, f0: Tensor, grid: PitchGrid) -> tuple[Tensor, Tensor]:
        """Weights that broadcast over `(batch, frames, bins)`, and how many of the bins have one that is not 0."""
        if self.miss_weight == 1:
            return frame_weight, torch.count_nonzero(frame_weight) * grid.bins
        weight = frame_weight * torch.where(grid.near(f0), 1.0, self.miss_weight)
        return weight, torch.count_nonzero(weight)


def _check_shapes(logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid) -> None:
    if logits.shape != (*f0.shape, grid.bins) or valid.shape != f0.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, f0 {tuple(f0.shape)} and valid {tuple(valid.shape)} "
            f"do not fit each other and a grid of {grid.bins} bins"
        )
