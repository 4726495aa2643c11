"""Functions of the power in mel bands."""

import pytest
import torch

from architectures import Amplitude, Decibels, FrontEnd, LogPower, Standardised


def test_decibels_are_ten_logarithms_of_amplitude_below_the_maximum_of_the_clip():
    power = torch.tensor([[[1.0, 1e-4], [1e-8, 0.0]], [[1e-4, 1e-8], [1e-12, 1e-4]]])
    expected = torch.tensor([[[0.0, -20.0], [-40.0, -80.0]], [[0.0, -20.0], [-40.0, 0.0]]])
    torch.testing.assert_close(Decibels()(power), expected)
    assert Decibels(-30.0)(power).min() == -30.0


def test_standardised_clips_have_mean_0_and_variance_1_each():
    values = Standardised(Decibels())(torch.rand(3, 20, 8) * torch.tensor([1.0, 1e-3, 5.0])[:, None, None])
    torch.testing.assert_close(values.mean((1, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std((1, 2), correction=0), torch.ones(3))
    assert Standardised(Amplitude())(torch.zeros(1, 4, 4)).abs().max() == 0


@pytest.mark.parametrize(
    ("kind", "options", "name"), [(LogPower, {"offset": 0.0}, "offset"), (Decibels, {"floor": 0.0}, "floor")]
)
def test_impossible_compressions_are_refused(kind, options, name):
    with pytest.raises(ValueError, match=f"{name}: 0"):
        kind(**options)


def test_compressions_are_named_by_class(configured):
    within = {"class_path": "architectures.Decibels", "init_args": {"floor": -60.0}}
    compression = {"class_path": "architectures.Standardised", "init_args": {"compression": within}}
    front_end = configured(FrontEnd, "architectures.SlaneyMelSpectrogram", high=5000.0, compression=compression)
    assert isinstance(front_end.compression, Standardised) and front_end.compression.compression.floor == -60.0
