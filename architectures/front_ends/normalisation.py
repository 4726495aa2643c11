"""Normalisation of the features of an utterance, coefficient by coefficient, over its own frames."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override


class FeatureNormalisation(nn.Module):
    """Normalises each coefficient of an utterance over its own frames."""

    @override
    @abstractmethod
    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Normalise each utterance.

        Args:
            values: `(batch, frames, bins)`, zeros in the padding.
            mask: `(batch, frames)` bool, False in the padding.

        Returns:
            The same shape; anything in the padding.
        """


class CepstralMeanNormalisation(FeatureNormalisation):
    """Subtracts the mean over the utterance, which removes a constant channel."""

    @override
    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        return values - _mean(values, mask)


class CepstralMeanVarianceNormalisation(FeatureNormalisation):
    """Subtracts the mean over the utterance and divides by the standard deviation.

    Args:
        epsilon: added to the (biased) variance, so that a constant coefficient becomes 0.

    Raises:
        ValueError: epsilon is not positive.
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        super().__init__()
        if not epsilon > 0:
            raise ValueError(f"epsilon: {epsilon} is not positive")
        self.epsilon = epsilon

    @override
    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        centred = (values - _mean(values, mask)).masked_fill(~mask[..., None], 0.0)
        return centred * torch.rsqrt(_mean(centred.square(), mask) + self.epsilon)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """`(batch, 1, bins)` over the frames that exist; `values` are 0 in the padding."""
    return values.sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None]
