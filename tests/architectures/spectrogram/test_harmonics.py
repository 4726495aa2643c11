"""Harmonic stacking against its definition, bin by bin."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import Harmonics, HarmonicStacking

UNDERTONES = [-60, -95, -120, -139, -155, -168, -180, -190]
OVERTONES = [0, 60, 95, 120, 139, 155, 168, 180]


def by_definition(spectrum, shifts, width):
    batch, channels, frames, bins = spectrum.shape
    stacked = torch.zeros(batch, len(shifts) * channels, frames, width, dtype=spectrum.dtype)
    for copy, shift in enumerate(shifts):
        for channel in range(channels):
            for target in range(width):
                if 0 <= target + shift < bins:
                    stacked[:, copy * channels + channel, :, target] = spectrum[:, channel, :, target + shift]
    return stacked


def test_shifts_are_those_of_the_catalogue_in_its_order():
    assert Harmonics(8, 8).shifts(5) == [*UNDERTONES, *OVERTONES]
    assert Harmonics(1, 5).shifts(5) == [-60, 0, 60, 95, 120, 139]
    assert Harmonics(2, 3).shifts(1) == [-12, -19, 0, 12, 19]
    assert Harmonics(2, 3).multipliers == [1 / 2, 1 / 3, 1, 2, 3]
    assert Harmonics(2, 3).copies == 5


@settings(max_examples=60, deadline=None)
@given(
    undertones=st.integers(0, 4),
    overtones=st.integers(1, 5),
    bins_per_semitone=st.integers(1, 3),
    bins=st.integers(1, 60),
    width=st.integers(1, 60),
    channels=st.integers(1, 3),
)
def test_stacking_equals_its_definition_for_any_sizes(undertones, overtones, bins_per_semitone, bins, width, channels):
    torch.manual_seed(0)
    harmonics = Harmonics(undertones, overtones)
    spectrum = torch.randn(2, channels, 3, bins)
    stacked = HarmonicStacking(harmonics, bins_per_semitone, bins, width)(spectrum)
    assert torch.equal(stacked, by_definition(spectrum, harmonics.shifts(bins_per_semitone), width))


def test_stacking_equals_its_definition_in_the_published_sizes():
    spectrum = torch.rand(1, 3, 2, 540)
    stacked = HarmonicStacking(Harmonics(8, 8), 5, 540, 360)(spectrum)
    assert stacked.shape == (1, 48, 2, 360)
    assert torch.equal(stacked, by_definition(spectrum, [*UNDERTONES, *OVERTONES], 360))


def test_the_harmonics_of_a_tone_meet_in_the_bin_of_its_fundamental():
    spectrum = torch.zeros(1, 1, 1, 540)
    fundamental = 100
    spectrum[..., [fundamental, fundamental + 60, fundamental + 95, fundamental + 120]] = 1
    stacked = HarmonicStacking(Harmonics(0, 4), 5, 540, 360)(spectrum)
    assert stacked.sum(1).argmax().item() == fundamental
    assert (stacked[0, :, 0, fundamental] == 1).all()


def test_what_lies_beyond_the_ends_is_zero_and_nothing_wraps_around():
    below, above = HarmonicStacking(Harmonics(1, 2), 1, 30, 30)(torch.ones(1, 1, 1, 30))[0, [0, 2], 0]
    assert below.tolist() == [0] * 12 + [1] * 18
    assert above.tolist() == [1] * 18 + [0] * 12


@pytest.mark.parametrize(("bins", "width"), [(40, 30), (30, 30), (20, 30)])
def test_gradients_are_those_of_the_definition(bins, width):
    torch.manual_seed(0)
    stacking = HarmonicStacking(Harmonics(2, 3), 1, bins, width)
    spectrum = torch.randn(2, 3, 4, bins, dtype=torch.double, requires_grad=True)
    weights = torch.randn(2, 15, 4, width, dtype=torch.double)
    (expected,) = torch.autograd.grad(
        (by_definition(spectrum, Harmonics(2, 3).shifts(1), width) * weights).sum(), spectrum
    )
    (gradient,) = torch.autograd.grad((stacking(spectrum) * weights).sum(), spectrum)
    torch.testing.assert_close(gradient, expected)
    assert torch.autograd.gradcheck(stacking, torch.randn(1, 2, 1, bins, dtype=torch.double, requires_grad=True))


def test_neither_input_nor_gradient_need_be_contiguous():
    torch.manual_seed(0)
    stacking = HarmonicStacking(Harmonics(1, 2), 1, 30, 30)
    plain = torch.randn(2, 3, 4, 30, requires_grad=True)
    turned = plain.detach().transpose(1, 2).contiguous().transpose(1, 2).requires_grad_()
    weights = torch.randn(2, 4, 9, 30).transpose(1, 2)
    for spectrum in (plain, turned):
        (stacking(spectrum) * weights).sum().backward()
    assert torch.equal(stacking(turned), stacking(plain))
    assert torch.equal(turned.grad, plain.grad)


def test_without_harmonics_the_lowest_bins_are_left():
    spectrum = torch.rand(2, 3, 4, 50)
    assert torch.equal(HarmonicStacking(Harmonics(), 5, 50, 30)(spectrum), spectrum[..., :30])
    assert torch.equal(HarmonicStacking(Harmonics(), 5, 50, 50)(spectrum), spectrum)


def test_the_input_is_not_changed_and_its_type_is_kept():
    spectrum = torch.rand(1, 2, 3, 30).bfloat16()
    before = spectrum.clone()
    stacked = HarmonicStacking(Harmonics(1, 2), 1, 30, 30)(spectrum)
    stacked.zero_()
    assert torch.equal(spectrum, before) and stacked.dtype == torch.bfloat16


def test_bad_sizes_are_refused_by_name():
    with pytest.raises(ValueError, match="undertones: -1"):
        Harmonics(-1, 1)
    with pytest.raises(ValueError, match="overtones: 0"):
        Harmonics(1, 0)
    with pytest.raises(ValueError, match="width: 0"):
        HarmonicStacking(Harmonics(), 5, 540, 0)
    with pytest.raises(ValueError, match="spectrum: 360 bins, where 540"):
        HarmonicStacking(Harmonics(1, 5), 5, 540, 360)(torch.zeros(1, 1, 1, 360))


@pytest.mark.long(seconds=20)
def test_compiled_it_gives_the_same_in_both_directions():
    stacking = HarmonicStacking(Harmonics(2, 3), 1, 40, 30)
    spectrum = torch.randn(2, 3, 4, 40, requires_grad=True)
    weights = torch.randn(2, 15, 4, 30)
    expected = stacking(spectrum)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), spectrum)
    compiled = torch.compile(stacking)(spectrum)
    assert torch.equal(compiled, expected)
    (compiled_gradient,) = torch.autograd.grad((compiled * weights).sum(), spectrum)
    torch.testing.assert_close(compiled_gradient, gradient)
