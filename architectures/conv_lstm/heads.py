"""Heads of ConvLSTM: from the output of the LSTMs for a frame to the logits of its symbols."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import check_positive, check_probability


class FrameHead(ABC):
    """The layers from the LSTMs' outputs to logits."""

    @abstractmethod
    def layers(self, width: int, symbols: int) -> list[nn.Module]:
        """Modules in order, from `(frames, width)`, of all utterances without padding, to `(frames, symbols)`."""


class LinearHead(FrameHead):
    """One dense layer."""

    @override
    def layers(self, width: int, symbols: int) -> list[nn.Module]:
        return [nn.Linear(width, symbols)]


class TwoLinearHead(FrameHead):
    """Two dense layers with dropout and without a nonlinearity between them.

    Args:
        width: outputs of the first.
        dropout: probability that one of these is dropped.

    Raises:
        ValueError: the width is not positive or the dropout no probability.
    """

    def __init__(self, width: int = 2048, dropout: float = 0.0) -> None:
        check_positive(width=width)
        check_probability(dropout=dropout)
        self.width, self.dropout = width, dropout

    @override
    def layers(self, width: int, symbols: int) -> list[nn.Module]:
        return [nn.Linear(width, self.width), nn.Dropout(self.dropout), nn.Linear(self.width, symbols)]


class NormalisedHead(TwoLinearHead):
    """Two dense layers with normalisation over all frames, dropout and ReLU between them.

    Args:
        width: outputs of the first.
        dropout: probability that one of these is dropped.

    Raises:
        ValueError: the width is not positive or the dropout no probability.
    """

    def __init__(self, width: int = 2048, dropout: float = 0.4) -> None:
        super().__init__(width, dropout)

    @override
    def layers(self, width: int, symbols: int) -> list[nn.Module]:
        return [
            nn.Linear(width, self.width),
            FrameBatchNorm(self.width),
            nn.Dropout(self.dropout),
            nn.ReLU(),
            nn.Linear(self.width, symbols),
        ]


class FrameBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of `(frames, channels)` without padding.

    A batch of fewer than two frames has no variance. In training, too, it is normalised by the running statistics, and
    does not change them.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        if len(input) > 1 or not self.training:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )
