"""SpecAugment: inclusive bounds, and masks that depend on an item's own seed and on nothing else."""

import pytest
import torch

from architectures.front_ends.spec_augment import SpecAugment

SEEDS = torch.arange(1, 20001) * 0x1234567 % (1 << 62)


def masked(layer, seeds=SEEDS, frames=6, bins=40, lengths=None):
    """(batch, frames, bins): what is masked."""
    return layer(torch.ones(len(seeds), 1, frames, bins), seeds, lengths)[:, 0] == 0


def runs(mask):
    """First place and width of the single run of True in each row; all rows have one."""
    width, first = mask.sum(1), mask.int().argmax(1)
    place = torch.arange(mask.shape[1])
    assert torch.equal(mask, (place >= first[:, None]) & (place < (first + width)[:, None])), "a mask is one run"
    return first, width


@pytest.mark.parametrize("axis", ["bins", "frames"])
def test_every_width_up_to_the_largest_and_every_place_up_to_both_edges_occur_equally_often(axis):
    size, widest = 40, 26
    if axis == "bins":
        mask = masked(SpecAugment(1, widest, 0, 1), frames=3, bins=size)
        assert torch.equal(mask, mask[:, :1].expand_as(mask)), "a frequency mask covers all frames"
        first, width = runs(mask[:, 0])
    else:
        mask = masked(SpecAugment(0, 1, 1, widest), frames=size, bins=3)
        assert torch.equal(mask, mask[:, :, :1].expand_as(mask)), "a time mask covers all bins"
        first, width = runs(mask[:, :, 0])
    widths = torch.bincount(width, minlength=widest + 2)
    assert widths[0] == 0 and widths[widest + 1 :].sum() == 0
    expected = len(SEEDS) / widest
    assert (widths[1 : widest + 1] - expected).abs().max() < 5 * expected**0.5
    for each in (1, widest):
        places = torch.bincount(first[width == each], minlength=size)
        assert (places[: size - each + 1] > 0).all() and places[size - each + 1 :].sum() == 0
    assert (first == 0).any() and (first + width == size).any()


def test_widths_and_places_of_both_kinds_of_masks_are_independent():
    places, widths = runs(masked(SpecAugment(1, 4, 0, 1), bins=8)[:, 0])
    begins, lasts = runs(masked(SpecAugment(0, 1, 1, 4), frames=8)[:, :, 0])
    correlation = torch.corrcoef(torch.stack([places, widths, begins, lasts]).double())
    assert correlation[:2, 2:].abs().max() < 0.03
    at_the_edge = torch.stack([(places[widths == width] == 0).double().mean() for width in (1, 2, 3, 4)])
    torch.testing.assert_close(at_the_edge, 1 / torch.tensor([8.0, 7, 6, 5]).double(), atol=0.02, rtol=0)


def test_several_masks_differ_from_each_other():
    two = masked(SpecAugment(2, 1, 0, 1))[:, 0].sum(1)
    assert two.max() == 2
    assert (two == 1).double().mean() == pytest.approx(1 / 40, abs=0.005)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.75, 1.0])
def test_items_are_masked_with_the_given_probability(p):
    share = masked(SpecAugment(1, 5, 1, 2, p=p)).flatten(1).any(1).double().mean().item()
    assert share == pytest.approx(p, abs=0.015)
    if p in (0, 1):
        assert share == p


def test_masks_depend_on_the_items_seed_alone():
    layer, spectrum = SpecAugment(2, 10, 1, 3), torch.randn(64, 2, 6, 40)
    torch.manual_seed(0)
    whole = layer(spectrum, SEEDS[:64])
    state = torch.get_rng_state()
    assert torch.equal(layer(spectrum, SEEDS[:64]), whole)
    assert torch.equal(torch.get_rng_state(), state), "nothing is drawn from the global generator"
    order = torch.randperm(64)
    assert torch.equal(layer(spectrum[order], SEEDS[:64][order]), whole[order])
    for item in (0, 17, 63):
        assert torch.equal(layer(spectrum[item : item + 1], SEEDS[item : item + 1]), whole[item : item + 1])
    assert len({tuple(row.tolist()) for row in masked(layer, SEEDS[:64]).flatten(1)}) > 60


def test_the_masks_stay_the_same_from_version_to_version():
    layer = SpecAugment(1, 10, 1, 3)
    mask = masked(layer, torch.tensor([0, 1, (1 << 63) - 1]))
    for rows, expected in ((mask.all(1), [(10, 1), (32, 1), (20, 9)]), (mask.all(2), [(5, 1), (0, 3), (1, 2)])):
        assert list(zip(*(values.tolist() for values in runs(rows)), strict=True)) == expected


def test_time_masks_stay_within_the_items_length():
    lengths = torch.arange(20000) % 13
    mask = masked(SpecAugment(0, 1, 2, 5), frames=12, lengths=lengths)[:, :, 0]
    assert not (mask & (torch.arange(12) >= lengths[:, None])).any()
    ends = mask[torch.arange(20000), lengths - 1] & (lengths > 0)
    assert all(ends[lengths == length].any() for length in range(1, 13)), "the last frame can be masked"
    assert not mask[lengths == 0].any()
    assert mask[lengths == 1, 0].all()
    assert mask[lengths == 3].sum(1).max() == 3, "a short item can be masked whole"


def test_masked_values_become_the_given_value_in_all_channels_and_the_argument_is_not_changed():
    spectrum = torch.randn(100, 3, 6, 40)
    before = spectrum.clone()
    result = SpecAugment(1, 10, 1, 3, value=-80.0)(spectrum, SEEDS[:100])
    assert torch.equal(spectrum, before)
    changed = result == -80
    assert torch.equal(result[~changed], spectrum[~changed])
    assert torch.equal(changed, changed[:, :1].expand_as(changed)) and changed.flatten(1).any(1).all()


def test_a_spectrum_without_channels_is_masked_alike():
    layer, spectrum = SpecAugment(1, 10, 1, 3), torch.randn(10, 6, 40)
    assert torch.equal(layer(spectrum, SEEDS[:10]), layer(spectrum[:, None], SEEDS[:10])[:, 0])


def test_gradients_reach_what_is_not_masked():
    spectrum = torch.randn(4, 1, 6, 40, requires_grad=True)
    result = SpecAugment(1, 10, 1, 3)(spectrum, SEEDS[:4])
    result.sum().backward()
    assert torch.equal(spectrum.grad == 0, result == 0)


def test_nothing_is_masked_while_evaluating_and_no_seeds_are_needed():
    spectrum = torch.randn(4, 1, 6, 40)
    assert SpecAugment().eval()(spectrum, None) is spectrum


def test_impossible_arguments_are_refused_by_name():
    for name, value in (("frequency_masks", -1), ("max_frequency_width", 0), ("time_masks", -1), ("max_time_width", 0)):
        with pytest.raises(ValueError, match=name):
            SpecAugment(**{name: value})
    with pytest.raises(ValueError, match=r"p: 1\.5"):
        SpecAugment(p=1.5)
    with pytest.raises(ValueError, match="seeds"):
        SpecAugment()(torch.ones(1, 1, 6, 40), None)
    with pytest.raises(ValueError, match=r"max_frequency_width: 27.*20 bins"):
        SpecAugment()(torch.ones(1, 1, 6, 20), SEEDS[:1])


@pytest.mark.gpu
def test_masks_are_the_same_on_the_gpu():
    layer, spectrum = SpecAugment(2, 10, 1, 3, p=0.5), torch.randn(500, 1, 6, 40)
    lengths = torch.arange(500) % 7
    there = layer(spectrum.cuda(), SEEDS[:500].cuda(), lengths.cuda())
    assert torch.equal(there.cpu(), layer(spectrum, SEEDS[:500], lengths))
