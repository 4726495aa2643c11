"""LSTMs of sequences of any length in a graph, where torch.export would write as many steps as its example has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, library, nn
from typing_extensions import override


@library.custom_op("melisma::lstm", mutates_args=())
def _lstm(values: Tensor, inputs: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
    """One layer, forwards, from zeros: `(batch, frames, inputs)` to `(batch, frames, hidden)`; gates as in torch."""
    state = values.new_zeros(1, len(values), hidden.shape[1])
    weights = [inputs, hidden, bias, torch.zeros_like(bias)]
    found: Tensor = torch.lstm(values, (state, state), weights, True, 1, 0.0, False, False, True)[0]
    return found.clone()


@_lstm.register_fake
def _(values: Tensor, inputs: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
    return values.new_empty(values.shape[0], values.shape[1], hidden.shape[1])


class _Layer(nn.Module):
    """An `nn.LSTM` of one layer that reads forwards, batch first, as one operation."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.inputs, self.hidden = lstm.weight_ih_l0, lstm.weight_hh_l0
        biases = torch.stack([lstm.get_parameter("bias_ih_l0"), lstm.get_parameter("bias_hh_l0")])
        self.bias = nn.Parameter(biases.detach().sum(0))

    @override
    def forward(self, values: Tensor) -> tuple[Tensor, None]:
        found: Tensor = torch.ops.melisma.lstm(values, self.inputs, self.hidden, self.bias)
        return found, None


def with_lstm_operations(module: nn.Module) -> nn.Module:
    """The module, its LSTMs of one forward layer replaced, in place; the others remain."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.LSTM):
            plain = child.num_layers == 1 and not child.bidirectional and child.batch_first and child.bias
            if plain and not child.proj_size:
                setattr(module, name, _Layer(child))
        else:
            with_lstm_operations(child)
    return module


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What `torch.onnx.export` takes as `custom_translation_table`."""
    from onnxscript import opset20

    op: Any = opset20

    def lstm(values: Any, inputs: Any, hidden: Any, bias: Any) -> Any:  # noqa: ANN401 -- values of a graph
        one = op.Constant(value_ints=[1])
        zero = op.Constant(value_ints=[0])
        weights = (op.Unsqueeze(_reordered(op, each), zero) for each in (inputs, hidden))
        biases = _reordered(op, bias)
        nothing = op.Sub(biases, biases)
        found, _, _ = op.LSTM(
            op.Transpose(values, perm=[1, 0, 2]),
            *weights,
            op.Unsqueeze(op.Concat(biases, nothing, axis=0), zero),
            hidden_size=hidden.shape[1],
        )
        return op.Transpose(op.Squeeze(found, one), perm=[1, 0, 2])

    return {cast(Callable[..., Any], torch.ops.melisma.lstm.default): lstm}


def _reordered(op: Any, gates: Any) -> Any:  # noqa: ANN401 -- values of a graph
    """Torch's gates are input, forget, cell and output; ONNX has them as input, output, forget and cell."""
    first, forget, cell, output = op.Split(gates, num_outputs=4, axis=0)
    return op.Concat(first, output, forget, cell, axis=0)
