"""The layers after WaveNet's stack: as many outputs as they state, at the positions that they state."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures.layers import SameConv1d
from architectures.wavenet.output import AveragePool, Centred, Convolution, MaxPool, Places, Same, Valid
from tests.architectures.wavenet.centres import centres

PADDINGS = {"same": Same(), "centred": Centred(), "valid": Valid()}
SIZES = st.integers(1, 60), st.integers(1, 20), st.integers(1, 8)


@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
@settings(max_examples=40, deadline=None)
@given(*SIZES)
def test_layers_give_as_many_steps_as_they_say_at_the_places_that_they_say(padding, steps, kernel, stride):
    for layer in (Convolution(2, kernel, stride, padding), AveragePool(kernel, stride, padding)):
        before = Places(steps, 10.0, 3)
        if isinstance(padding, Valid) and kernel > steps:
            with pytest.raises(ValueError, match="steps at once"):
                layer.places(before)
            continue
        after = layer.places(before)
        found = centres(layer.module(1), 1, steps)
        assert len(found) == after.steps
        left, _ = padding.amounts(steps, kernel, stride)
        for number, place in enumerate(found):
            start = number * stride - left
            if start >= 0 and start + kernel <= steps:
                assert 10 + 3 * place == pytest.approx(after.first + after.spacing * number)


@settings(deadline=None)
@given(*SIZES)
def test_centred_is_same_unless_the_kernel_is_shorter_than_its_stride(steps, kernel, stride):
    outputs = -(-steps // stride)
    if (outputs - 1) * stride + kernel >= steps:
        assert Centred().amounts(steps, kernel, stride) == Same().amounts(steps, kernel, stride)
    else:
        left, right = Centred().amounts(steps, kernel, stride)
        assert left <= right <= left + 1 and left + right == (outputs - 1) * stride + kernel - steps


@settings(deadline=None)
@given(*SIZES)
def test_convolutions_are_those_of_tensorflow(steps, kernel, stride):
    ours, reference = Convolution(2, kernel, stride).module(3), SameConv1d(3, 2, kernel, stride)
    reference.load_state_dict(ours.state_dict())
    signal = torch.randn(1, 3, steps)
    torch.testing.assert_close(ours(signal), reference(signal))


@settings(deadline=None)
@given(*SIZES)
def test_pooling_equals_a_loop_over_what_is_there(steps, size, stride):
    signal = torch.randn(1, 2, steps)
    left, _ = Same().amounts(steps, size, stride)
    parts = [
        signal[..., max(n * stride - left, 0) : max(n * stride - left + size, 0)] for n in range(-(-steps // stride))
    ]
    for layer, reduce in ((AveragePool(size, stride), torch.mean), (MaxPool(size, stride), torch.amax)):
        expected = torch.stack([reduce(part, -1) for part in parts], -1)
        torch.testing.assert_close(layer.module(2)(signal), expected)
