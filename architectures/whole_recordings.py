"""Whole recordings through networks that were trained on excerpts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import ConvolutionalNetwork, FrameNetwork, FrameOutput, SpectrogramNetwork, VoicingNetwork
from architectures.front_ends.constant_q import SpectrogramTransform
from architectures.layers import check_positive

# Of an excerpt of a convolutional network: 5 s at the usual hop. With 2000, whose hidden layers leave the caches,
# HarmonicTracker is slower by a third, and holds 400 MB instead of 150.
FRAMES = 500


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
        return _logits(self.network, excerpts, self.excerpts, frames)


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
        if isinstance(self.network, ConvolutionalNetwork):
            yield from logits_of_blocks(self.network, blocks, self.frames)
            return
        frames, window = self.network.frames, self.network.window
        step, lead = frames * self.hop, window // 2 - (frames - 1) * self.hop // 2
        batch = (self.excerpts - 1) * step + window
        samples = done = 0
        held = torch.zeros(0)
        for block in blocks:
            held = torch.cat([held, block]) if samples else functional.pad(block, (max(lead, 0), 0))
            samples += len(block)
            if lead < 0:  # windows that are shorter than the label frames that they cover begin behind the first sample
                skipped = min(-lead, len(held))
                held, lead = held[skipped:], lead + skipped
            while len(held) >= batch:
                yield _logits(self.network, held[:batch].unfold(0, window, step), self.excerpts, self.excerpts * frames)
                held = held[self.excerpts * step :]
                done += self.excerpts * frames
        remaining = -(-samples // self.hop) - done
        if remaining > 0:
            length = (-(-remaining // frames) - 1) * step + window
            padded = functional.pad(held, (0, length - len(held)))
            yield _logits(self.network, padded.unfold(0, window, step), self.excerpts, remaining)


def logits_of_blocks(
    network: ConvolutionalNetwork, blocks: Iterable[Tensor], frames: int = FRAMES
) -> Iterator[Tensor | FrameOutput]:
    """The logits of every frame of a recording whose audio comes block by block; never more than an excerpt is held.

    Args:
        network: in evaluation mode.
        blocks: `(samples,)` float each, full scale at 1, of any lengths, in order.
        frames: of an excerpt.

    Yields:
        What WholeAudio gives for the whole, for runs of at most `frames` successive frames. A run is there as soon as
        the network's reach behind it is; how the audio is cut into blocks changes nothing else.
    """
    excerpt, step = network.window_of(frames), frames * network.hop
    before = network.window_of(1) // 2
    samples = done = 0
    held: Tensor | None = None
    for block in blocks:
        samples += len(block)
        held = functional.pad(block, (before, 0)) if held is None else torch.cat([held, block])
        while len(held) >= excerpt:
            yield _without_batch(network(held[None, :excerpt]))
            held = held[step:]
            done += frames
    remaining = -(-samples // network.hop) - done
    while held is not None and remaining > 0:
        some = min(frames, remaining)
        window = network.window_of(some)
        yield _without_batch(network(functional.pad(held[:window], (0, max(window - len(held), 0)))[None]))
        held = held[step:]
        remaining -= some


def pitch_of(output: Tensor | FrameOutput) -> Tensor:
    """The logits of pitch among the outputs of a network."""
    return output.pitch if isinstance(output, FrameOutput) else output


def joined(runs: Sequence[Tensor | FrameOutput]) -> Tensor | FrameOutput:
    """The logits of successive runs of frames `(frames, ...)`, at least one, as those of one run."""
    pitch = torch.cat([pitch_of(run) for run in runs])
    if not isinstance(runs[0], FrameOutput):
        return pitch
    voicing = [run.voicing for run in runs if isinstance(run, FrameOutput) and run.voicing is not None]
    return FrameOutput(pitch, torch.cat(voicing) if voicing else None)


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


def _logits(network: nn.Module, excerpts: Tensor, at_once: int, frames: int) -> Tensor | FrameOutput:
    """The outputs for the first `frames` frames of successive excerpts `(excerpts, ...)`, without that dimension."""
    whole = joined([_without_batch(network(some)) for some in torch.split(excerpts, at_once)])
    if not isinstance(whole, FrameOutput):
        return whole[:frames]
    return FrameOutput(whole.pitch[:frames], None if whole.voicing is None else whole.voicing[:frames])


def _without_batch(output: Tensor | FrameOutput) -> Tensor | FrameOutput:
    """Pitch and voicing of a batch of successive excerpts `(batch, frames, ...)` as `(batch * frames, ...)`."""
    if not isinstance(output, FrameOutput):
        return output.flatten(0, 1)
    voicing = None if output.voicing is None else output.voicing.flatten(0, 1)
    return FrameOutput(output.pitch.flatten(0, 1), voicing)
