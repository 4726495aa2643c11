"""Parts of ConvLSTM: convolutions and LSTMs for padded batches whose results do not depend on the padding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import zip_longest

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.masked import MaskedBatchNorm, frame_mask


class SequenceModule(nn.Module):
    """A module on `(batch, channels, frames)` that finds zeros behind each sequence's end, and leaves zeros there."""

    @abstractmethod
    def lengths(self, frames: Tensor) -> Tensor:
        """Frames that it gives, at least 0, for sequences of so many; both `(batch,)` int64."""

    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of a batch.

        Args:
            values: `(batch, channels, frames)`, zeros behind each end; at least one frame comes out of so many.
            lengths: `(batch,)` int64, frames of each sequence.

        Returns:
            `(batch, other channels, other frames)`, zeros behind the ends that `self.lengths(lengths)` tells.
        """


class PlainConvolution(SequenceModule):
    """A convolution with bias and without padding.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: taps.
    """

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(before, after, kernel)

    def lengths(self, frames: Tensor) -> Tensor:
        """`frames - kernel + 1`."""
        return convolved_lengths(self.convolution, frames)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """See SequenceModule."""
        result: Tensor = self.convolution(values)
        return result.masked_fill(~frame_mask(self.lengths(lengths), result.shape[-1])[:, None], 0.0)


class NormalisedConvolution(SequenceModule):
    """A convolution without bias, batch normalisation, and an activation that keeps zeros.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: taps.
        stride: frames between outputs.
        padding: zeros before and behind.
        activation: what follows; None: nothing.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(before, after, kernel, stride, padding, bias=False)
        self.norm = MaskedBatchNorm(after)
        self.activation = activation or nn.Identity()

    def lengths(self, frames: Tensor) -> Tensor:
        """`(frames + 2 padding - kernel) // stride + 1`."""
        return convolved_lengths(self.convolution, frames)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """See SequenceModule."""
        convolved = self.convolution(values)
        result: Tensor = self.activation(self.norm(convolved, frame_mask(self.lengths(lengths), convolved.shape[-1])))
        return result


def convolved_lengths(convolution: nn.Conv1d, frames: Tensor) -> Tensor:
    """Outputs of a convolution on so many frames, at least 0."""
    padding, kernel, stride = int(convolution.padding[0]), convolution.kernel_size[0], convolution.stride[0]
    return ((frames + 2 * padding - kernel) // stride + 1).clamp(min=0)


class MaskedChain(SequenceModule):
    """Modules one behind the other.

    Args:
        modules: in order.
    """

    def __init__(self, *modules: SequenceModule) -> None:
        super().__init__()
        self.chain = nn.ModuleList(modules)

    def lengths(self, frames: Tensor) -> Tensor:
        """Those of the last."""
        for part in self._parts():
            frames = part.lengths(frames)
        return frames

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """See SequenceModule."""
        for part in self._parts():
            values, lengths = part(values, lengths), part.lengths(lengths)
        return values

    def _parts(self) -> Iterator[SequenceModule]:
        for part in self.chain:
            assert isinstance(part, SequenceModule)
            yield part


class MaskedResidual(SequenceModule):
    """A body, a 1×1 convolution with normalisation around it, their sum, ReLU.

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: that of the body, frames between outputs.
        body: from `before` to `after` channels.
    """

    def __init__(self, before: int, after: int, stride: int, body: SequenceModule) -> None:
        super().__init__()
        self.body = body
        self.shortcut = NormalisedConvolution(before, after, 1, stride)

    def lengths(self, frames: Tensor) -> Tensor:
        """`ceil(frames / stride)`."""
        return self.shortcut.lengths(frames)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """See SequenceModule."""
        return functional.relu(self.body(values, lengths) + self.shortcut(values, lengths))


def basic_block(before: int, after: int, stride: int) -> MaskedResidual:
    """The residual block of two convolutions of three frames, the first with the stride.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, with a convolution in
    every shortcut. Parameters: `4 before after + 3 after² + 6 after`.
    """
    body = MaskedChain(
        NormalisedConvolution(before, after, 3, stride, 1, nn.ReLU()), NormalisedConvolution(after, after, 3, 1, 1)
    )
    return MaskedResidual(before, after, stride, body)


def bottleneck(before: int, after: int, stride: int) -> MaskedResidual:
    """The residual block of convolutions of one, three and one frames, the middle one with the stride.

    As `basic_block`; no convolution is wider than the others. Parameters: `2 before after + 4 after² + 8 after`.
    """
    body = MaskedChain(
        NormalisedConvolution(before, after, 1, activation=nn.ReLU()),
        NormalisedConvolution(after, after, 3, stride, 1, nn.ReLU()),
        NormalisedConvolution(after, after, 1),
    )
    return MaskedResidual(before, after, stride, body)


class FirstHalf(SequenceModule):
    """Two bottlenecks that both read the input; only the second is heard, and only its first half.

    Args:
        before: channels of the input.
        after: channels of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.unheard = bottleneck(before, after, 2)
        self.heard = bottleneck(before, after, 1)

    def lengths(self, frames: Tensor) -> Tensor:
        """`ceil(frames / 2)`, those of the one that is not heard."""
        return self.unheard.lengths(frames)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """See SequenceModule."""
        half = self.lengths(lengths)
        heard: Tensor = self.heard(values, lengths)[..., : -(-values.shape[-1] // 2)]
        return heard.masked_fill(~frame_mask(half, heard.shape[-1])[:, None], 0.0)


class MaskedLSTM(nn.Module):
    """Layers of LSTMs that read each sequence forwards, or both ways from its own ends.

    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; A. Graves, J. Schmidhuber,
    "Framewise phoneme classification with bidirectional LSTM", Neural Networks 18, 2005. Its results are those of
    nn.LSTM on packed sequences, which torch takes step by step on CPUs: there this takes a third of the time, since
    every direction is an LSTM on a padded batch, the backward one on sequences that were turned round in place, and
    zeros behind the end change nothing before it. Sequences may be empty, and lengths stay on their device.

    Args:
        inputs: width of the first layer's input.
        hidden: width of each direction.
        layers: how many.
        directions: 1: forwards; 2: both.
        dropout: probability that an output is dropped between layers.

    Attributes:
        width: of the output.
    """

    def __init__(self, inputs: int, hidden: int, layers: int, directions: int, dropout: float) -> None:
        super().__init__()
        self.width = directions * hidden
        widths = [inputs, *[self.width] * (layers - 1)]
        self.forwards = nn.ModuleList(nn.LSTM(width, hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(
            nn.LSTM(width, hidden, batch_first=True) for width in (widths if directions == 2 else ())
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of the last layer.

        Args:
            values: `(batch, frames, inputs)`, at least one frame.
            lengths: `(batch,)` int64, frames of each sequence.

        Returns:
            `(batch, frames, width)`, anything behind each end.
        """
        places = torch.arange(values.shape[1], device=values.device)[None]
        turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)[..., None]
        for layer, (forward, backward) in enumerate(zip_longest(self.forwards, self.backwards)):
            if layer:
                values = self.dropout(values)
            heard = forward(values)[0]
            if backward is None:
                values = heard
            else:
                values = torch.cat([heard, _reordered(backward(_reordered(values, turned))[0], turned)], dim=2)
        return values


def _reordered(values: Tensor, places: Tensor) -> Tensor:
    """`(batch, frames, width)` with frames taken from `places` `(batch, frames, 1)`."""
    return values.gather(1, places.expand_as(values))
