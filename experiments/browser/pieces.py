"""A tracker as a graph of a piece of a recording, so that pieces agree with the whole.

The graph of `melisma export` takes a recording and sets silence about it. For a piece that silence would be wrong
within reach of either end, which is 15.5 s for the released tracker, nearly all of it for the loudness about a frame:
to compute as much twice would cost more than the piece. This graph takes what surrounds a piece as well, and computes
nothing for it that no frame of the piece needs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from architectures import ConvolutionalNetwork, FromAudio
from datamodules.errors import DataError
from experiments.exporting.graphs import Graph, graph_of
from experiments.transcription.transcriber import Transcriber


def piece_graph(tracker: Transcriber) -> tuple[Graph, int]:
    """The graph of a tracker that takes `context` samples, the piece and `context` samples.

    Its frame t is centred on sample `context + t * hop`; the last one is as far as `context` allows.

    Args:
        tracker: on the CPU.

    Returns:
        The graph, and `context`, a multiple of the hop.

    Raises:
        DataError: a graph cannot be made of it, or reads no audio.
    """
    if isinstance(tracker.whole, FromAudio):
        raise DataError("this model reads spectrograms, which the page does not compute; take one that reads audio")
    graph = graph_of(tracker)
    network, hop = tracker.model.network, tracker.hop
    kind: type[_Piece]
    if isinstance(network, ConvolutionalNetwork):
        reach, unit, kind = network.window_of(1) // 2, hop, _Excerpt
    else:
        reach, unit, kind = (
            network.window,
            network.frames * hop,
            _Cut,
        )  # windows begin where those of the whole do
    context = -(-reach // unit) * unit
    silence = torch.zeros(context)
    return (
        graph._replace(
            module=kind(graph.module, context, hop).eval().requires_grad_(False),
            example=torch.cat([silence, graph.example, silence]),
            least=2 * context + graph.least,
            metadata={
                **graph.metadata,
                "context": str(context),
                "times": "frame t is centred on sample context + t * hop; so many samples are expected behind the last",
            },
        ),
        context,
    )


class _Piece(nn.Module):
    """What a graph of `exporting` computes, for the frames that have their context."""

    def __init__(self, whole: nn.Module, context: int, hop: int) -> None:
        super().__init__()
        self.whole, self.context, self.hop = whole, context, hop


class _Excerpt(_Piece):
    """Of a network that takes excerpts: what lies about the piece is read for it alone."""

    @override
    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        network, whole = self.whole.network, self.whole
        assert isinstance(network, ConvolutionalNetwork)
        frames = (audio.shape[0] - 2 * self.context) // self.hop + 1
        begin = self.context - network.window_of(1) // 2
        logits = network(audio[None, begin : begin + network.window_of(1) + (frames - 1) * self.hop])
        found: tuple[Tensor, Tensor] = whole.decoded(logits, frames)  # type: ignore[operator]
        return found


class _Cut(_Piece):
    """Of a network of windows: its frames about the piece are left out."""

    @override
    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        first = self.context // self.hop
        frames = (audio.shape[0] - 2 * self.context) // self.hop + 1
        f0, confidence = self.whole(audio)
        return f0[first : first + frames], confidence[first : first + frames]
