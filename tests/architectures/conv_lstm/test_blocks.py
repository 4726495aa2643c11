"""Residual blocks and LSTMs on padded batches, against plain convolutions and packed sequences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from architectures.conv_lstm.blocks import MaskedLSTM, basic_block, bottleneck
from tests.architectures.conv_lstm.norms import trained_norms


@settings(max_examples=50, deadline=None)
@given(
    frames=st.integers(0, 300),
    blocks=st.lists(st.tuples(st.sampled_from([basic_block, bottleneck]), st.integers(1, 4)), min_size=1, max_size=3),
)
def test_lengths_of_blocks_are_those_that_their_strides_step_through(frames, blocks):
    lengths, expected = torch.tensor([frames]), frames
    for block, stride in blocks:
        lengths, expected = block(2, 2, stride).lengths(lengths), len(range(0, expected, stride))
    assert lengths.tolist() == [expected]


@pytest.mark.parametrize("directions", [1, 2])
def test_masked_lstm_is_an_lstm_on_packed_sequences(directions):
    torch.manual_seed(0)
    lengths = torch.tensor([9, 12, 1, 5])
    values = torch.randn(4, 12, 6, dtype=torch.float64, requires_grad=True)
    ours = MaskedLSTM(6, 5, 3, directions, dropout=0.0).double()
    reference = nn.LSTM(6, 5, 3, batch_first=True, bidirectional=directions == 2).double()
    stacks = [ours.forwards, ours.backwards][:directions]
    for layer in range(3):
        for stack, suffix in zip(stacks, ("", "_reverse"), strict=False):
            for name, weight in stack[layer].named_parameters():
                getattr(reference, f"{name[:-1]}{layer}{suffix}").data.copy_(weight.data)
    packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    mask = (torch.arange(12) < lengths[:, None])[..., None]
    result = ours(values, lengths) * mask
    torch.testing.assert_close(result, expected)
    weight = torch.randn_like(result)
    gradients = [torch.autograd.grad((output * weight).sum(), values)[0] for output in (result, expected)]
    torch.testing.assert_close(*gradients)


def test_dropout_falls_between_lstms_and_nowhere_else():
    values, lengths = torch.ones(2, 6, 4), torch.tensor([6, 4])
    for layers, chance in ((1, False), (2, True)):
        lstm = MaskedLSTM(4, 3, layers, 2, dropout=0.5)
        assert torch.equal(lstm(values, lengths), lstm(values, lengths)) != chance
        assert lstm(values, lengths).ne(0).all(), "the last layer's outputs are all there"


@pytest.mark.parametrize(("block", "kernels"), [(basic_block, (3, 3)), (bottleneck, (1, 3, 1))])
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_are_the_published_ones(block, kernels, stride):
    torch.manual_seed(0)
    ours = trained_norms(block(4, 6, stride)).eval()
    values = torch.randn(2, 4, 11)
    strides = [
        stride if kernel == 3 and place == min(1, len(kernels) - 2) else 1 for place, kernel in enumerate(kernels)
    ]

    def normalised(part, values, stride):
        weight, norm = part.convolution.weight, part.norm
        assert part.convolution.bias is None
        convolved = functional.conv1d(values, weight, stride=stride, padding=weight.shape[2] // 2)
        return functional.batch_norm(convolved, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    hidden = values
    for place, part in enumerate(ours.body.chain):
        assert part.convolution.kernel_size == (kernels[place],)
        hidden = normalised(part, hidden, strides[place])
        hidden = hidden if place == len(kernels) - 1 else hidden.relu()
    expected = (hidden + normalised(ours.shortcut, values, stride)).relu()
    torch.testing.assert_close(ours(values, torch.tensor([11, 11])), expected)
