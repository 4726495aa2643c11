"""Convolutions and a recurrent network, part by part."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import (
    BidirectionalGRU,
    ChannelSequences,
    ConvRNN,
    ForwardGRU,
    MobileNetV2Trunk,
    OverlappingPoolingTrunk,
    PoolingTrunk,
    StrangeReshape,
    TimeSteps,
)
from architectures.conv_rnn.conv_rnn import SequenceDropout
from architectures.conv_rnn.trunks import SameMaxPool2d


def perturb_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)


def published_trunk(trunk, image):
    """Model 1 as the layer table has it: frequency before time, padding behind, pooling before the normalisation."""
    x = image.transpose(2, 3)
    for layer, (convolution, _, _, norm) in enumerate(trunk.blocks):
        before, behind = (1, 2) if layer == 0 else (0, 1)
        x = functional.pad(x, (before, behind, before, behind))
        x = functional.conv2d(x, convolution.weight.transpose(2, 3), convolution.bias).clamp_min(0)
        x = functional.max_pool2d(x, (2, 2) if layer == 0 else (2, 1))
        x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + 1e-3).sqrt()
        x = x * norm.weight[:, None, None] + norm.bias[:, None, None]
    return x


@pytest.mark.parametrize("widths", [[16, 16, 32, 32, 32], [16, 32, 32, 64, 64]])
def test_the_trunk_of_model_1_is_that_of_the_layer_table(widths):
    torch.manual_seed(0)
    trunk = PoolingTrunk(widths).eval()
    perturb_norms(trunk)
    image = torch.randn(2, 1, 313, 32)
    expected = published_trunk(trunk, image)
    assert expected.shape == (2, widths[-1], 1, 156)
    torch.testing.assert_close(trunk(image), expected.transpose(2, 3), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("trunk", "frames", "bins", "shape"),
    [
        (PoolingTrunk(), 313, 32, (64, 156, 1)),
        (PoolingTrunk(), 51, 70, (64, 25, 2)),
        (OverlappingPoolingTrunk(), 313, 223, (32, 20, 14)),
        (OverlappingPoolingTrunk(), 50, 48, (32, 4, 3)),
        (MobileNetV2Trunk(), 223, 223, (1280, 7, 7)),
        (MobileNetV2Trunk(), 65, 40, (1280, 3, 2)),
    ],
    ids=str,
)
def test_a_trunk_gives_the_shape_that_it_foretells(trunk, frames, bins, shape):
    assert (trunk.channels, *trunk.shape(frames, bins)) == shape
    assert trunk.eval()(torch.randn(1, 1, frames, bins)).shape[1:] == shape


@pytest.mark.parametrize(("rows", "columns"), [(7, 9), (8, 6), (7, 6)])
def test_overlapping_pooling_ignores_what_lies_beyond_the_edges(rows, columns):
    image = -1 - torch.rand(1, 1, rows, columns)
    pooled = SameMaxPool2d()(image)[0, 0]
    assert pooled.shape == (-(-rows // 2), -(-columns // 2))
    starts = [[2 * place - size % 2 for place in range(-(-size // 2))] for size in (rows, columns)]
    for row, top in enumerate(starts[0]):
        for column, left in enumerate(starts[1]):
            assert pooled[row, column] == image[0, 0, max(top, 0) : top + 3, max(left, 0) : left + 3].max()


def test_mobilenet_normalises_as_keras_does_and_starts_without_learned_weights():
    first, second = MobileNetV2Trunk(), MobileNetV2Trunk(momentum=0.1)
    assert {(module.eps, module.momentum) for module in first.modules() if isinstance(module, nn.BatchNorm2d)} == {
        (1e-3, 0.001)
    }
    assert {module.momentum for module in second.modules() if isinstance(module, nn.BatchNorm2d)} == {0.1}
    assert first.layers[0][0].weight.shape == (8, 1, 3, 3)
    assert not torch.equal(first.layers[0][0].weight, second.layers[0][0].weight)


MAPS = torch.arange(2 * 4 * 6 * 1.0).view(2, 4, 6, 1)  # batch, channels, frames, bins


def test_time_steps_hold_the_channels_and_bins_of_a_frame():
    maps = torch.arange(2 * 4 * 6 * 3).view(2, 4, 6, 3)
    sequences = TimeSteps().arrange(maps)
    assert sequences.shape == (2, *TimeSteps().shape(4, 6, 3)) == (2, 1, 6, 12)
    assert torch.equal(sequences[1, 0, 5], maps[1, :, 5].flatten())


def test_the_strange_reshape_cuts_memory_anew():
    sequences = StrangeReshape().arrange(MAPS)
    assert sequences.shape == (2, *StrangeReshape().shape(4, 6, 1)) == (2, 1, 4, 6)
    flat = [MAPS[0, channel, frame, 0].item() for frame in range(6) for channel in range(4)]
    assert sequences[0].flatten().tolist() == flat
    assert not torch.equal(sequences[:, 0], MAPS[..., 0])


def test_channels_are_sequences():
    maps = torch.arange(2 * 4 * 6 * 3).view(2, 4, 6, 3)
    sequences = ChannelSequences().arrange(maps)
    assert sequences.shape == (2, *ChannelSequences().shape(4, 6, 3)) == (2, 4, 6, 3)
    assert torch.equal(sequences[1, 2], maps[1, 2])


def last_state(gru, sequence):
    """Of one layer and direction, step by step, for `(batch, steps, features)`."""
    state = torch.zeros(len(sequence), gru.hidden_size)
    for step in sequence.unbind(1):
        given = (step @ gru.weight_ih_l0.T + gru.bias_ih_l0).chunk(3, 1)
        own = (state @ gru.weight_hh_l0.T + gru.bias_hh_l0).chunk(3, 1)
        reset, update = (given[0] + own[0]).sigmoid(), (given[1] + own[1]).sigmoid()
        state = (1 - update) * (given[2] + reset * own[2]).tanh() + update * state
    return state


@pytest.mark.parametrize("arrangement", [TimeSteps(), StrangeReshape(), ChannelSequences()])
def test_the_last_states_of_all_sequences_are_classified(arrangement):
    torch.manual_seed(0)
    network = ConvRNN(3, 32, 20, arrangement=arrangement, recurrent=ForwardGRU(5)).eval()
    clips = torch.randn(2, 20, 32)
    sequences = arrangement.arrange(network.trunk(clips[:, None]))
    states = [last_state(network.recurrent, sequence) for sequence in sequences.unbind(1)]
    expected = network.classifier(torch.cat(states, dim=1))
    torch.testing.assert_close(network(clips, torch.tensor([20, 20])), expected, rtol=1e-4, atol=1e-5)


def test_both_directions_end_where_they_have_read_everything():
    torch.manual_seed(0)
    network = ConvRNN(3, 32, 20, recurrent=BidirectionalGRU(5)).eval()
    clips = torch.randn(2, 20, 32)
    output, _ = network.recurrent(TimeSteps().arrange(network.trunk(clips[:, None]))[:, 0])
    expected = network.classifier(torch.cat((output[:, -1, :5], output[:, 0, 5:]), dim=1))
    torch.testing.assert_close(network(clips, torch.tensor([20, 20])), expected, rtol=1e-4, atol=1e-5)


def test_weights_start_as_keras_starts_them():
    torch.manual_seed(0)
    network = ConvRNN(3, 32, 20)
    gru = network.recurrent
    torch.testing.assert_close(gru.weight_hh_l0.T @ gru.weight_hh_l0, torch.eye(64), atol=1e-5, rtol=0)
    limit = (6 / (64 + 3 * 64)) ** 0.5
    assert 0.95 * limit < gru.weight_ih_l0.abs().max() <= limit
    assert all((parameter == 0).all() for name, parameter in network.named_parameters() if "bias" in name)


def test_input_dropout_has_one_mask_for_a_sequence_and_another_for_the_next():
    torch.manual_seed(0)
    dropped = SequenceDropout(0.25)(torch.ones(50, 7, 40))
    assert (dropped == dropped[:, :1]).all()
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (dropped[0] != dropped[1]).any()
    assert abs((dropped == 0).float().mean().item() - 0.25) < 0.05
    assert (SequenceDropout(0.25).eval()(torch.ones(2, 7, 4)) == 1).all()


@pytest.mark.parametrize("name", ["input_dropout", "output_dropout"])
def test_dropout_is_active_in_training_alone(name):
    torch.manual_seed(0)
    options = {"input_dropout": 0.0, "output_dropout": 0.0, name: 0.5}
    network = ConvRNN(3, 32, 20, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    clips, lengths = torch.randn(1, 20, 32), torch.tensor([20])
    assert not torch.equal(network(clips, lengths), network(clips, lengths))
    network.eval()
    assert torch.equal(network(clips, lengths), network(clips, lengths))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "classes: 0 is not positive"),
        ({"feature_bins": 31}, "frames, bins: 20 and 31"),
        ({"input_dropout": 1.0}, r"input_dropout: 1\.0"),
        ({"output_dropout": -0.1}, r"output_dropout: -0\.1"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ConvRNN(**{"classes": 3, "feature_bins": 32, "feature_frames": 20} | options)


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        (PoolingTrunk, {"widths": [1, 2]}, "widths: .* five"),
        (PoolingTrunk, {"widths": [1, 2, 3, 4, 0]}, "widths: .* five positive"),
        (OverlappingPoolingTrunk, {"widths": []}, "widths: .* four"),
        (MobileNetV2Trunk, {"width": 0.0}, "width: 0"),
        (MobileNetV2Trunk, {"momentum": 2.0}, "momentum: 2"),
        (ForwardGRU, {"hidden": 0}, "hidden: 0"),
    ],
)
def test_impossible_parts_are_refused(part, options, message):
    with pytest.raises(ValueError, match=message):
        part(**options)
