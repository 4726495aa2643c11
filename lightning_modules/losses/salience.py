"""Losses of logits over a pitch grid against the annotated f0."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from lightning_modules.losses.schedules import WeightSchedule, check_weight, weight_at
from lightning_modules.pitch_grid import PitchGrid


class PitchLoss(nn.Module, ABC):
    """A loss of logits against f0, and the probabilities that such logits mean."""

    @override
    @abstractmethod
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid, step: int = 0) -> Tensor:
        """The loss, a scalar; 0 with zero gradients if no frame counts, so that every process takes part in the step.

        Args:
            logits: `(batch, frames, bins)`.
            f0: `(batch, frames)`, Hz, 0 or negative where unvoiced; `(batch, frames, pitches)` for several at once.
            valid: `(batch, frames)` bool, False for padding, which does not count.
            grid: what the bins stand for.
            step: number of optimiser steps, for scheduled weights.

        Raises:
            ValueError: the shapes do not fit each other and the grid.
            MisconfigurationException: f0 has several pitches, but this loss is for one.
        """

    @abstractmethod
    def salience(self, logits: Tensor) -> Tensor:
        """The probabilities of the bins, float32 0 ... 1, same shape as the logits."""

    def covers(self, f0: Tensor, grid: PitchGrid) -> Tensor:
        """Where f0 `(...)` is voiced and its note can be learned; other voiced frames do not count."""
        return grid.covers(f0)


class SalienceBCE(PitchLoss):
    """Binary cross-entropy of every bin against a Gaussian around the reference note.

    The target of unvoiced frames is all zeros. A bin has weight 1 in voiced frames and `unvoiced_weight` in unvoiced
    ones, multiplied by `miss_weight` unless it lies less than half a semitone from the reference note. Padding does not
    count, nor do voiced frames whose note is outside the grid, because their target would be wrong. The loss is the
    weighted sum divided by the number of bins with a weight other than 0.

    With several pitches, the target of a bin is the greatest of their Gaussians. Such a frame is voiced if any of its
    pitches is, and counts if any of them is on the grid. With `unvoiced_weight` 1 this is the loss of R. Bittner,
    B. McFee, J. Salamon, P. Li and J. P. Bello, "Deep Salience Representations for F0 Estimation in Polyphonic Music",
    ISMIR 2017, computed from logits.

    Args:
        sigma: standard deviation of the target in semitones.
        unvoiced_weight: 0 trains the pitch of voiced frames only; 1 also trains a zero salience in all others.
        miss_weight: below 1, errors far from the reference note (accompaniment, octaves) weigh less.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(
        self, sigma: float = 0.18, unvoiced_weight: float | WeightSchedule = 0.0, miss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError(f"sigma: {sigma} is not a finite number of semitones greater than 0")
        check_weight("unvoiced_weight", unvoiced_weight)
        check_weight("miss_weight", miss_weight)
        self.sigma, self.unvoiced_weight, self.miss_weight = sigma, unvoiced_weight, miss_weight

    @override
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid, step: int = 0) -> Tensor:
        check_shapes(logits, f0, valid, grid)
        pitches = _pitches(f0)
        covered, silent = grid.covers(pitches).any(dim=-1), (pitches <= 0).all(dim=-1)
        frame_weight = (covered + weight_at(self.unvoiced_weight, step) * silent) * valid
        weight, count = self._bin_weights(frame_weight[..., None], pitches, grid)
        # A weight of 0 does not remove an infinite or NaN logit; masking does, from the gradient as well.
        logits = logits.float().masked_fill(frame_weight[..., None] == 0, 0.0)
        target = grid.gaussian(pitches, self.sigma).amax(dim=-2)
        total = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
        return total / count.clamp_min(1)

    @override
    def salience(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits.float())

    def _bin_weights(self, frame_weight: Tensor, pitches: Tensor, grid: PitchGrid) -> tuple[Tensor, Tensor]:
        """Weights that broadcast to `(batch, frames, bins)`, and the number of bins with a weight other than 0."""
        if self.miss_weight == 1:
            return frame_weight, torch.count_nonzero(frame_weight) * grid.bins
        weight = frame_weight * torch.where(grid.near(pitches).any(dim=-2), 1.0, self.miss_weight)
        return weight, torch.count_nonzero(weight)


class SalienceSoftmax(PitchLoss):
    """Cross-entropy of a softmax over the bins against the bin nearest to the reference note.

    The mean over the valid voiced frames whose note is on the grid. The output in unvoiced frames is not trained.
    """

    @override
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid, step: int = 0) -> Tensor:
        check_shapes(logits, f0, valid, grid)
        check_one_pitch(f0, self)
        return _cross_entropy(logits, grid.classes(f0), (self.covers(f0, grid) & valid).float())

    @override
    def salience(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits.float(), dim=-1)


class UnvoicedClassSoftmax(PitchLoss):
    """Cross-entropy of a softmax over the bins, whose lowest bin is no pitch but the class of unvoiced frames.

    The published baseline perceptron was trained so, with unvoiced frames annotated as MIDI note 0; it ended up calling
    all frames unvoiced. Voiced frames nearest to the lowest bin do not count: they cannot be told from unvoiced ones.
    The loss is the weighted sum divided by the number of frames with a weight other than 0.

    Args:
        unvoiced_weight: of unvoiced frames; the weight of voiced ones is 1.

    Raises:
        ValueError: the weight is out of range.
    """

    def __init__(self, unvoiced_weight: float | WeightSchedule = 1.0) -> None:
        super().__init__()
        check_weight("unvoiced_weight", unvoiced_weight)
        self.unvoiced_weight = unvoiced_weight

    @override
    def forward(self, logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid, step: int = 0) -> Tensor:
        check_shapes(logits, f0, valid, grid)
        check_one_pitch(f0, self)
        weight = (self.covers(f0, grid) + weight_at(self.unvoiced_weight, step) * (f0 <= 0)) * valid
        return _cross_entropy(logits, grid.classes(f0), weight)

    @override
    def salience(self, logits: Tensor) -> Tensor:
        # The lowest bin is 0 and no other one, so that no decoder takes it for a pitch. UnvoicedClass knows its
        # probability as what the others leave.
        salience = torch.softmax(logits.float(), dim=-1).clamp_min(torch.finfo(torch.float32).tiny)
        return torch.cat([torch.zeros_like(salience[..., :1]), salience[..., 1:]], dim=-1)

    @override
    def covers(self, f0: Tensor, grid: PitchGrid) -> Tensor:
        return grid.covers(f0) & (grid.classes(f0) > 0)


def _pitches(f0: Tensor) -> Tensor:
    """f0 as `(batch, frames, pitches)`, at least one pitch."""
    f0 = f0.float()
    if f0.ndim == 2:
        return f0[..., None]
    return f0 if f0.shape[-1] else f0.new_zeros(*f0.shape[:-1], 1)


def _cross_entropy(logits: Tensor, classes: Tensor, weight: Tensor) -> Tensor:
    """Σ weight * cross-entropy over the number of frames with a weight other than 0."""
    logits = logits.float().masked_fill(weight[..., None] == 0, 0.0)
    losses = functional.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none")
    return (losses * weight.flatten()).sum() / torch.count_nonzero(weight).clamp_min(1)


def check_shapes(logits: Tensor, f0: Tensor, valid: Tensor, grid: PitchGrid) -> None:
    """Raise ValueError if they do not fit each other."""
    frames = f0.shape[:2]
    if f0.ndim not in (2, 3) or logits.shape != (*frames, grid.bins) or valid.shape != frames:
        raise ValueError(
            f"logits {tuple(logits.shape)}, f0 {tuple(f0.shape)} and valid {tuple(valid.shape)} "
            f"do not fit each other and a grid of {grid.bins} bins"
        )


def check_one_pitch(f0: Tensor, loss: PitchLoss) -> None:
    """Raise MisconfigurationException if there are several pitches in a frame."""
    if f0.ndim == 3:
        # Here, because loading Lightning takes seconds, and a released model needs a salience without training.
        from lightning.fabric.utilities.exceptions import MisconfigurationException

        raise MisconfigurationException(
            f"model.loss: {type(loss).__name__} takes one pitch in each frame, but the data have several; take "
            "SalienceBCE, or data of one voice"
        )
