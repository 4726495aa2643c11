"""Options of WaveNet's dilated stack: joining skip connections, cropping context, an initial convolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor
from typing_extensions import override

from architectures.layers import check_positive
from architectures.wavenet.output import Padding, Same


class Skips(ABC):
    """How the skip connections of all layers are joined."""

    def taken(self, layer: int, layers: int) -> bool:
        """Whether a layer, counted from 0, has a skip connection; by default all have one."""
        return True

    def channels(self, each: int, layers: int) -> int:
        """Channels of the result of `join`; by default those of each skip connection."""
        return each

    @abstractmethod
    def join(self, skips: Iterable[Tensor]) -> Tensor:
        """One `(batch, channels, samples)` of those of all layers in order; layers without one have no channels."""


class Sum(Skips):
    """Their sum, as in the paper."""

    @override
    def join(self, skips: Iterable[Tensor]) -> Tensor:
        return reduce(torch.add, skips)  # one after the other, so that none has to be kept


class Concat(Skips):
    """Their concatenation by channel."""

    @override
    def channels(self, each: int, layers: int) -> int:
        return each * layers

    @override
    def join(self, skips: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(skips), dim=1)


class Last(Skips):
    """That of the last layer; the others have none."""

    @override
    def taken(self, layer: int, layers: int) -> bool:
        return layer == layers - 1

    @override
    def join(self, skips: Iterable[Tensor]) -> Tensor:
        return reduce(lambda _, skip: skip, skips)


class Crop(ABC):
    """The samples of context that go on from layer to layer."""

    @abstractmethod
    def kept(self, available: int, needed: int) -> int:
        """Samples kept on one side of the frames, of which the later layers read `needed` at most."""


class CropContext(Crop):
    """Those that the outputs depend on: ever fewer, and none after the last layer.

    The outputs are the same as if every layer had computed the whole window, in a fraction of the time. Zeros beyond
    the window are read only if the context is smaller than the receptive field.
    """

    @override
    def kept(self, available: int, needed: int) -> int:
        return min(available, needed)


class KeepContext(Crop):
    """All of them: the layers after the stack read the context, too.

    Near the ends of the window, the outputs depend on the zeros that layers read beyond it.
    """

    @override
    def kept(self, available: int, needed: int) -> int:
        return available


class InitialConvolution:
    """A convolution before the first dilated layer, with bias and without activation.

    Args:
        kernel: taps.
        padding: None: Same.

    Raises:
        ValueError: the kernel is not positive.
    """

    def __init__(self, kernel: int, padding: Padding | None = None) -> None:
        check_positive(kernel=kernel)
        self.kernel, self.padding = kernel, padding or Same()
