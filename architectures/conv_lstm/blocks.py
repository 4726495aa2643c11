"""Convolutions and LSTMs for padded batches whose results do not depend on the padding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import zip_longest

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.masked import MaskedBatchNorm, frame_mask


class SequenceModule(nn.Module):
    """A module on padded batches `(batch, channels, frames)` whose input and output are 0 in the padding."""

    @abstractmethod
    def lengths(self, frames: Tensor) -> Tensor:
        """Frames of the output, at least 0, of sequences of so many; both `(batch,)` int64."""

    @override
    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of a batch.

        Args:
            values: `(batch, channels, frames)`, zeros in the padding; enough frames for one of output.
            lengths: `(batch,)` int64, frames of each sequence.

        Returns:
            `(batch, other channels, other frames)`, zeros from `self.lengths(lengths)` on.
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

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        return convolved_lengths(self.convolution, frames)

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        result: Tensor = self.convolution(values)
        return result.masked_fill(~frame_mask(self.lengths(lengths), result.shape[-1])[:, None], 0.0)


class NormalisedConvolution(SequenceModule):
    """A convolution without bias, batch normalisation, and an activation that maps 0 to 0.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: taps.
        stride: frames between outputs.
        padding: zeros at both ends.
        activation: None: none.
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
        self.convolution = nn.Conv1d(before, after, kernel, stride=stride, padding=padding, bias=False)
        self.norm = MaskedBatchNorm(after)
        self.activation = activation or nn.Identity()

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        return convolved_lengths(self.convolution, frames)

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        convolved = self.convolution(values)
        result: Tensor = self.activation(self.norm(convolved, frame_mask(self.lengths(lengths), convolved.shape[-1])))
        return result


def convolved_lengths(convolution: nn.Conv1d, frames: Tensor) -> Tensor:
    """Outputs of a convolution on so many frames, `(frames + 2 padding - kernel) // stride + 1` or 0."""
    padding, kernel, stride = int(convolution.padding[0]), convolution.kernel_size[0], convolution.stride[0]
    return ((frames + 2 * padding - kernel) // stride + 1).clamp(min=0)


class MaskedChain(SequenceModule):
    """Modules in series.

    Args:
        modules: in order.
    """

    def __init__(self, *modules: SequenceModule) -> None:
        super().__init__()
        self.chain = nn.ModuleList(modules)

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        for part in self._parts():
            frames = part.lengths(frames)
        return frames

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        for part in self._parts():
            values, lengths = part(values, lengths), part.lengths(lengths)
        return values

    def _parts(self) -> Iterator[SequenceModule]:
        for part in self.chain:
            assert isinstance(part, SequenceModule)
            yield part


class MaskedResidual(SequenceModule):
    """A residual block: the sum of a body and a 1×1 projection with normalisation, then ReLU.

    It has `ceil(frames / stride)` outputs.

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: of the body, frames between outputs.
        body: from `before` to `after` channels.
    """

    def __init__(self, before: int, after: int, stride: int, body: SequenceModule) -> None:
        super().__init__()
        self.body = body
        self.shortcut = NormalisedConvolution(before, after, kernel=1, stride=stride)

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        return self.shortcut.lengths(frames)

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return functional.relu(self.body(values, lengths) + self.shortcut(values, lengths))


def basic_block(before: int, after: int, stride: int) -> MaskedResidual:
    """The residual block of two convolutions of three frames, the first with the stride.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, with a projection in
    every shortcut. Parameters: `4 before after + 3 after² + 6 after`.
    """
    body = MaskedChain(
        NormalisedConvolution(before, after, kernel=3, stride=stride, padding=1, activation=nn.ReLU()),
        NormalisedConvolution(after, after, kernel=3, padding=1),
    )
    return MaskedResidual(before, after, stride, body)


def bottleneck(before: int, after: int, stride: int) -> MaskedResidual:
    """The residual block of convolutions of one, three and one frames, the middle one with the stride.

    As `basic_block`; unlike the published block, all convolutions are equally wide. Parameters:
    `2 before after + 4 after² + 8 after`.
    """
    body = MaskedChain(
        NormalisedConvolution(before, after, kernel=1, activation=nn.ReLU()),
        NormalisedConvolution(after, after, kernel=3, stride=stride, padding=1, activation=nn.ReLU()),
        NormalisedConvolution(after, after, kernel=1),
    )
    return MaskedResidual(before, after, stride, body)


class FirstHalf(SequenceModule):
    """Two bottlenecks on the same input; the output is the first half of the second one's, `ceil(frames / 2)` frames.

    Args:
        before: channels of the input.
        after: channels of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.unheard = bottleneck(before, after, stride=2)
        self.heard = bottleneck(before, after, stride=1)

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        return self.unheard.lengths(frames)

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        half = self.lengths(lengths)
        heard: Tensor = self.heard(values, lengths)[..., : -(-values.shape[-1] // 2)]
        return heard.masked_fill(~frame_mask(half, heard.shape[-1])[:, None], 0.0)


class MaskedLSTM(nn.Module):
    """Layers of LSTMs that read each sequence forwards, or in both directions from its own ends.

    Takes `(batch, frames, inputs)`, of at least one frame, and lengths `(batch,)` int64; gives the outputs of the last
    layer, `(batch, frames, width)`, anything in the padding. Sequences may be empty; lengths stay on their device.

    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; A. Graves, J. Schmidhuber,
    "Framewise phoneme classification with bidirectional LSTM", Neural Networks 18, 2005. Its results are those of
    nn.LSTM on packed sequences, which torch computes step by step on CPUs. There this takes a third of the time: each
    direction is an LSTM on the padded batch, the backward one on sequences reversed in place. What follows the end of a
    sequence changes nothing before it.

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

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        frames = torch.arange(values.shape[1], device=values.device)[None]
        reversal = torch.where(frames < lengths[:, None], lengths[:, None] - 1 - frames, frames)[..., None]
        for layer, (forward, backward) in enumerate(zip_longest(self.forwards, self.backwards)):
            if layer:
                values = self.dropout(values)
            outputs = forward(values)[0]
            if backward is not None:
                backwards = _reordered(backward(_reordered(values, reversal))[0], reversal)
                outputs = torch.cat([outputs, backwards], dim=2)
            values = outputs
        return values


def _reordered(values: Tensor, frames: Tensor) -> Tensor:
    """`(batch, frames, width)` with the frames of indices `(batch, frames, 1)`."""
    return values.gather(1, frames.expand(-1, -1, values.shape[2]))
