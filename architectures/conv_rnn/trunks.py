"""The convolutions before the recurrent layer of `ConvRNN`."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.layers import SameConv2d, same_padding, tf_batch_norm_2d


class ConvolutionalTrunk(nn.Module):
    """Convolutions from an image of one channel to feature maps.

    Takes `(batch, 1, frames, bins)` and gives `(batch, channels, *shape(frames, bins))`.

    Attributes:
        channels: of the maps.
    """

    channels: int

    @abstractmethod
    def shape(self, frames: int, bins: int) -> tuple[int, int]:
        """Frames and bins of the maps, for an image of so many.

        Raises:
            ValueError: the image is too small; the message names what.
        """

    @override
    @abstractmethod
    def forward(self, image: Tensor) -> Tensor: ...


def _block(before: int, after: int, kernel: int, pool: nn.Module) -> nn.Sequential:
    """Convolution, ReLU, pooling, then normalisation."""
    return nn.Sequential(SameConv2d(before, after, kernel), nn.ReLU(), pool, tf_batch_norm_2d(after))


class PoolingTrunk(ConvolutionalTrunk):
    """Five convolutions with a pooling that halves the bins after each, and the frames after the first. Model 1.

    The first kernel is 4 by 4, the others are 2 by 2. There must be 2 frames and 32 bins.

    Args:
        widths: channels of the five; None: `[16, 32, 32, 64, 64]`, the published wide trunk. The narrow one is
            `[16, 16, 32, 32, 32]`.

    Raises:
        ValueError: there are not five, or one is not positive.
    """

    def __init__(self, widths: list[int] | None = None) -> None:
        super().__init__()
        widths = [16, 32, 32, 64, 64] if widths is None else widths
        if len(widths) != 5 or min(widths) < 1:
            raise ValueError(f"widths: {widths} are not five positive numbers")
        self.channels = widths[-1]
        later = (_block(before, after, 2, nn.MaxPool2d((1, 2))) for before, after in pairwise(widths))
        self.blocks = nn.Sequential(_block(1, widths[0], 4, nn.MaxPool2d(2)), *later)

    @override
    def shape(self, frames: int, bins: int) -> tuple[int, int]:
        if frames < 2 or bins < 32:
            raise ValueError(f"frames, bins: {frames} and {bins}; the trunk needs at least 2 and 32")
        return frames // 2, bins // 32

    @override
    def forward(self, image: Tensor) -> Tensor:
        maps: Tensor = self.blocks(image)
        return maps


class SameMaxPool2d(nn.MaxPool2d):
    """Max-pooling of 3 by 3 with stride 2 and TensorFlow's 'same' padding, `ceil(n / 2)` outputs."""

    def __init__(self) -> None:
        super().__init__(3, 2)

    @override
    def forward(self, input: Tensor) -> Tensor:
        (top, bottom), (left, right) = (same_padding(size, 3, 2) for size in input.shape[-2:])
        pooled: Tensor = super().forward(functional.pad(input, (left, right, top, bottom), value=float("-inf")))
        return pooled


class OverlappingPoolingTrunk(ConvolutionalTrunk):
    """Four convolutions with an overlapping pooling that halves frames and bins after each. Model 2.

    The kernels are 7×7, 5×5, 3×3 and 3×3. After the network of YerevaNN with one recurrent layer (2016).

    Args:
        widths: channels of the four; None: the published `[16, 32, 32, 32]`.

    Raises:
        ValueError: there are not four, or one is not positive.
    """

    def __init__(self, widths: list[int] | None = None) -> None:
        super().__init__()
        widths = [16, 32, 32, 32] if widths is None else widths
        if len(widths) != 4 or min(widths) < 1:
            raise ValueError(f"widths: {widths} are not four positive numbers")
        self.channels = widths[-1]
        sizes = zip(pairwise([1, *widths]), (7, 5, 3, 3), strict=True)
        self.blocks = nn.Sequential(*(_block(*channels, kernel, SameMaxPool2d()) for channels, kernel in sizes))

    @override
    def shape(self, frames: int, bins: int) -> tuple[int, int]:
        return -(-frames // 16), -(-bins // 16)

    @override
    def forward(self, image: Tensor) -> Tensor:
        maps: Tensor = self.blocks(image)
        return maps


class MobileNetV2Trunk(ConvolutionalTrunk):
    """MobileNetV2 without its classifier, on one channel, with random weights. Model 3.

    M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, in torchvision's
    implementation. It pads even sizes at both ends, Keras at the end only, so that kernels are shifted by one.

    Args:
        width: multiplier of the channels, except for the last layer's 1,280.
        momentum: share of a batch in the running statistics. Keras has 0.001, with which they need thousands of steps;
            raise it for short trainings.

    Raises:
        ValueError: a number is out of range.
    """

    channels = 1280

    def __init__(self, width: float = 0.25, momentum: float = 0.001) -> None:
        super().__init__()
        if not 0 < width <= 1:
            raise ValueError(f"width: {width} is not above 0 and at most 1")
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum: {momentum} is not above 0 and at most 1")
        from torchvision.models import mobilenet_v2  # here, since it takes as long to import as torch

        norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=momentum)
        self.layers: nn.Sequential = mobilenet_v2(weights=None, width_mult=width, norm_layer=norm).features
        first = self.layers[0][0]
        self.layers[0][0] = nn.Conv2d(1, first.out_channels, 3, stride=2, padding=1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)

    @override
    def shape(self, frames: int, bins: int) -> tuple[int, int]:
        return -(-frames // 32), -(-bins // 32)

    @override
    def forward(self, image: Tensor) -> Tensor:
        maps: Tensor = self.layers(image)
        return maps
