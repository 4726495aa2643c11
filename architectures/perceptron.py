"""Perceptrons with one hidden layer, on the samples of a window or on features of it.

The baselines of the melody-extraction replication that the catalogue follows.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from typing_extensions import override

from architectures.base import FrameNetwork, FrameOutput
from architectures.layers import GlorotLinear, Samples, WindowFeatures, check_positive


class Perceptron(FrameNetwork):
    """A hidden layer and a dense layer over pitch bins.

    The number of parameters is `(inputs + 1) hidden + (hidden + 1) frames width`. The published ones: 2 160 768 (1981
    samples, 1024 hidden units, 128 bins), which learns to call every frame unvoiced; 1 180 800 (1024 samples), learning
    from voiced frames alone; 2 145 096 (2048 samples, 1000 hidden units, 96 bins), for several pitches at once.

    Args:
        width: logits per frame, the bins of the pitch grid.
        window: samples of one excerpt.
        hidden: units of the hidden layer.
        frames: label frames of one excerpt.
        activation: of the hidden units, a class of torch.nn.
        features: of a window; None: its samples as they are.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        width: int,
        window: int = 1024,
        hidden: int = 1024,
        frames: int = 1,
        activation: Callable[[], nn.Module] = nn.ReLU,
        features: WindowFeatures | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width, window=window, hidden=hidden, frames=frames)
        self.window, self.frames, self.width = window, frames, width
        self.features = features or Samples()
        self.layers = _branch(self.features.size(window), hidden, frames * width, activation)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.features(audio))
        return logits.view(-1, self.frames, self.width)


class VoicingPerceptron(FrameNetwork):
    """Two perceptrons side by side, one for `pitch`, one for `voicing`.

    The number of parameters is `2 (inputs + 1) hidden + (hidden + 1) frames (width + 1)`; published: 2 231 425 (1024
    samples, 1024 hidden units of hyperbolic tangent, 128 bins). The arguments are those of Perceptron, `hidden` those
    of each.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        width: int,
        window: int = 1024,
        hidden: int = 1024,
        frames: int = 1,
        activation: Callable[[], nn.Module] = nn.Tanh,
        features: WindowFeatures | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width, window=window, hidden=hidden, frames=frames)
        self.window, self.frames, self.width = window, frames, width
        self.features = features or Samples()
        inputs = self.features.size(window)
        self.pitch = _branch(inputs, hidden, frames * width, activation)
        self.voicing = _branch(inputs, hidden, frames, activation)

    @override
    def forward(self, audio: Tensor) -> FrameOutput:
        features = self.features(audio)
        return FrameOutput(self.pitch(features).view(-1, self.frames, self.width), self.voicing(features))


def _branch(inputs: int, hidden: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(GlorotLinear(inputs, hidden), activation(), GlorotLinear(hidden, outputs))
