"""CTC phoneme recognition: a convolutional embedding, LSTMs and a dense head.

The systems are those of a course competition on LibriSpeech's cepstral coefficients, with 41 symbols. Their names,
`resnet34` and `resnet50`, denote the kind of block, of which there is one. CTC: A. Graves, S. Fernández, F. Gomez,
J. Schmidhuber, "Connectionist Temporal Classification", ICML 2006.

Difference from the published code: neither normalisations nor LSTMs read the padding.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import SequenceNetwork, Sequences
from architectures.conv_lstm.blocks import (
    FirstHalf,
    MaskedChain,
    MaskedLSTM,
    NormalisedConvolution,
    PlainConvolution,
    SequenceModule,
    basic_block,
    bottleneck,
)
from architectures.conv_lstm.heads import FrameHead, NormalisedHead
from architectures.layers import check_features, check_positive, check_probability
from architectures.masked import frame_mask


class Embedding(ABC):
    """The layers before the LSTMs.

    Attributes:
        stride: frames of features between outputs.
        offset: the frame of features that the first output is centred on; as many frames are lost at the end.
    """

    stride: int = 1
    offset: int = 0

    @abstractmethod
    def channels(self, bins: int) -> int:
        """Width of the output, for so many bins."""

    @abstractmethod
    def module(self, bins: int) -> SequenceModule:
        """From `(batch, bins, frames)` to `(batch, channels(bins), other frames)`."""


class NoEmbedding(Embedding):
    """The features themselves."""

    @override
    def channels(self, bins: int) -> int:
        return bins

    @override
    def module(self, bins: int) -> SequenceModule:
        return MaskedChain()


class PlainConvolutions(Embedding):
    """Convolutions of three frames in series, with bias, without padding and without activation.

    Each loses a frame at both ends and has `3 before after + after` parameters.

    Args:
        widths: channels of each convolution; published are `[64]` and `[64, 256]`.

    Raises:
        ValueError: there are none, or one is not positive.
    """

    def __init__(self, widths: Sequence[int] = (64, 256)) -> None:
        _check_sizes(widths=widths)
        self.widths, self.offset = list(widths), len(widths)

    @override
    def channels(self, bins: int) -> int:
        return self.widths[-1]

    @override
    def module(self, bins: int) -> SequenceModule:
        return MaskedChain(*(PlainConvolution(*pair, kernel=3) for pair in pairwise([bins, *self.widths])))


class BottleneckEmbedding(Embedding):
    """Residual blocks in series, each of convolutions of one, three and one frames.

    Parameters: `2 before after + 4 after² + 8 after` each.

    Args:
        widths: channels of each block.
        strides: frames between outputs of each block.

    Raises:
        ValueError: there are no blocks, a size is not positive, or widths and strides differ in number.
    """

    def __init__(self, widths: Sequence[int] = (256,), strides: Sequence[int] = (2,)) -> None:
        _check_sizes(widths=widths, strides=strides)
        if len(widths) != len(strides):
            raise ValueError(f"strides: {len(strides)} of them for {len(widths)} widths; state one for each block")
        self.widths, self.strides = list(widths), list(strides)
        self.stride = math.prod(self.strides)

    @override
    def channels(self, bins: int) -> int:
        return self.widths[-1]

    @override
    def module(self, bins: int) -> SequenceModule:
        pairs = pairwise([bins, *self.widths])
        return MaskedChain(*(bottleneck(*pair, stride) for pair, stride in zip(pairs, self.strides, strict=True)))


class _OneWidth(Embedding):
    """An embedding of which all layers have one width."""

    def __init__(self, width: int) -> None:
        check_positive(width=width)
        self.width = width

    @override
    def channels(self, bins: int) -> int:
        return self.width


class BasicBlockEmbedding(_OneWidth):
    """One residual block of two convolutions of three frames, with `ceil(frames / stride)` outputs.

    Parameters: `4 bins width + 3 width² + 6 width`.

    Args:
        width: channels.
        stride: frames between outputs.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, width: int = 256, stride: int = 2) -> None:
        super().__init__(width)
        check_positive(stride=stride)
        self.stride = stride

    @override
    def module(self, bins: int) -> SequenceModule:
        return basic_block(bins, self.width, self.stride)


class BlockWithoutShortcut(_OneWidth):
    """A published mistake, kept for comparison: a residual block whose shortcut follows it instead of bypassing it.

    Two convolutions of three frames without padding and one of one frame, in series; two frames are lost at each end.
    Parameters: `3 bins width + 4 width² + 6 width`.

    Args:
        width: channels.

    Raises:
        ValueError: the width is not positive.
    """

    offset = 2

    def __init__(self, width: int = 256) -> None:
        super().__init__(width)

    @override
    def module(self, bins: int) -> SequenceModule:
        return MaskedChain(
            NormalisedConvolution(bins, self.width, kernel=3, activation=nn.ReLU()),
            NormalisedConvolution(self.width, self.width, kernel=3),
            NormalisedConvolution(self.width, self.width, kernel=1, activation=nn.ReLU()),
        )


class DiscardedBottleneck(_OneWidth):
    """A published mistake, kept for comparison: two bottlenecks that both read the features; the first is discarded.

    The second has no stride, but the lengths are those of the first, whose stride is 2: the LSTMs read the first half
    of each utterance. The parameters of the first, as many as those of the second, have no gradients; training on
    several processes needs `ddp_find_unused_parameters_true`.

    Args:
        width: channels of both.

    Raises:
        ValueError: the width is not positive.
    """

    def __init__(self, width: int = 512) -> None:
        super().__init__(width)

    @override
    def module(self, bins: int) -> SequenceModule:
        return FirstHalf(bins, self.width)


def _check_sizes(**lists: Sequence[int]) -> None:
    for name, sizes in lists.items():
        if not sizes:
            raise ValueError(f"{name}: there are none; state at least one")
        check_positive(**{f"{name}[{index}]": size for index, size in enumerate(sizes)})


class ConvLSTM(SequenceNetwork):
    """Embedding, dropout, LSTMs, head; by default the published `resnet34_04`, which was submitted.

    An utterance too short for an embedding without padding has no frames of logits; the others in its batch are not
    affected. Logits are 0 in the padding.

    Args:
        symbols: logits of a frame, the blank among them.
        feature_bins: of each frame of features.
        embedding: the layers before the LSTMs; None: BasicBlockEmbedding.
        hidden: width of each direction of the LSTMs.
        layers: LSTMs in series.
        directions: whether each layer reads the utterance forwards or in both directions.
        dropout: probability that an output is dropped between LSTMs.
        embedding_dropout: probability that an output of the embedding is dropped.
        head: from the LSTMs' outputs to logits; None: NormalisedHead.
        initialisation: of the embedding's convolutions: torch's default, or that of He et al. ("Delving Deep into
            Rectifiers", ICCV 2015), normal with a variance of 2 / (outputs * kernel).

    Raises:
        ValueError: an argument is out of range, or `dropout` is not 0 with a single layer.
    """

    def __init__(
        self,
        symbols: int,
        feature_bins: int,
        embedding: Embedding | None = None,
        hidden: int = 256,
        layers: int = 4,
        directions: Literal["forward", "both"] = "both",
        dropout: float = 0.3,
        embedding_dropout: float = 0.3,
        head: FrameHead | None = None,
        initialisation: Literal["default", "kaiming"] = "default",
    ) -> None:
        super().__init__()
        check_positive(symbols=symbols, feature_bins=feature_bins, hidden=hidden, layers=layers)
        check_probability(dropout=dropout, embedding_dropout=embedding_dropout)
        if layers == 1 and dropout:
            raise ValueError(f"dropout: {dropout} falls between LSTMs, and layers is 1; state 0")
        embedding, head = embedding or BasicBlockEmbedding(), head or NormalisedHead()
        self.symbols, self.bins = symbols, feature_bins
        self.stride, self.offset = embedding.stride, embedding.offset
        self.embedding = embedding.module(feature_bins)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.lstm = MaskedLSTM(
            inputs=embedding.channels(feature_bins),
            hidden=hidden,
            layers=layers,
            directions={"forward": 1, "both": 2}[directions],
            dropout=dropout,
        )
        self.head = nn.Sequential(*head.layers(self.lstm.width, symbols))
        if initialisation == "kaiming":
            self._initialise_kaiming()

    def _initialise_kaiming(self) -> None:
        for module in self.embedding.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @override
    def lengths(self, frames: Tensor) -> Tensor:
        lengths: Tensor = self.embedding.lengths(frames)
        return lengths

    @override
    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        check_features(features, self.bins)
        # Enough for one frame of output, even if it is padding.
        missing = max(0, 2 * self.offset + 1 - features.shape[1])
        values = functional.pad(features, (0, 0, 0, missing)).transpose(1, 2)
        values = values.masked_fill(~frame_mask(lengths, values.shape[-1])[:, None], 0.0)
        embedded = self.embedding_dropout(self.embedding(values, lengths)).transpose(1, 2)
        ends = self.lengths(lengths)
        encoded = self.lstm(embedded, ends)
        if torch.compiler.is_compiling() and not self.training:  # a graph knows no number of frames that exist
            logits = self.head(encoded.flatten(0, 1)).unflatten(0, encoded.shape[:2])
            return Sequences(logits * frame_mask(ends, encoded.shape[1])[..., None], ends)
        # The head gets the frames that exist, so that its normalisation needs no mask.
        existing = frame_mask(ends, encoded.shape[1]).flatten().nonzero().squeeze(1)
        logits = self.head(encoded.flatten(0, 1).index_select(0, existing))
        padded = logits.new_zeros(encoded.shape[0] * encoded.shape[1], self.symbols).index_copy(0, existing, logits)
        return Sequences(padded.unflatten(0, encoded.shape[:2]), ends)
