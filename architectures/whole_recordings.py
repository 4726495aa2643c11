"""Whole recordings through networks that were trained on excerpts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

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
        excerpts: batch size; None: 5 s at the usual hop, because networks of spectrograms hold much for each frame.

    Raises:
        ValueError: `excerpts` is not positive.
    """

    def __init__(self, network: SpectrogramNetwork | VoicingNetwork, excerpts: int | None = None) -> None:
        super().__init__()
        excerpts = max(FRAMES // network.window, 1) if excerpts is None else excerpts
        check_positive(excerpts=excerpts)
        self.network, self.excerpts = network, excerpts

    @override
    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        check_positive(frames=spectrogram.shape[1])
        return joined(list(self.of_runs([spectrogram])))

    def of_runs(self, runs: Iterable[Tensor]) -> Iterator[Tensor | FrameOutput]:
        """What `forward` gives, in runs of frames, of a spectrogram that comes in runs of frames.

        Args:
            runs: `(channels, frames, bins)` each, of any numbers of frames, in order.
        """
        step, context = self.network.frames, self.network.context
        batch = self.excerpts * step
        held: Tensor | None = None
        frames = done = 0
        for run in runs:
            frames += run.shape[1]
            held = functional.pad(run, (0, 0, context, 0)) if held is None else torch.cat([held, run], dim=1)
            while held.shape[1] >= batch + 2 * context:
                yield self._logits(held[:, : batch + 2 * context], batch)
                held = held[:, batch:]
                done += batch
        if held is not None and done < frames:
            yield self._logits(functional.pad(held, (0, 0, 0, -frames % step + context)), frames - done)

    def _logits(self, spectrogram: Tensor, frames: int) -> Tensor | FrameOutput:
        excerpts = spectrogram.unfold(1, self.network.window, self.network.frames).permute(1, 0, 3, 2)
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
        excerpts: batch size; None: as WholeSpectrogram has it.

    Raises:
        ValueError: `excerpts` is not positive, or the transform has other channels, bins or bins per octave than the
            network takes.
    """

    def __init__(
        self, network: SpectrogramNetwork | VoicingNetwork, transform: SpectrogramTransform, excerpts: int | None = None
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

    def of_recording(self, read: Callable[[], Iterable[Tensor]]) -> Iterator[Tensor | FrameOutput]:
        """What `forward` gives, in runs of frames, without holding all of a long recording.

        The spectrogram is relative to its maximum, which is known behind the last sample: a long recording is read
        twice.

        Args:
            read: reads the recording from its beginning, as often as it is called: blocks `(samples,)`.

        Raises:
            ValueError: there are no samples.
        """
        return self.network.of_runs(self.transform.of_recording(read))
