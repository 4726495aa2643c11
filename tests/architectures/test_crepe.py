"""CREPE against its published sizes, and as a network."""

import pytest
import torch

from architectures import CREPE
from architectures.layers import parameter_count

# Capacity, window, width: published number of parameters.
PUBLISHED = {
    (4, 1024, 640): 558_240,
    (8, 1024, 640): 1_771_200,
    (16, 1024, 640): 6_163_200,
    (32, 1024, 640): 22_811_520,
    (4, 1024, 128): 426_656,
    (8, 1024, 128): 1_508_544,
    (16, 1024, 128): 5_638_400,
    (32, 1024, 128): 21_762_432,
    (16, 1024, 384): 5_900_800,
    (16, 1024, 896): 6_425_600,
    (16, 1024, 1152): 6_688_000,
    (8, 512, 640): 1_607_360,
    (8, 2048, 640): 2_098_880,
    (8, 4096, 640): 2_754_240,
    (8, 8192, 640): 4_064_960,
}


@pytest.mark.parametrize(("size", "published"), PUBLISHED.items())
def test_parameter_count(size, published):
    capacity, window, width = size
    with torch.device("meta"):
        assert parameter_count(CREPE(width, window, capacity)) == published


@pytest.mark.parametrize(("window", "frames"), [(512, 1), (1024, 1), (1000, 3)])
def test_logits_of_every_frame(window, frames):
    assert CREPE(30, window, 1, frames)(torch.randn(2, window)).shape == (2, frames, 30)


def test_the_same_alone_and_in_a_batch():
    torch.manual_seed(0)
    network = CREPE(30, 512, 1).eval()
    audio = torch.randn(5, 512)
    torch.testing.assert_close(torch.cat([network(row[None]) for row in audio]), network(audio), rtol=1e-4, atol=1e-5)


def test_loudness_does_not_matter_but_sound_does():
    torch.manual_seed(0)
    network = CREPE(30, 512, 1).eval()
    audio = torch.randn(1, 512)
    torch.testing.assert_close(network(audio), network(audio * 3), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(network(audio), network(torch.randn(1, 512)), atol=1e-3)


def test_gradients_reach_the_input():
    audio = torch.randn(2, 512, requires_grad=True)
    CREPE(30, 512, 1).eval()(audio).sum().backward()
    assert (audio.grad != 0).any()


def test_a_window_too_short_is_refused():
    with pytest.raises(ValueError, match="window: 252"):
        CREPE(30, 252)
    assert CREPE(30, 253, 1)(torch.randn(2, 253)).shape == (2, 1, 30)
