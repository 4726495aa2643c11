"""A Transformer as the body of `DeepSpeechClassifier`: the encoder reads the frames, the decoder a few queries.

A. Vaswani et al., "Attention Is All You Need", NIPS 2017. The published classifiers are `PublishedTransformer`.
`QueryTransformer` corrects its mistakes.
"""

from __future__ import annotations

from itertools import pairwise
from math import log

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures.deepspeech.deepspeech import BodyNetwork, DeepSpeechBody
from architectures.layers import check_positive, check_probability
from architectures.masked import frame_mask


def sinusoidal_positions(frames: int, width: int, device: torch.device | None = None) -> Tensor:
    """`(frames, width)` sines and cosines of positions, with wavelengths from 2 pi to nearly 20,000 pi frames.

    Args:
        frames: how many.
        width: an even number.
        device: of the result.
    """
    slowness = torch.arange(0, width, 2, device=device) * (-log(10000.0) / width)
    phase = torch.arange(frames, device=device)[:, None] * slowness.exp()
    return torch.stack((phase.sin(), phase.cos()), dim=2).flatten(1)


def transformer(
    width: int, heads: int, layers: tuple[int, int], feedforward: int, dropout: float, norm_first: bool
) -> nn.Transformer:
    """A Transformer, batch first, whose encoder and decoder end with a layer normalisation.

    Args:
        width: of each frame.
        heads: of every attention.
        layers: of the encoder and of the decoder.
        feedforward: hidden units of each layer.
        dropout: probability.
        norm_first: whether each sublayer normalises its input, or the sum of its input and output.
    """
    sizes = (width, heads, feedforward, dropout)
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=norm_first),
        layers[0],
        nn.LayerNorm(width),
        # Nested tensors save time on padding only, and layers that normalise first do not support them.
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(*sizes, batch_first=True, norm_first=norm_first), layers[1], nn.LayerNorm(width)
    )
    # It draws the weights of every layer; the stacks alone would contain copies of one.
    return nn.Transformer(width, heads, custom_encoder=encoder, custom_decoder=decoder, batch_first=True)


def check_sizes(heads: int, encoder_layers: int, decoder_layers: int, feedforward: int, dropout: float) -> None:
    """Raise ValueError, which names the number, if one is out of range."""
    check_positive(heads=heads, encoder_layers=encoder_layers, decoder_layers=decoder_layers, feedforward=feedforward)
    check_probability(dropout=dropout)


def check_heads(heads: int, width: int) -> None:
    """Raise ValueError if they do not divide the width."""
    if width % heads:
        raise ValueError(f"heads: {heads} do not share a width of {width} evenly")


class QueryTransformerNetwork(BodyNetwork):
    """Projection, positions, encoder, decoder of learned queries, normalisation, dense layers.

    Args:
        features: of each frame.
        classes: logits.
        queries: positions of the decoder.
        body: the Transformer.
        hidden: units of the dense layers before the last.
        dropout: probability, of the sums of frames and positions.
    """

    def __init__(
        self, features: int, classes: int, queries: int, body: nn.Transformer, hidden: list[int], dropout: float
    ) -> None:
        super().__init__()
        width: int = body.d_model
        self.projection = nn.Identity() if features == width else nn.Linear(features, width)
        self.dropout = nn.Dropout(dropout)
        self.body = body
        self.queries = nn.Parameter(torch.empty(queries, width))
        nn.init.normal_(self.queries)
        widths = [queries * width, *hidden]
        dense = ((nn.Linear(before, after), nn.LayerNorm(after), nn.ReLU()) for before, after in pairwise(widths))
        self.head = nn.Sequential(
            nn.LayerNorm(widths[0]), *(layer for layers in dense for layer in layers), nn.Linear(widths[-1], classes)
        )

    def decode(self, values: Tensor, lengths: Tensor) -> Tensor:
        """The output of the decoder, `(batch, queries, width)`; the arguments are those of `forward`."""
        padding = ~frame_mask(lengths, values.shape[1])
        values = self.projection(values)
        values = self.dropout(values + sinusoidal_positions(values.shape[1], values.shape[2], values.device))
        queries = self.queries.expand(len(values), -1, -1)
        decoded: Tensor = self.body(values, queries, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return decoded

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(self.decode(values, lengths).flatten(1))
        return logits


class QueryTransformer(DeepSpeechBody):
    """A Transformer with learned queries in the decoder, positions of the frames, and masked padding.

    The frames are projected to a smaller width. Layers normalise first, so that they train without a warm-up. The head
    has layer normalisations, so that it trains with any batch size.

    Args:
        width: of the Transformer, even; if it is that of the convolutions (1,312), there is no projection.
        heads: of every attention.
        encoder_layers: how many.
        decoder_layers: how many.
        queries: positions of the decoder; the published T.
        feedforward: hidden units of each layer.
        hidden: units of the dense layers between decoder and logits; None: `[256]`. Published: `[2048, 1024]`.
        dropout: probability, in all parts of the Transformer.

    Raises:
        ValueError: a number is out of range; the message names it.
    """

    def __init__(
        self,
        width: int = 256,
        heads: int = 8,
        encoder_layers: int = 2,
        decoder_layers: int = 2,
        queries: int = 4,
        feedforward: int = 1024,
        hidden: list[int] | None = None,
        dropout: float = 0.1,
    ) -> None:
        check_sizes(heads, encoder_layers, decoder_layers, feedforward, dropout)
        check_heads(heads, width)
        hidden = [256] if hidden is None else hidden
        check_positive(width=width, queries=queries, hidden=min(hidden, default=1))
        if width % 2:
            raise ValueError(f"width: {width} is odd; sines and cosines come in pairs")
        self.width, self.heads, self.layers = width, heads, (encoder_layers, decoder_layers)
        self.queries, self.feedforward, self.hidden, self.dropout = queries, feedforward, hidden, dropout

    @override
    def network(self, features: int, classes: int) -> QueryTransformerNetwork:
        body = transformer(self.width, self.heads, self.layers, self.feedforward, self.dropout, norm_first=True)
        return QueryTransformerNetwork(
            features, classes, queries=self.queries, body=body, hidden=self.hidden, dropout=self.dropout
        )
