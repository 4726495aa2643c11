"""Networks of audio on recordings that arrive block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.base import ConvolutionalNetwork, FrameNetwork, FrameOutput
from architectures.layers import check_positive


class LogitStream(Protocol):
    """Takes the audio of one recording and gives the logits of its frames, in order, without a dimension for the batch.

    How the audio is cut into blocks changes nothing. Frame t is centred on sample t * hop; before the first sample and
    behind the last is silence.

    Attributes:
        latency: samples of the future that a frame waits for, at most.
    """

    latency: int

    def push(self, block: Tensor) -> Sequence[Tensor | FrameOutput]:
        """Take audio.

        Args:
            block: `(samples,)` float, full scale at 1, of any length.

        Returns:
            Runs of the frames that are complete now.
        """

    def finish(self) -> Sequence[Tensor | FrameOutput]:
        """Runs of the remaining frames; nothing can be pushed any more."""


@runtime_checkable
class Streams(Protocol):
    """A network that has a stream of its own, which computes less twice."""

    def stream(self, frames: int) -> LogitStream:
        """A stream that computes so many frames at once, at least."""


def stream_of(network: FrameNetwork, hop: int, frames: int) -> LogitStream:
    """The stream of a network.

    Args:
        network: of audio, in evaluation mode.
        hop: samples between label frames.
        frames: that are computed at once; more take less time and come later.

    Raises:
        ValueError: a size is not positive.
    """
    check_positive(hop=hop, frames=frames)
    if isinstance(network, Streams):
        return network.stream(frames)
    if isinstance(network, ConvolutionalNetwork):
        return ExcerptStream(network, frames)
    return BatchedWindowStream(network, hop, max(frames // network.frames, 1))


class ExcerptStream:
    """A ConvolutionalNetwork on successive excerpts; see `LogitStream`.

    Args:
        network: in evaluation mode.
        frames: of an excerpt.
    """

    def __init__(self, network: ConvolutionalNetwork, frames: int) -> None:
        self.network, self.frames = network, frames
        self._before = network.window_of(1) // 2
        self.latency = network.window_of(1) - self._before + (frames - 1) * network.hop
        self._held: Tensor | None = None
        self._samples = self._done = 0

    def push(self, block: Tensor) -> list[Tensor | FrameOutput]:
        """See `LogitStream`."""
        held = functional.pad(block, (self._before, 0)) if self._held is None else torch.cat([self._held, block])
        self._samples += len(block)
        excerpt, found = self.network.window_of(self.frames), []
        while len(held) >= excerpt:
            found.append(without_batch(self.network(held[None, :excerpt])))
            held = held[self.frames * self.network.hop :]
            self._done += self.frames
        self._held = held.clone() if found else held  # a view would keep all of it
        return found

    def finish(self) -> list[Tensor | FrameOutput]:
        """See `LogitStream`."""
        hop, held, found = self.network.hop, self._held, []
        left = -(-self._samples // hop) - self._done
        while held is not None and left > 0:
            some = min(self.frames, left)
            window = self.network.window_of(some)
            padded = functional.pad(held[:window], (0, max(window - len(held), 0)))
            found.append(without_batch(self.network(padded[None])))
            held = held[self.frames * hop :]
            left -= some
        return found


class BatchedWindowStream:
    """A network of windows of one length, on batches of them; see `LogitStream`.

    Args:
        network: in evaluation mode.
        hop: samples between label frames.
        excerpts: windows of a batch.
    """

    def __init__(self, network: FrameNetwork, hop: int, excerpts: int) -> None:
        self.network, self.hop, self.excerpts = network, hop, excerpts
        self._step = network.frames * hop
        self._lead = network.window // 2 - (network.frames - 1) * hop // 2
        self.latency = network.window - self._lead + (excerpts - 1) * self._step
        self._held: Tensor | None = None
        self._samples = self._done = 0

    def push(self, block: Tensor) -> list[Tensor | FrameOutput]:
        """See `LogitStream`."""
        held = functional.pad(block, (max(self._lead, 0), 0)) if self._held is None else torch.cat([self._held, block])
        self._samples += len(block)
        if self._lead < 0:  # windows shorter than the label frames that they cover begin behind the first sample
            skipped = min(-self._lead, len(held))
            held, self._lead = held[skipped:], self._lead + skipped
        batch, found = (self.excerpts - 1) * self._step + self.network.window, []
        frames = self.excerpts * self.network.frames
        while len(held) >= batch:
            found.append(logits_of(self.network, self._windows(held[:batch]), self.excerpts, frames))
            held = held[self.excerpts * self._step :]
            self._done += frames
        self._held = held.clone() if found else held  # a view would keep all of it
        return found

    def finish(self) -> list[Tensor | FrameOutput]:
        """See `LogitStream`."""
        left = -(-self._samples // self.hop) - self._done
        if self._held is None or left <= 0:
            return []
        length = (-(-left // self.network.frames) - 1) * self._step + self.network.window
        windows = self._windows(functional.pad(self._held, (0, length - len(self._held))))
        return [logits_of(self.network, windows, self.excerpts, left)]

    def _windows(self, audio: Tensor) -> Tensor:
        return audio.unfold(0, self.network.window, self._step)


def logits_of(network: nn.Module, excerpts: Tensor, at_once: int, frames: int) -> Tensor | FrameOutput:
    """The outputs for the first `frames` frames of successive excerpts `(excerpts, ...)`, without that dimension."""
    whole = joined([without_batch(network(some)) for some in torch.split(excerpts, at_once)])
    if not isinstance(whole, FrameOutput):
        return whole[:frames]
    return FrameOutput(whole.pitch[:frames], None if whole.voicing is None else whole.voicing[:frames])


def without_batch(output: Tensor | FrameOutput) -> Tensor | FrameOutput:
    """Pitch and voicing of a batch of successive excerpts `(batch, frames, ...)` as `(batch * frames, ...)`."""
    if not isinstance(output, FrameOutput):
        return output.flatten(0, 1)
    voicing = None if output.voicing is None else output.voicing.flatten(0, 1)
    return FrameOutput(output.pitch.flatten(0, 1), voicing)


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
