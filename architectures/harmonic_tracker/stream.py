"""HarmonicTracker on audio as it arrives."""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.base import FrameOutput
from architectures.harmonic_tracker.features import HOP, LONG
from architectures.harmonic_tracker.harmonic_tracker import BLOCKS, HALF, HarmonicTracker
from architectures.layers import check_positive


class HarmonicStream:
    """A `LogitStream` with the latency of the network.

    Equal to those of the whole recording within rounding. Of earlier audio it keeps the powers within reach of the
    loudness, and the features that the layers read again.

    Args:
        network: in evaluation mode.
        frames: that are computed at once, at least; more take less time and come later.

    Raises:
        ValueError: `frames` is not positive.

    Attributes:
        latency: samples of the future that a frame waits for, at most.
    """

    def __init__(self, network: HarmonicTracker, frames: int = 1) -> None:
        check_positive(frames=frames)
        self.network, self.at_once = network, frames
        before, after = network.loudness
        self._later = network.later + after  # frames of the future whose power counts
        self.latency = max(network.later * HOP + LONG // 2, self._later * HOP + HALF) + (frames - 1) * HOP
        self._reach = network.earlier, network.later
        # Frames count from 0, the one that is centred on the first sample; before them is silence.
        first = -network.earlier
        self._of_powers = self._of_features = first  # the next frame of each
        lead = max(LONG // 2, HALF)
        self._begin = first * HOP - lead  # the sample that the audio kept begins with
        like = next(network.parameters())
        self._audio = like.new_zeros(1, -self._begin)
        self._powers = like.new_zeros(1, before)
        self._features: list[tuple[Tensor, Tensor]] = []
        self._samples = self._frames = 0

    def push(self, block: Tensor) -> list[FrameOutput]:
        """See `LogitStream`."""
        self._samples += len(block)
        return self._take(block)

    def finish(self) -> list[FrameOutput]:
        """See `LogitStream`."""
        self.at_once = 1
        left = -(-self._samples // HOP) - self._frames
        silence = (self._later + self.network.later + BLOCKS) * HOP + LONG
        rest = self._take(self._audio.new_zeros(silence)) if left > 0 else []
        return [FrameOutput(pitch[:left], None if voicing is None else voicing[:left]) for pitch, voicing, _ in rest]

    def _take(self, block: Tensor) -> list[FrameOutput]:
        self._audio = torch.cat([self._audio, block[None]], dim=1)
        end = self._begin + self._audio.shape[1]
        self._add_powers(end)
        # The last frame whose audio is there, and whose level is.
        complete = min((end - LONG // 2) // HOP, self._of_powers - 1 - self.network.loudness[1]) + 1
        if complete - self.network.later - self._frames < self.at_once:
            return []
        self._add_features(complete)
        features, summaries = (torch.cat(parts, dim=2) for parts in zip(*self._features, strict=True))
        output = self.network.read(features, summaries)
        assert output.voicing is not None
        kept = sum(self._reach)
        # Copies, so that what is no longer needed is not kept with it.
        self._features = [(features[:, :, features.shape[2] - kept :].clone(), summaries[:, :, -kept:].clone())]
        self._frames += output.pitch.shape[1]
        self._forget()
        return [FrameOutput(output.pitch[0], output.voicing[0])]

    def _add_powers(self, end: int) -> None:
        """Of all frames whose 50 ms lie before sample `end`."""
        count = (end - HALF) // HOP + 1 - self._of_powers
        if count > 0:
            begin = self._of_powers * HOP - HALF - self._begin
            stretch = self._audio[:, begin : begin + (count + BLOCKS - 1) * HOP]
            self._powers = torch.cat([self._powers, self.network.powers(stretch)], dim=1)
            self._of_powers += count

    def _add_features(self, complete: int) -> None:
        """Of all frames before `complete`."""
        count = complete - self._of_features
        before, after = self.network.loudness
        first = self._powers.shape[1] - (self._of_powers - self._of_features) - before
        levels = self.network.levels(self._powers[:, first : first + count + before + after])
        begin = self._of_features * HOP - LONG // 2 - self._begin
        stretch = self._audio[:, begin : begin + (count - 1) * HOP + LONG]
        self._features.append(self.network.features(stretch, levels))
        self._of_features = complete

    def _forget(self) -> None:
        needed = min(self._of_powers * HOP - HALF, self._of_features * HOP - LONG // 2)
        self._audio = self._audio[:, needed - self._begin :].clone()
        self._begin = needed
        before = self.network.loudness[0]
        kept = self._of_powers - self._of_features + before
        self._powers = self._powers[:, self._powers.shape[1] - kept :].clone()
