"""The published Transformer under DeepSpeech's convolutions: what its decoder begins with, what becomes of padding."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.deepspeech.deepspeech import BodyNetwork, DeepSpeechBody
from architectures.deepspeech.transformer import check_heads, check_sizes, transformer
from architectures.layers import check_positive
from architectures.masked import frame_mask


class DecoderState(ABC):
    """What the positions of the decoder begin with."""

    @abstractmethod
    def drawn(self, positions: int, width: int) -> Tensor | None:
        """`(positions, width)`, constant from then on and kept in checkpoints; None: zeros."""


class ZeroState(DecoderState):
    """Zeros, so that without dropout nothing distinguishes the positions."""

    @override
    def drawn(self, positions: int, width: int) -> Tensor | None:
        return None


class RandomState(DecoderState):
    """Standard normal numbers, drawn once. The published ones were drawn at every step, also when it was scored."""

    @override
    def drawn(self, positions: int, width: int) -> Tensor | None:
        return torch.randn(positions, width)


class PaddingAttention(ABC):
    """What the Transformer's attention does with the frames of padding."""

    @abstractmethod
    def ignored(self, padding: Tensor) -> Tensor | None:
        """The frames that it ignores, bool `(batch, frames)`, of those that are padding; None: none."""


class IgnorePadding(PaddingAttention):
    """It ignores them, so that an utterance has the same logits alone and in a batch."""

    @override
    def ignored(self, padding: Tensor) -> Tensor | None:
        return padding


class AttendToPadding(PaddingAttention):
    """It reads them like silence: the logits of an utterance depend on how long the others of its batch are."""

    @override
    def ignored(self, padding: Tensor) -> Tensor | None:
        return None


class PublishedTransformerNetwork(BodyNetwork):
    """The published network. In training, its head refuses a batch of one clip, which has no statistics.

    Args:
        classes: logits.
        positions: of the decoder.
        body: the Transformer.
        state: what the positions begin with.
        attention: what becomes of the padding.
    """

    state: Tensor | None

    def __init__(
        self, classes: int, positions: int, body: nn.Transformer, state: DecoderState, attention: PaddingAttention
    ) -> None:
        super().__init__()
        width: int = body.d_model
        self.positions, self.attention = positions, attention
        self.body = body
        self.head = nn.Sequential(
            *(nn.BatchNorm1d(positions * width), nn.Linear(positions * width, 2048)),
            *(nn.BatchNorm1d(2048), nn.ReLU(), nn.Linear(2048, 1024)),
            *(nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, classes, bias=False)),
        )
        self.register_buffer("state", state.drawn(positions, width))

    def decode(self, values: Tensor, lengths: Tensor) -> Tensor:
        """The output of the decoder, `(batch, positions, width)`; the arguments are those of `forward`."""
        ignored = self.attention.ignored(~frame_mask(lengths, values.shape[1]))
        shape = len(values), self.positions, values.shape[2]
        queries = values.new_zeros(shape) if self.state is None else self.state.expand(shape)
        decoded: Tensor = self.body(values, queries, src_key_padding_mask=ignored, memory_key_padding_mask=ignored)
        return decoded

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        if self.training and len(values) == 1:
            raise ValueError(
                "values: a training batch of one clip, but the published head normalises over the batch; "
                "use a larger batch, or QueryTransformer"
            )
        logits: Tensor = self.head(self.decode(values, lengths).flatten(1))
        return logits


class PublishedTransformer(DeepSpeechBody):
    """The published Transformer: as wide as the convolutions, no positions of frames, batch normalisation in the head.

    With 161 bins, 3 classes and 2 and 2 layers, the network has 237,379,488 parameters with 64 positions, 108,278,688
    with 16. Its mistakes are kept: the order of the frames after the convolutions does not matter, and from ZeroState
    all positions give the same vector. Whether its attention ignored the padding is not known.

    A head count that does not divide the features raises a ValueError when the network is built.

    Args:
        positions: of the decoder; the published T.
        encoder_layers: how many.
        decoder_layers: how many.
        heads: of every attention; not published, 8 is torch's default. The number of parameters is the same.
        feedforward: hidden units of each layer.
        dropout: probability, in all parts of the Transformer.
        state: what the positions begin with; None: ZeroState.
        attention: what becomes of the padding; None: IgnorePadding.

    Raises:
        ValueError: a number is out of range; the message names it.
    """

    def __init__(
        self,
        positions: int = 64,
        encoder_layers: int = 2,
        decoder_layers: int = 2,
        heads: int = 8,
        feedforward: int = 2048,
        dropout: float = 0.1,
        state: DecoderState | None = None,
        attention: PaddingAttention | None = None,
    ) -> None:
        check_positive(positions=positions)
        check_sizes(heads, encoder_layers, decoder_layers, feedforward, dropout)
        self.positions, self.layers, self.heads = positions, (encoder_layers, decoder_layers), heads
        self.feedforward, self.dropout = feedforward, dropout
        self.state, self.attention = state or ZeroState(), attention or IgnorePadding()

    @override
    def network(self, features: int, classes: int) -> PublishedTransformerNetwork:
        check_heads(self.heads, features)
        body = transformer(features, self.heads, self.layers, self.feedforward, self.dropout, norm_first=False)
        return PublishedTransformerNetwork(classes, self.positions, body, self.state, self.attention)


class ZeroQueryTransformer(PublishedTransformer):
    """The name that PublishedTransformer had, kept for configurations of then; its defaults are theirs."""
