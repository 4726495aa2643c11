"""CTC phoneme recognition: a convolutional embedding, LSTMs and a dense head.

The systems are those of a course competition on LibriSpeech's cepstral coefficients, 41 symbols; their names,
`resnet34` and `resnet50`, are of the kind of block: there is only one. CTC: A. Graves, S. Fernández, F. Gomez,
J. Schmidhuber, "Connectionist Temporal Classification", ICML 2006.

Differences from the published code: neither normalisations nor LSTMs know of the padding.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

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
from architectures.feature_shapes import check_features, check_probability
from architectures.layers import check_positive
from architectures.masked import frame_mask


class Embedding(ABC):
    """What stands before the LSTMs.

    Attributes:
        stride: frames of features between outputs.
        offset: frames of features before the one that the first output is centred on; as many are lost at the end.
    """

    stride: int = 1
    offset: int = 0

    @abstractmethod
    def channels(self, bins: int) -> int:
        """Width of its output, for so many bins."""

    @abstractmethod
    def module(self, bins: int) -> SequenceModule:
        """From `(batch, bins, frames)` to `(batch, channels(bins), other frames)`."""


class NoEmbedding(Embedding):
    """The features themselves."""

    def channels(self, bins: int) -> int:
        """As many as bins."""
        return bins

    def module(self, bins: int) -> SequenceModule:
        """Nothing."""
        return MaskedChain()


class PlainConvolutions(Embedding):
    """Convolutions of three frames with bias, without padding and without anything between them.

    Each takes a frame away at both ends. Parameters: `3 before after + after` each.

    Args:
        widths: channels of one after the other; the published are 64, and 64 and 256.

    Raises:
        ValueError: there are none, or one is not positive.
    """

    def __init__(self, widths: Sequence[int] = (64, 256)) -> None:
        _check_widths("widths", widths)
        self.widths, self.offset = list(widths), len(widths)

    def channels(self, bins: int) -> int:
        """Those of the last."""
        return self.widths[-1]

    def module(self, bins: int) -> SequenceModule:
        """The convolutions."""
        return MaskedChain(*(PlainConvolution(*pair, kernel=3) for pair in pairwise([bins, *self.widths])))


class BasicBlockEmbedding(Embedding):
    """One residual block of two convolutions of three frames; `ceil(frames / stride)` come out.

    Parameters: `4 bins width + 3 width² + 6 width`.

    Args:
        width: channels.
        stride: frames between outputs.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, width: int = 256, stride: int = 2) -> None:
        check_positive(width=width, stride=stride)
        self.width, self.stride = width, stride

    def channels(self, bins: int) -> int:
        """`width`."""
        return self.width

    def module(self, bins: int) -> SequenceModule:
        """The block."""
        return basic_block(bins, self.width, self.stride)


class BottleneckEmbedding(Embedding):
    """Residual blocks of convolutions of one, three and one frames, one behind the other.

    Parameters: `2 before after + 4 after² + 8 after` each.

    Args:
        widths: channels of each block.
        strides: frames between its outputs.

    Raises:
        ValueError: there are none, a size is not positive, or there is not a stride for each block.
    """

    def __init__(self, widths: Sequence[int] = (256,), strides: Sequence[int] = (2,)) -> None:
        _check_widths("widths", widths)
        _check_widths("strides", strides)
        if len(widths) != len(strides):
            raise ValueError(f"strides: {len(strides)} of them for {len(widths)} widths; state one for each block")
        self.widths, self.strides = list(widths), list(strides)
        self.stride = math.prod(self.strides)

    def channels(self, bins: int) -> int:
        """Those of the last block."""
        return self.widths[-1]

    def module(self, bins: int) -> SequenceModule:
        """The blocks."""
        pairs = pairwise([bins, *self.widths])
        return MaskedChain(*(bottleneck(*pair, stride) for pair, stride in zip(pairs, self.strides, strict=True)))


class BlockWithoutShortcut(Embedding):
    """A published mistake, for comparison: a residual block whose shortcut stands behind it instead of around it.

    Two convolutions of three frames without padding and one of one frame, in series; four frames are lost. Parameters:
    `3 bins width + 4 width² + 6 width`.

    Args:
        width: channels.

    Raises:
        ValueError: the width is not positive.
    """

    offset = 2

    def __init__(self, width: int = 256) -> None:
        check_positive(width=width)
        self.width = width

    def channels(self, bins: int) -> int:
        """`width`."""
        return self.width

    def module(self, bins: int) -> SequenceModule:
        """The three convolutions."""
        return MaskedChain(
            NormalisedConvolution(bins, self.width, 3, activation=nn.ReLU()),
            NormalisedConvolution(self.width, self.width, 3),
            NormalisedConvolution(self.width, self.width, 1, activation=nn.ReLU()),
        )


class DiscardedBottleneck(Embedding):
    """A published mistake, for comparison: two bottlenecks, of which the second reads the features as the first does.

    It has no stride, but the lengths are those of the first, which has one of 2: the LSTMs read the first half of each
    utterance. The first one's parameters, as many as the second one's, never learn anything; training on several
    processes has to be told so (`ddp_find_unused_parameters_true`).

    Args:
        width: channels of both.

    Raises:
        ValueError: the width is not positive.
    """

    def __init__(self, width: int = 512) -> None:
        check_positive(width=width)
        self.width = width

    def channels(self, bins: int) -> int:
        """`width`."""
        return self.width

    def module(self, bins: int) -> SequenceModule:
        """Both bottlenecks."""
        return FirstHalf(bins, self.width)


def _check_widths(name: str, sizes: Sequence[int]) -> None:
    if not sizes:
        raise ValueError(f"{name}: there are none; state at least one")
    for place, size in enumerate(sizes):
        check_positive(**{f"{name}[{place}]": size})


class ConvLSTM(SequenceNetwork):
    """Embedding, dropout, LSTMs, head; by default the published `resnet34_04`, the one that was submitted.

    An utterance too short for an embedding without padding has no frames of logits, and those of the others in its
    batch are as ever.

    Args:
        symbols: logits of a frame, the blank among them.
        feature_bins: of each frame of features.
        embedding: what stands before the LSTMs; None: BasicBlockEmbedding.
        hidden: width of each direction of the LSTMs.
        layers: LSTMs one behind the other.
        directions: whether each layer reads the utterance forwards or both ways.
        dropout: probability that an output is dropped between LSTMs.
        embedding_dropout: probability that an output of the embedding is dropped.
        head: what makes logits of the LSTMs' outputs; None: NormalisedHead.
        initialisation: of the embedding's convolutions: that of torch, or He et al.'s ("Delving Deep into Rectifiers",
            ICCV 2015), normal with a variance of 2 / (outputs * kernel).

    Attributes:
        stride: frames of features between logits.
        offset: the frame of features that the first logits are centred on.

    Raises:
        ValueError: an argument is out of range, or there is dropout between the layers of a single one.
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
        ways = {"forward": 1, "both": 2}[directions]
        self.lstm = MaskedLSTM(embedding.channels(feature_bins), hidden, layers, ways, dropout)
        self.head = nn.Sequential(*head.layers(self.lstm.width, symbols))
        if initialisation == "kaiming":
            self._initialise_kaiming()

    def _initialise_kaiming(self) -> None:
        for module in self.embedding.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def lengths(self, frames: Tensor) -> Tensor:
        """See SequenceNetwork."""
        lengths: Tensor = self.embedding.lengths(frames)
        return lengths

    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        """See SequenceNetwork; behind each end stand zeros.

        Raises:
            ValueError: the features have another number of bins.
        """
        check_features(features, self.bins)
        # Enough for a frame of output, even if nobody's.
        missing = max(0, 2 * self.offset + 1 - features.shape[1])
        values = functional.pad(features, (0, 0, 0, missing)).transpose(1, 2)
        values = values.masked_fill(~frame_mask(lengths, values.shape[-1])[:, None], 0.0)
        embedded = self.embedding_dropout(self.embedding(values, lengths)).transpose(1, 2)
        ends = self.lengths(lengths)
        encoded = self.lstm(embedded, ends)
        # The head is given the frames that exist, so that no normalisation in it has to know of others.
        existing = frame_mask(ends, encoded.shape[1]).flatten().nonzero().squeeze(1)
        logits = self.head(encoded.flatten(0, 1).index_select(0, existing))
        padded = logits.new_zeros(encoded.shape[0] * encoded.shape[1], self.symbols).index_copy(0, existing, logits)
        return Sequences(padded.unflatten(0, encoded.shape[:2]), ends)
