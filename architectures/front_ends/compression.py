"""What a network is shown of the power in mel bands."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

TINY = 1e-20  # of power; its root is 1e-10, far below one bit of 16


class Compression(nn.Module):
    """A function of the power in mel bands, of each clip by itself.

    Takes power `(batch, frames, bins)`, at least 0, and gives the same shape.
    """

    @override
    @abstractmethod
    def forward(self, power: Tensor) -> Tensor: ...


class Power(Compression):
    """The power as it is."""

    @override
    def forward(self, power: Tensor) -> Tensor:
        return power


class Amplitude(Compression):
    """The root of the power, at least 1e-10, so that it has a gradient in silence; Kapre's `power_melgram=1.0`."""

    @override
    def forward(self, power: Tensor) -> Tensor:
        return power.clamp(min=TINY).sqrt()


class LogPower(Compression):
    """The natural logarithm, `log(power + offset)`.

    Args:
        offset: greater than 0.

    Raises:
        ValueError: it is not.
    """

    def __init__(self, offset: float = 1e-4) -> None:
        super().__init__()
        if not offset > 0:
            raise ValueError(f"offset: {offset} is not positive")
        self.offset = offset

    @override
    def forward(self, power: Tensor) -> Tensor:
        return (power + self.offset).log()


class Decibels(Compression):
    """`10 log10` of the amplitude, the root of the power, relative to the clip's own maximum.

    Kapre subtracts the maximum of the batch, by which the features of a clip depend on the others.

    Args:
        floor: least value, in decibels below 0.

    Raises:
        ValueError: the floor is not negative.
    """

    def __init__(self, floor: float = -80.0) -> None:
        super().__init__()
        if not floor < 0:
            raise ValueError(f"floor: {floor} dB is not below the maximum, which is 0 dB")
        self.floor = floor

    @override
    def forward(self, power: Tensor) -> Tensor:
        decibels = 5 * power.clamp(min=TINY).log10()
        return (decibels - decibels.amax((1, 2), keepdim=True)).clamp(min=self.floor)


class Standardised(Compression):
    """Another compression, less its mean over the clip's frames and bins, over their standard deviation.

    Args:
        compression: the other one.
    """

    def __init__(self, compression: Compression) -> None:
        super().__init__()
        self.compression = compression

    @override
    def forward(self, power: Tensor) -> Tensor:
        values: Tensor = self.compression(power)
        variance, mean = torch.var_mean(values, (1, 2), correction=0, keepdim=True)
        return (values - mean) * variance.clamp(min=TINY).rsqrt()
