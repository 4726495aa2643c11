"""WaveNet's dilated stack against separate convolutions of the whole window."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from architectures import WaveNet
from architectures.layers import parameter_count
from architectures.wavenet.output import Valid
from architectures.wavenet.parts import Concat, InitialConvolution, Last, Sum
from architectures.wavenet.stack import DilatedStack, FusedConv1d
from tests.architectures.wavenet.variants import CROPS, INITIAL, SKIPS, SMALL, WIDTH


def plain_stack(stack, kernel, dilations, initial, audio):
    """Every convolution by itself over the whole window, and the skip connections cropped at the end."""
    signal, skips, lost = audio, [], (0, 0)
    if initial is not None:
        sides = (initial.kernel - 1) // 2, initial.kernel // 2
        if isinstance(initial.padding, Valid):
            lost = sides
        else:
            signal = functional.pad(signal, sides)
        signal = functional.conv1d(signal, stack.initial.weight, stack.initial.bias)
    for layer, dilation in zip(stack.layers, dilations, strict=True):
        span = (kernel - 1) * dilation
        padded = functional.pad(signal, (span // 2, span - span // 2))
        f, g = (
            functional.conv1d(padded, *pair, dilation=dilation)
            for pair in zip(layer.gates.weight.chunk(2), layer.gates.bias.chunk(2), strict=True)
        )
        unit = f.tanh() * g.sigmoid()
        weights, biases = layer.mix.weight.split(layer.mix.parts), layer.mix.bias.split(layer.mix.parts)
        if layer.mix.parts[0]:
            skips.append(functional.conv1d(unit, weights[0], biases[0]))
        if layer.mix.parts[1]:
            signal = signal + functional.conv1d(unit, weights[1], biases[1])
    result = sum(skips) if isinstance(stack.skips, Sum) else torch.cat(skips, dim=1)
    left, right = (stack.context - gone - kept for gone, kept in zip(lost, stack.margins, strict=True))
    return result[..., left : result.shape[-1] - right]


@pytest.mark.parametrize("context", [5, None, 60])
@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
@pytest.mark.parametrize("skips", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("initial", INITIAL.values(), ids=INITIAL)
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_stack_equals_separate_convolutions_of_the_whole_window(kernel, initial, skips, crop, context):
    torch.manual_seed(0)
    dilations = [1, 2, 4, 1, 2, 4]
    stack = DilatedStack(3, 4, kernel, dilations, context, initial, skips, crop).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5)
    audio = torch.randn(2, 1, 7 + 2 * stack.context).double()
    result = stack(audio)
    assert result.shape == (2, stack.channels, 7 + sum(stack.margins))
    torch.testing.assert_close(result, plain_stack(stack, kernel, dilations, initial, audio))


@pytest.mark.parametrize("context", [None, 60])
def test_cropped_outputs_see_no_zeros_beyond_the_window(context):
    stack = DilatedStack(2, 2, 3, [1, 2, 4], context, InitialConvolution(2))
    assert not any(side for layer in stack.layers for side in layer.gates.zeros)
    assert stack.initial.zeros == (0, 0)
    assert any(side for layer in DilatedStack(2, 2, 3, [1, 2, 4], 5).layers for side in layer.gates.zeros)


@pytest.mark.parametrize(("kernel", "stacks", "greatest"), [(2, 1, 16), (3, 1, 16), (3, 2, 8), (2, 3, 4), (5, 1, 1)])
def test_the_receptive_field_is_that_of_all_taps_of_all_stacks(kernel, stacks, greatest):
    torch.manual_seed(0)
    network = WaveNet(WIDTH, 1, 1, None, 3, 3, kernel, greatest, stacks).double()
    field = (kernel - 1) * (2 * greatest - 1) * stacks + 1
    sides = network.stack.receptive_field
    assert sum(sides) + 1 == field and network.window == 2 * max(sides) + 1
    audio = torch.randn(1, 1, network.window, requires_grad=True, dtype=torch.float64)
    network.stack(audio).sum().backward()
    assert (audio.grad != 0).sum() == field


def test_context_beyond_the_receptive_field_matters_to_the_standardisation_alone():
    torch.manual_seed(0)
    long, short = WaveNet(**SMALL, context=50), WaveNet(**SMALL)
    short.load_state_dict(long.state_dict())
    audio = torch.randn(1, 1, long.window)
    inner = audio[..., 50 - short.stack.context : long.window - 50 + short.stack.context]
    torch.testing.assert_close(long.stack(audio), short.stack(inner))
    assert short.window < long.window == 3 * 8 + 100


def test_convolutions_computed_as_one_begin_each_as_if_by_itself():
    torch.manual_seed(0)
    layer = FusedConv1d(30, (100, 0, 20), 3)
    for part in layer.weight.split(layer.parts)[::2]:
        limit = (6 / (3 * (30 + len(part)))) ** 0.5
        assert part.abs().max() <= limit and part.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)
    assert (layer.bias == 0).all()


@pytest.mark.parametrize("dilation", [1, 2, 8])
def test_a_convolution_of_two_taps_hears_as_much_after_a_sample_as_before_it(dilation):
    """With 'same' padding it is not causal; an odd sample lies behind."""
    torch.manual_seed(0)
    stack = DilatedStack(2, 2, 2, [dilation], context=20)
    audio = torch.randn(1, 1, 41, requires_grad=True)
    stack(audio)[..., 0].sum().backward()
    heard = (audio.grad[0, 0] != 0).nonzero().flatten() - 20
    assert heard.tolist() == [-(dilation // 2), dilation - dilation // 2]
    assert stack.receptive_field == (dilation // 2, dilation - dilation // 2)


@pytest.mark.parametrize("skips", [Sum(), Concat(), Last()])
def test_nothing_is_built_that_the_logits_do_not_depend_on(skips):
    stack = DilatedStack(3, 4, 2, [1, 2, 4], skips=skips)
    skipped = [layer.mix.parts[0] for layer in stack.layers]
    assert skipped == ([0, 0, 4] if isinstance(skips, Last) else [4, 4, 4])
    assert [layer.mix.parts[1] for layer in stack.layers] == [3, 3, 0]
    gates = sum(2 * 3 * (2 * before + 1) for before in (1, 3, 3))
    assert parameter_count(stack) == gates + 2 * (3 + 1) * 3 + (3 + 1) * sum(skipped)
