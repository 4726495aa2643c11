"""A small tracker of one voice: harmonic features, and convolutions over f0 and time.

A voicing head beside the pitch, and small size, follow L. Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch
Detection", 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import ConvolutionalNetwork, FrameOutput
from architectures.harmonic_tracker.features import HOP, LONG, RATE, HarmonicFeatures
from architectures.layers import (
    MirroredConv2d,
    TimeConvolution,
    check_positive,
    check_probability,
    hold_ends,
    running_mean,
    sounding_frames,
)

if TYPE_CHECKING:
    from architectures.harmonic_tracker.stream import HarmonicStream

BLOCKS = 5  # of a hop each: the level is that of 50 ms
HALF = BLOCKS * HOP // 2
SILENCE = 1e-9  # mean square, -90 dB: what is as faint as the last bit of 16 is silence
_SIDES = ("earlier", "later")


class HarmonicTracker(ConvolutionalNetwork):
    """Pitch and voicing of one voice from audio of 16 kHz, every 10 ms, from 30 Hz to 2 kHz.

    Convolutional over time without padding: the logits of a frame depend on the audio within its reach alone, so
    excerpts of any length agree. Features are relative to the loudness within 3 s, so a recording's level does not
    matter, and what sounds on while the voice rests is known to be softer. The pitch is the same for audio played
    backwards, unless `lookahead` is limited. The voicing head reads what the pitch layers hold at their pitch.

    Args:
        width: bins of the pitch grid; linked from it.
        lowest_note: MIDI note of bin 0; linked from the grid.
        bins_per_semitone: linked from the grid.
        frames: label frames of a training excerpt.
        channels: of the pitch layers.
        voicing_channels: of the voicing layers.
        lookahead: frames after a frame that its logits may depend on; None: as many as before it. The latency is
            `lookahead * 10 + 64` ms, the latter for half a spectrum's window.
        loudness_reach: frames before, and after, a frame whose loudness counts; after it only what `lookahead` leaves.
        dropout: probability that a channel of features is left out of a training excerpt, so that no single kind of
            evidence is relied on.

    Raises:
        ValueError: a size is not positive, `lookahead` negative, or `dropout` no probability below 1.
    """

    rate, hop = RATE, HOP

    def __init__(
        self,
        width: int,
        lowest_note: float,
        bins_per_semitone: int,
        frames: int = 200,
        channels: int = 16,
        voicing_channels: int = 48,
        lookahead: int | None = None,
        loudness_reach: int = 300,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(width=width, bins_per_semitone=bins_per_semitone, frames=frames, channels=channels)
        check_positive(voicing_channels=voicing_channels, loudness_reach=loudness_reach)
        check_probability(dropout=dropout)
        if lookahead is not None and lookahead < 0:
            raise ValueError(f"lookahead: {lookahead} frames are negative")
        self.width, self.frames = width, frames
        notes = lowest_note + np.arange(width) / bins_per_semitone
        self.features = HarmonicFeatures(440 * 2 ** ((notes - 69) / 12))
        self.dropout = nn.Dropout2d(dropout)
        left = lookahead  # frames of the future that layers may still take

        def over_time(convolution: nn.Conv1d | nn.Conv2d) -> TimeConvolution:
            nonlocal left
            later = convolution.dilation[0] * (convolution.kernel_size[0] - 1) // 2
            if left is not None:
                later = min(later, left)
                left -= later
            return TimeConvolution(convolution, later)

        octave = 12 * bins_per_semitone
        over_both = MirroredConv2d if lookahead is None else nn.Conv2d
        self.harmonics = nn.Conv2d(self.features.channels, channels, (1, 5), padding=(0, 2))
        self.neighbours = over_time(over_both(channels, channels, 3, padding=(0, 1)))
        self.octaves = nn.Conv2d(channels, channels, (1, 3), padding=(0, octave), dilation=(1, octave))
        self.motion = nn.ModuleList(
            over_time(over_both(channels, channels, 3, padding=(0, 1), dilation=(step, 1))) for step in (2, 4)
        )
        self.pitch = nn.Conv2d(channels, 1, 1)
        read = channels + self.features.channels + 2 + self.features.summaries
        self.evidence = nn.Conv1d(read, voicing_channels, 1)
        self.context = nn.ModuleList(
            over_time(nn.Conv1d(voicing_channels, voicing_channels, 5, dilation=step)) for step in (1, 4, 12)
        )
        self.voicing = nn.Conv1d(voicing_channels, 1, 1)
        layers = [self.neighbours, *self.motion, *self.context]
        self.earlier: int = sum(layer.earlier for layer in layers)  # frames
        self.later: int = sum(layer.later for layer in layers)
        self.loudness = loudness_reach, loudness_reach if left is None else min(left, loudness_reach)
        self.window = self.window_of(frames)

    @property
    def _margin(self) -> int:
        """Samples of a window before its first label frame, and after its last one."""
        before, after = self.earlier + self.loudness[0], self.later + self.loudness[1]
        return max(before, after) * HOP + LONG // 2

    @override
    def window_of(self, frames: int) -> int:
        return (frames - 1) * HOP + 2 * self._margin

    @override
    def forward(self, audio: Tensor) -> FrameOutput:
        frames = (audio.shape[1] - 2 * self._margin) // HOP + 1
        check_positive(frames=frames)
        level = self._loudness(audio, frames)
        begin = self._margin - self.earlier * HOP - LONG // 2
        stretch = audio[:, begin : begin + (level.shape[1] - 1) * HOP + LONG]
        # Digital silence has always the same features, so that it is not computed beyond the reach of these layers.
        earlier, later = (sum(getattr(layer, side) for layer in (self.neighbours, *self.motion)) for side in _SIDES)
        first, last = sounding_frames(stretch, LONG, HOP)
        silent = first, level.shape[1] - last
        held = [min(each, earlier + later) for each in silent]
        heard = stretch[:, first * HOP : (last - 1) * HOP + LONG]
        features, summaries = self.features(heard, level[:, first:last], *held)
        return self.read(features, summaries, [each - some for each, some in zip(silent, held, strict=True)])

    def stream(self, frames: int) -> HarmonicStream:
        """The network on audio as it arrives, so many frames at once, at least."""
        from architectures.harmonic_tracker.stream import HarmonicStream  # here, because it needs this class

        return HarmonicStream(self, frames)

    def read(self, features: Tensor, summaries: Tensor, skipped: Sequence[int] = (0, 0)) -> FrameOutput:
        """Logits of the frames that have `earlier` others before and `later` others after them.

        Args:
            features: `(batch, channels, frames, bins)`.
            summaries: `(batch, summaries, frames)`.
            skipped: frames before the first, and after the last, whose pitch layers would give the same.
        """
        earlier, later = (sum(getattr(layer, side) for layer in (self.neighbours, *self.motion)) for side in _SIDES)
        features = self.dropout(features)
        hidden = functional.relu_(self.harmonics(features))
        hidden = self.neighbours(hidden)
        hidden = functional.relu_(self.octaves(hidden)).add(hidden)
        for layer in self.motion:
            hidden = layer(hidden)
        logits = self.pitch(hidden)[:, 0]  # (batch, frames, bins)
        own = slice(earlier, features.shape[2] - later)
        signal = self._evidence(hidden, features[:, :, own], summaries[:, :, own], logits)
        signal = hold_ends(signal, 2, *skipped)
        for layer in self.context:
            signal = layer(signal)
        begin = self.earlier - earlier
        frames = signal.shape[2]
        return FrameOutput(hold_ends(logits, 1, *skipped)[:, begin : begin + frames], self.voicing(signal)[:, 0])

    def _evidence(self, hidden: Tensor, features: Tensor, summaries: Tensor, logits: Tensor) -> Tensor:
        """What speaks for a voice, `(batch, channels, frames)`."""
        belief = logits.softmax(dim=-1)
        at_pitch = [torch.einsum("bctf,btf->bct", each, belief) for each in (hidden, features)]
        sureness = torch.stack([belief.amax(-1), 0.1 * logits.logsumexp(-1)], dim=1)
        signal: Tensor = self.evidence(torch.cat([*at_pitch, sureness, summaries], dim=1))
        return functional.relu_(signal)

    def _loudness(self, audio: Tensor, frames: int) -> Tensor:
        """Mean square `(batch, frames + earlier + later)` of the surroundings, in which loud parts count most.

        The mean power of 50 ms over all frames within reach, each weighted by its power: rests, and the silence beyond
        the ends of a recording, do not move it.
        """
        before, after = self.loudness
        wanted = frames + self.earlier + self.later + before + after
        begin = self._margin - (self.earlier + before) * HOP - HALF
        stretch = audio[:, begin : begin + (wanted + BLOCKS - 1) * HOP]
        return self.levels(self.powers(stretch))

    @staticmethod
    def powers(stretch: Tensor) -> Tensor:
        """Mean squares `(batch, frames)` of 50 ms; the first frame is centred on sample HALF, the last is whole."""
        return running_mean(stretch.view(len(stretch), -1, HOP).square().mean(-1), BLOCKS)

    def levels(self, powers: Tensor) -> Tensor:
        """Of the frames that have all others within reach among `powers`, `(batch, frames)`."""
        mean, square = running_mean(torch.cat([powers, powers.square()]), sum(self.loudness) + 1).chunk(2)
        return (square + SILENCE**2) / (mean + SILENCE)
