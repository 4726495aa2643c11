"""Recurrent bodies of `DeepSpeechClassifier`: two layers, whose last state, alone or with the mean output, is read.

Of the published "2 RNN" rows only the accuracy is known. The layers are those of the public DeepSpeech code in PyTorch
of 2019, which they extend. The layer normalisation and the dense layer after them are ours.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from typing_extensions import override

from architectures.deepspeech.deepspeech import BodyNetwork, DeepSpeechBody
from architectures.layers import check_positive
from architectures.masked import MaskedBatchNorm, frame_mask

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"GRU": nn.GRU, "LSTM": nn.LSTM}


class SummedRecurrentLayer(nn.Module):
    """A bidirectional recurrent layer whose directions are added.

    Takes `(batch, frames, features)` and lengths `(batch,)`, at least 1; gives outputs `(batch, frames, hidden)`, zeros
    in the padding, and the last state `(batch, hidden)`.

    Args:
        features: of each frame.
        hidden: units of each direction.
        cell: kind of unit.
    """

    def __init__(self, features: int, hidden: int, cell: Literal["GRU", "LSTM"]) -> None:
        super().__init__()
        self.layer = CELLS[cell](features, hidden, batch_first=True, bidirectional=True)

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, state = self.layer(packed)
        output, _ = pad_packed_sequence(output, batch_first=True, total_length=values.shape[1])
        state = state[0] if isinstance(state, tuple) else state
        forwards, backwards = output.chunk(2, dim=2)
        return forwards + backwards, state.sum(0)


class SummedRecurrentStack(nn.Module):
    """Summed recurrent layers in series, with a normalisation over the frames that exist before all but the first.

    Inputs are those of SummedRecurrentLayer, outputs those of the last one. Two layers on 1,312 features have
    17,838,400 (GRU, 800 units), 26,961,920 (GRU, 1,024), 23,784,000 (LSTM, 800) or 35,948,544 parameters (LSTM, 1,024).

    Args:
        features: of each frame.
        hidden: units of each direction.
        layers: how many.
        cell: kind of unit.
    """

    def __init__(self, features: int, hidden: int, layers: int, cell: Literal["GRU", "LSTM"]) -> None:
        super().__init__()
        self.first = SummedRecurrentLayer(features, hidden, cell)
        self.norms = nn.ModuleList(MaskedBatchNorm(hidden) for _ in range(layers - 1))
        self.later = nn.ModuleList(SummedRecurrentLayer(hidden, hidden, cell) for _ in range(layers - 1))

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = frame_mask(lengths, values.shape[1])
        output, state = self.first(values, lengths)
        for norm, layer in zip(self.norms, self.later, strict=True):
            output, state = layer(norm(output.transpose(1, 2), mask).transpose(1, 2), lengths)
        return output, state


class RecurrentNetwork(BodyNetwork):
    """Recurrent layers, a vector that summarises their output, layer normalisation, and a dense layer.

    Args:
        stack: the recurrent layers.
        width: of the summary.
        classes: logits.
    """

    def __init__(self, stack: SummedRecurrentStack, width: int, classes: int) -> None:
        super().__init__()
        self.stack = stack
        self.classifier = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    @abstractmethod
    def summary(self, output: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        """`(batch, width)` from outputs `(batch, frames, hidden)`, last state `(batch, hidden)`, frames `(batch,)`."""

    @override
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        output, state = self.stack(values, lengths)
        logits: Tensor = self.classifier(self.summary(output, state, lengths))
        return logits


class _StateNetwork(RecurrentNetwork):
    @override
    def summary(self, output: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        return state


class _MeanAndStateNetwork(RecurrentNetwork):
    @override
    def summary(self, output: Tensor, state: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat((output.sum(1) / lengths[:, None], state), dim=1)


class RecurrentState(DeepSpeechBody):
    """Recurrent layers whose last state is read. The published row "only hidden", with two.

    Args:
        hidden: units of each direction; not published, 800 is the default of the code that the row extends.
        layers: how many.
        cell: kind of unit.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, hidden: int = 800, layers: int = 2, cell: Literal["GRU", "LSTM"] = "GRU") -> None:
        check_positive(hidden=hidden, layers=layers)
        if cell not in CELLS:
            raise ValueError(f"cell: {cell!r} is none of {', '.join(CELLS)}")
        self.hidden, self.layers, self.cell = hidden, layers, cell

    def stack(self, features: int) -> SummedRecurrentStack:
        """The recurrent layers for frames of so many features."""
        return SummedRecurrentStack(features, hidden=self.hidden, layers=self.layers, cell=self.cell)

    @override
    def network(self, features: int, classes: int) -> BodyNetwork:
        return _StateNetwork(self.stack(features), self.hidden, classes)


class RecurrentOutputAndState(RecurrentState):
    """Recurrent layers whose last state and mean output are read. The published row "output and hidden".

    The arguments are those of RecurrentState.

    Raises:
        ValueError: a size is not positive.
    """

    @override
    def network(self, features: int, classes: int) -> BodyNetwork:
        return _MeanAndStateNetwork(self.stack(features), 2 * self.hidden, classes)
