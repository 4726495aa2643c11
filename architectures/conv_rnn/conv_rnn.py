"""Convolutions on a spectrogram, then a recurrent network: spoken-language identification.

After the deepLID project (2018): its three models are the same network with different parts.

| model | trunk | arrangement | recurrent | dropout |
|---|---|---|---|---|
| 1 | PoolingTrunk | TimeSteps | ForwardGRU(64) | of the input 0.3 |
| 2 | OverlappingPoolingTrunk | ChannelSequences | ForwardGRU(15) | of the output 0.3 |
| 3 | MobileNetV2Trunk | TimeSteps | ForwardGRU(64) | of the input 0.5 |

Differences from the originals: torch's GRU has two biases for each gate (Keras: one), a true sigmoid (Keras: piecewise
linear), and resets after the recurrent product. Input dropout has one mask for all gates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import ClipNetwork
from architectures.conv_rnn.trunks import ConvolutionalTrunk, PoolingTrunk
from architectures.layers import GlorotLinear, check_features, check_positive, check_probability


class SequenceShape(NamedTuple):
    """Size of the input of the recurrent layer for one clip.

    Attributes:
        sequences: which are read one by one, with the same weights.
        steps: of each sequence.
        features: of each step.
    """

    sequences: int
    steps: int
    features: int


class Arrangement(ABC):
    """How the feature maps of a trunk become sequences for the recurrent layer."""

    @abstractmethod
    def shape(self, channels: int, frames: int, bins: int) -> SequenceShape:
        """The sequences of one clip with maps `(channels, frames, bins)`."""

    @abstractmethod
    def arrange(self, maps: Tensor) -> Tensor:
        """`(batch, channels, frames, bins)` to `(batch, sequences, steps, features)`."""


class TimeSteps(Arrangement):
    """One sequence; a step is a frame, with all channels and bins."""

    @override
    def shape(self, channels: int, frames: int, bins: int) -> SequenceShape:
        return SequenceShape(1, frames, channels * bins)

    @override
    def arrange(self, maps: Tensor) -> Tensor:
        return maps.transpose(1, 2).flatten(2).unsqueeze(1)


class StrangeReshape(Arrangement):
    """One sequence of `channels` steps with `frames * bins` features each; a published mistake, kept as an ablation.

    The maps are reshaped, not transposed, with the channels innermost in memory: a step holds a few neighbouring frames
    of all channels.
    """

    @override
    def shape(self, channels: int, frames: int, bins: int) -> SequenceShape:
        return SequenceShape(1, channels, frames * bins)

    @override
    def arrange(self, maps: Tensor) -> Tensor:
        batch, channels, frames, bins = maps.shape
        return maps.permute(0, 2, 3, 1).reshape(batch, 1, channels, frames * bins)


class ChannelSequences(Arrangement):
    """A sequence for each channel; its steps are the frames, its features the bins. YerevaNN's shared GRU."""

    @override
    def shape(self, channels: int, frames: int, bins: int) -> SequenceShape:
        return SequenceShape(channels, frames, bins)

    @override
    def arrange(self, maps: Tensor) -> Tensor:
        return maps


class RecurrentLayer(ABC):
    """A recurrent layer whose last state is read.

    Args:
        hidden: units of each direction.

    Raises:
        ValueError: there are none.
    """

    directions: int

    def __init__(self, hidden: int) -> None:
        check_positive(hidden=hidden)
        self.hidden = hidden

    @property
    def size(self) -> int:
        """Values of the last state, all directions included."""
        return self.directions * self.hidden

    def layer(self, features: int) -> nn.GRU:
        """The layer for so many features: Glorot-uniform, recurrent weights orthogonal, biases 0."""
        gru = nn.GRU(features, self.hidden, batch_first=True, bidirectional=self.directions == 2)
        for name, parameter in gru.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)
        return gru


class ForwardGRU(RecurrentLayer):
    """Gated recurrent units, forwards.

    Args:
        hidden: units.

    Raises:
        ValueError: there are none.
    """

    directions = 1

    def __init__(self, hidden: int = 64) -> None:
        super().__init__(hidden)


class BidirectionalGRU(RecurrentLayer):
    """Gated recurrent units, forwards and backwards; the last states of both are concatenated.

    Args:
        hidden: units of each direction.

    Raises:
        ValueError: there are none.
    """

    directions = 2

    def __init__(self, hidden: int = 32) -> None:
        super().__init__(hidden)


class SequenceDropout(nn.Module):
    """Dropout with one mask for all steps of a sequence `(batch, steps, features)`.

    Y. Gal, Z. Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", NIPS 2016.

    Args:
        p: probability that a feature is dropped.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    @override
    def extra_repr(self) -> str:
        return f"p={self.p}"

    @override
    def forward(self, values: Tensor) -> Tensor:
        return values * functional.dropout(torch.ones_like(values[:, :1]), self.p, self.training)


class ConvRNN(ClipNetwork):
    """A trunk of convolutions, a recurrent layer on its maps, and a dense layer on the last state.

    With 3 classes and clips of 5 s (313 frames of 32 bands), the defaults are the wide network of 56,755 parameters.

    Args:
        classes: logits of a clip.
        feature_bins: of each frame of features.
        feature_frames: of every clip.
        trunk: the convolutions; None: PoolingTrunk, wide.
        arrangement: of the maps as sequences; None: TimeSteps.
        recurrent: the recurrent layer; None: ForwardGRU with 64 units.
        input_dropout: probability that a feature of the recurrent layer's input is dropped, at all steps.
        output_dropout: probability that a value of the last states is dropped.

    Raises:
        ValueError: a size is not positive or too small for the trunk, or a probability is out of range.
    """

    frames: int

    def __init__(
        self,
        classes: int,
        feature_bins: int,
        feature_frames: int,
        trunk: ConvolutionalTrunk | None = None,
        arrangement: Arrangement | None = None,
        recurrent: RecurrentLayer | None = None,
        input_dropout: float = 0.3,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(classes=classes, feature_bins=feature_bins, feature_frames=feature_frames)
        check_probability(input_dropout=input_dropout, output_dropout=output_dropout)
        self.classes, self.bins, self.frames = classes, feature_bins, feature_frames
        self.trunk, self.arrangement = trunk or PoolingTrunk(), arrangement or TimeSteps()
        recurrent = recurrent or ForwardGRU()
        shape = self.arrangement.shape(self.trunk.channels, *self.trunk.shape(feature_frames, feature_bins))
        self.input_dropout, self.output_dropout = SequenceDropout(input_dropout), nn.Dropout(output_dropout)
        self.recurrent = recurrent.layer(shape.features)
        self.classifier = GlorotLinear(shape.sequences * recurrent.size, classes)

    @override
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        check_features(features, self.bins, self.frames)
        sequences = self.arrangement.arrange(self.trunk(features.unsqueeze(1)))
        _, states = self.recurrent(self.input_dropout(sequences.flatten(0, 1)))
        # From (directions, batch * sequences, hidden); the directions of each sequence are concatenated.
        states = states.transpose(0, 1).reshape(len(features), -1)
        logits: Tensor = self.classifier(self.output_dropout(states))
        return logits
