"""Whole recordings through networks that were trained on excerpts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import ConvolutionalNetwork, FrameNetwork, FrameOutput, SpectrogramNetwork, VoicingNetwork
from architectures.front_ends.constant_q import SpectrogramTransform
from architectures.layers import check_positive
from architectures.streams import BatchedWindowStream, ExcerptStream, joined, logits_of

# Of an excerpt of a convolutional network: 5 s at the usual hop. With 2000, whose hidden layers leave the caches,
# HarmonicTracker is slower by a third, and holds 400 MB instead of 150.
FRAMES = 500
_PIECE = 1 << 17  # samples


class WholeSpectrogram(nn.Module):
    """The logits of every frame of a spectrogram, computed in excerpts of the length that the network was trained with.

    Takes `(channels, frames, bins)` float, 0 to 1; gives `(frames, width)`, or the network's other outputs, without
    their batch dimension. A spectrogram without frames, or with other channels or bins, raises a ValueError.

    Context is taken from the spectrogram; beyond its ends it is 0. Where the receptive field is larger than the
    context, convolutions read zeros beyond each excerpt, as in training. Put the network into evaluation mode first.

    Args:
        network: trained on excerpts.
        excerpts: batch size.

    Raises:
        ValueError: `excerpts` is not positive.
    """

    def __init__(self, network: SpectrogramNetwork | VoicingNetwork, excerpts: int = 64) -> None:
        super().__init__()
        check_positive(excerpts=excerpts)
        self.network, self.excerpts = network, excerpts

    @override
    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        frames, step, context = spectrogram.shape[1], self.network.frames, self.network.context
        check_positive(frames=frames)
        padded = functional.pad(spectrogram, (0, 0, context, -frames % step + context))
        excerpts = padded.unfold(1, self.network.window, step).permute(1, 0, 3, 2)
        return logits_of(self.network, excerpts, self.excerpts, frames)


class WholeAudio(nn.Module):
    """The logits of every frame of a recording, computed in excerpts of the length that the network was trained with.

    A ConvolutionalNetwork takes longer excerpts, one at a time, so that little more than its reach is computed twice.

    Takes `(samples,)` float, full scale at 1; gives `(frames, width)` for `ceil(samples / hop)` frames, or the
    network's other outputs, without their batch dimension. A recording without samples raises a ValueError.

    Beyond its ends the recording is 0. Put the network into evaluation mode first.

    Args:
        network: trained on excerpts of audio.
        hop: samples between label frames; frame t is centred on sample t * hop.
        excerpts: batch size.
        frames: of an excerpt of a ConvolutionalNetwork.

    Raises:
        ValueError: a size is not positive, or the network is made for another hop.
    """

    def __init__(self, network: FrameNetwork, hop: int, excerpts: int = 64, frames: int = FRAMES) -> None:
        super().__init__()
        check_positive(hop=hop, excerpts=excerpts, frames=frames)
        if network.hop not in (None, hop):
            raise ValueError(f"hop: {hop}, but the network is made for {network.hop}")
        self.network, self.hop, self.excerpts, self.frames = network, hop, excerpts, frames

    @override
    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        check_positive(samples=len(audio))
        return joined(list(self.of_blocks([audio])))

    def of_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor | FrameOutput]:
        """What `forward` gives, in runs of frames, of a recording whose audio comes block by block.

        Never more than a batch of excerpts is held. How the audio is cut into blocks changes nothing.

        Args:
            blocks: `(samples,)` float each, full scale at 1, of any lengths, in order.
        """
        stream: ExcerptStream | BatchedWindowStream
        if isinstance(self.network, ConvolutionalNetwork):
            stream = ExcerptStream(self.network, self.frames)
        else:
            stream = BatchedWindowStream(self.network, self.hop, self.excerpts)
        for block in blocks:
            for piece in torch.split(block, _PIECE):  # of a long block, too, few runs are there at a time
                yield from stream.push(piece)
        yield from stream.finish()


class FromAudio(nn.Module):
    """The logits of every frame of a recording, by a network that reads spectrograms.

    Takes `(samples,)` float of the transform's rate, of any full scale; gives what WholeSpectrogram gives, for
    `ceil(samples / hop)` frames. Frame t is centred on sample t * hop. A recording without samples raises a ValueError.

    Args:
        network: trained on excerpts of spectrograms.
        transform: computes the spectrogram that the network was trained with.
        excerpts: batch size.

    Raises:
        ValueError: `excerpts` is not positive, or the transform has other channels, bins or bins per octave than the
            network takes.
    """

    def __init__(
        self, network: SpectrogramNetwork | VoicingNetwork, transform: SpectrogramTransform, excerpts: int = 64
    ) -> None:
        super().__init__()
        made = transform.channels, transform.bins, transform.bins_per_octave
        taken = network.channels, network.bins, 12 * network.bins_per_semitone
        if made != taken:
            raise ValueError(f"transform: it makes {made} channels, bins, bins per octave; the network takes {taken}")
        self.transform, self.network = transform, WholeSpectrogram(network, excerpts)

    @override
    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        logits: Tensor | FrameOutput = self.network(self.transform(audio[None])[0])
        return logits
