"""Networks that learned from excerpts, over whole recordings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.base import FrameNetwork, FrameOutput, SpectrogramNetwork
from architectures.front_ends.constant_q import SpectrogramTransform
from architectures.layers import check_positive
from architectures.spectrogram.voicing import VoicingNetwork


class WholeSpectrogram(nn.Module):
    """A network that gives the logits of every frame of a spectrogram, as excerpts side by side give them.

    The excerpts have the network's own length, with which it was trained: where its convolutions reach further than
    the context, they read zeros beyond each excerpt here as there. Context is taken from the spectrogram; only beyond
    its ends is it 0. Put the network into evaluation mode first.

    Args:
        network: of excerpts.
        excerpts: how many are computed at once.

    Raises:
        ValueError: `excerpts` is not positive.
    """

    def __init__(self, network: SpectrogramNetwork | VoicingNetwork, excerpts: int = 64) -> None:
        super().__init__()
        check_positive(excerpts=excerpts)
        self.network, self.excerpts = network, excerpts

    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        """Logits of all frames.

        Args:
            spectrogram: `(channels, frames, bins)` float, 0 to 1.

        Returns:
            `(frames, width)`, or what else the network gives, without its first dimension.

        Raises:
            ValueError: there are no frames, or the network takes other channels or bins.
        """
        frames, step, context = spectrogram.shape[1], self.network.frames, self.network.context
        check_positive(frames=frames)
        padded = functional.pad(spectrogram, (0, 0, context, -frames % step + context))
        excerpts = padded.unfold(1, self.network.window, step).permute(1, 0, 3, 2)
        return _logits(self.network, excerpts, self.excerpts, frames)


class WholeAudio(nn.Module):
    """A network that gives the logits of every frame of a recording, as excerpts side by side give them.

    Beyond its ends the recording is 0. Put the network into evaluation mode first.

    Args:
        network: of excerpts of audio.
        hop: samples between label frames; frame t is centred on sample t * hop.
        excerpts: how many are computed at once.

    Raises:
        ValueError: a size is not positive, or the network is made for another hop.
    """

    def __init__(self, network: FrameNetwork, hop: int, excerpts: int = 256) -> None:
        super().__init__()
        check_positive(hop=hop, excerpts=excerpts)
        if network.hop not in (None, hop):
            raise ValueError(f"hop: {hop}, but the network is made for {network.hop}")
        self.network, self.hop, self.excerpts = network, hop, excerpts

    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        """Logits of the frames of a recording.

        Args:
            audio: `(samples,)` float, full scale at 1.

        Returns:
            `(frames, width)` of `ceil(samples / hop)` frames, or what else the network gives, without its first
            dimension.

        Raises:
            ValueError: there are no samples.
        """
        check_positive(samples=len(audio))
        frames, window, step = -(-len(audio) // self.hop), self.network.window, self.network.frames
        lead = window // 2 - (step - 1) * self.hop // 2
        length = -(-frames // step) * step * self.hop - step * self.hop + window
        padded = functional.pad(audio, (lead, length - lead - len(audio)))
        return _logits(self.network, padded.unfold(0, window, step * self.hop), self.excerpts, frames)


class FromAudio(nn.Module):
    """A network of spectrograms that takes a recording.

    Args:
        network: of excerpts of spectrograms.
        transform: makes the spectrogram that the network was trained with.
        excerpts: how many are computed at once.

    Raises:
        ValueError: `excerpts` is not positive, or the transform makes other channels, bins or bins per octave than the
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

    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        """Logits of the frames of a recording.

        Args:
            audio: `(samples,)` float, of the transform's rate and any full scale.

        Returns:
            Of `ceil(samples / hop)` frames, as WholeSpectrogram; frame t is centred on sample t * hop.

        Raises:
            ValueError: there are no samples.
        """
        logits: Tensor | FrameOutput = self.network(self.transform(audio[None])[0])
        return logits


def _logits(network: nn.Module, excerpts: Tensor, at_once: int, frames: int) -> Tensor | FrameOutput:
    """What the network gives of the first frames of excerpts `(excerpts, ...)` in order, without that dimension."""
    outputs = [network(some) for some in torch.split(excerpts, at_once)]
    if not isinstance(outputs[0], FrameOutput):
        return _joined(outputs, frames)
    pitch = _joined([output.pitch for output in outputs], frames)
    if outputs[0].voicing is None:
        return FrameOutput(pitch)
    return FrameOutput(pitch, _joined([output.voicing for output in outputs], frames))


def _joined(outputs: Sequence[Tensor], frames: int) -> Tensor:
    """The first frames `(frames, ...)` of batches of excerpts `(batch, frames, ...)` in order."""
    return torch.cat([output.flatten(0, 1) for output in outputs])[:frames]
