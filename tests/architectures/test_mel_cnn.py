"""The convolutional network for keywords."""

import pytest
import torch
from torch.nn import functional

from architectures import MelCNN


@pytest.mark.parametrize(
    ("frames", "bins", "flat"), [(81, 128, 1664), (41, 128, 624), (101, 40, 480), (81, 80, 1024), (17, 17, 16)]
)
def test_the_dense_layer_fits_what_the_convolutions_give(frames, bins, flat):
    network = MelCNN(35, bins, frames).eval()
    assert network.dense[0].in_features == flat
    assert network(torch.randn(2, frames, bins), torch.tensor([frames, 1])).shape == (2, 35)


def test_the_layers_are_those_of_the_table():
    torch.manual_seed(0)
    network = MelCNN(35, 40, 50).eval()
    clips = torch.randn(2, 50, 40)
    x = clips[:, None]
    for layer in (0, 4):
        x = functional.conv2d(x, network.convolutions[layer].weight, network.convolutions[layer].bias)
        x = functional.max_pool2d(x.clamp_min(0), 3)
    x = x.flatten(1)
    for layer in (0, 3):
        x = functional.linear(x, network.dense[layer].weight, network.dense[layer].bias).clamp_min(0)
    expected = functional.linear(x, network.dense[6].weight, network.dense[6].bias)
    torch.testing.assert_close(network(clips, torch.tensor([50, 50])), expected, rtol=1e-4, atol=1e-5)


def test_dropout_stands_at_the_four_places():
    network = MelCNN(35, 40, 50, 0.1, 0.2, 0.3, 0.4)
    places = [
        (network.convolutions, 3, 0.1),
        (network.convolutions, 7, 0.2),
        (network.dense, 2, 0.3),
        (network.dense, 5, 0.4),
    ]
    assert [part[place].p for part, place, _ in places] == [p for _, _, p in places]


@pytest.mark.parametrize("name", ["feature_bins", "feature_frames"])
def test_clips_too_small_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name}: 16, at least 17"):
        MelCNN(**{"classes": 3, "feature_bins": 17, "feature_frames": 17, name: 16})


@pytest.mark.parametrize(
    "name", ["first_block_dropout", "second_block_dropout", "first_dense_dropout", "second_dense_dropout"]
)
def test_impossible_dropout_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name}: 1.5"):
        MelCNN(3, 40, 50, **{name: 1.5})
