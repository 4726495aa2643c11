import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lightning_modules.losses.salience import PitchLoss, SalienceBCE
from lightning_modules.losses.schedules import ExponentialDecay
from lightning_modules.pitch_grid import PitchGrid

GRID = PitchGrid(lowest_note=50, semitones=12, bins_per_semitone=3)
VOICED, LOW, HIGH = 220.0, 30.0, 4000.0  # Hz; the grid goes from 147 to 288


def textbook(logits, f0, valid, grid, loss):
    """Bin by bin: the weighted sum and the number of weights that are not 0."""
    total, count = 0.0, 0
    for item in range(len(f0)):
        for frame in range(f0.shape[1]):
            hz = f0[item, frame].item()
            voiced = hz > 0
            if not valid[item, frame] or (voiced and not grid.covers(f0[item, frame])):
                continue
            for j in range(grid.bins):
                note = grid.lowest_note + j / grid.bins_per_semitone
                distance = abs(note - (69 + 12 * math.log2(hz / 440))) if voiced else math.inf
                weight = (1 if voiced else loss.unvoiced_weight) * (1 if distance < 0.5 else loss.miss_weight)
                target = math.exp(-(distance**2) / (2 * loss.sigma**2))
                p = 1 / (1 + math.exp(-logits[item, frame, j].item()))
                total += weight * -(target * math.log(p) + (1 - target) * math.log(1 - p))
                count += weight != 0
    return total / max(count, 1)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, -1.0, VOICED, 261.0, LOW, HIGH]), st.booleans()), min_size=4, max_size=4),
    st.sampled_from([0.18, 0.5]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.05, 1.0, 2.0]),
    st.integers(0, 1000),
)
def test_salience_bce_equals_the_sum_over_bins(frames, sigma, unvoiced_weight, miss_weight, seed):
    f0 = torch.tensor([hz for hz, _ in frames]).view(2, 2)
    valid = torch.tensor([is_valid for _, is_valid in frames]).view(2, 2)
    logits = 3 * torch.randn(2, 2, GRID.bins, generator=torch.Generator().manual_seed(seed))
    loss = SalienceBCE(sigma, unvoiced_weight, miss_weight)
    assert loss(logits, f0, valid, GRID).item() == pytest.approx(
        textbook(logits, f0, valid, GRID, loss), rel=2e-5, abs=1e-7
    )


def loss_and_gradient(loss, f0, logits=None, valid=None):
    f0 = torch.tensor([f0])
    if logits is None:
        logits = torch.randn(1, 4, GRID.bins, generator=torch.Generator().manual_seed(0))[:, : f0.shape[1]]
    logits = logits.clone().requires_grad_()
    valid = torch.ones_like(f0, dtype=torch.bool) if valid is None else torch.tensor([valid])
    value = loss(logits, f0, valid, GRID)
    value.backward()
    return value.item(), logits.grad[0]


def test_unvoiced_frames_are_taught_silence_when_they_weigh_something():
    """With a grid from note 0, 0 Hz must not be taken for its lowest bin."""
    grid = PitchGrid(lowest_note=0, semitones=12, bins_per_semitone=3)
    logits = torch.zeros(1, 1, grid.bins, requires_grad=True)
    SalienceBCE(unvoiced_weight=1.0)(logits, torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), grid).backward()
    assert (logits.grad > 0).all()


def test_unvoiced_frames_teach_nothing_when_they_weigh_nothing():
    value, gradient = loss_and_gradient(SalienceBCE(), [VOICED, 0.0])
    alone, _ = loss_and_gradient(SalienceBCE(), [VOICED])
    assert math.isfinite(value) and value == pytest.approx(alone)
    assert gradient[0].all() and not gradient[1].any()


def test_negative_f0_is_unvoiced():
    loss = SalienceBCE(unvoiced_weight=1.0)
    value, gradient = loss_and_gradient(loss, [VOICED, -VOICED])
    expected, expected_gradient = loss_and_gradient(loss, [VOICED, 0.0])
    assert value == expected and torch.equal(gradient, expected_gradient)


def test_one_unvoiced_frame_does_not_discard_the_window():
    _, gradient = loss_and_gradient(SalienceBCE(), [0.0, VOICED, -1.0, VOICED])
    assert gradient.any(dim=1).tolist() == [False, True, False, True]


@pytest.mark.parametrize("outside", [LOW, HIGH])
def test_notes_outside_the_grid_do_not_count(outside):
    loss = SalienceBCE(unvoiced_weight=1.0)
    value, gradient = loss_and_gradient(loss, [VOICED, outside])
    alone, _ = loss_and_gradient(loss, [VOICED])
    assert value == pytest.approx(alone)
    assert not gradient[1].any()


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_padding_does_not_count_whatever_the_network_says_there(garbage):
    loss = SalienceBCE(unvoiced_weight=1.0, miss_weight=0.5)
    logits = torch.randn(1, 2, GRID.bins)
    logits[:, 1] = garbage
    value, gradient = loss_and_gradient(loss, [VOICED, VOICED], logits, [True, False])
    alone, _ = loss_and_gradient(loss, [VOICED], logits[:, :1])
    assert value == pytest.approx(alone)
    assert gradient.isfinite().all() and not gradient[1].any()


@pytest.mark.parametrize("miss_weight", [0.0, 0.05, 1.0])
def test_nothing_to_learn_from_is_a_loss_of_0_that_can_be_differentiated(miss_weight):
    value, gradient = loss_and_gradient(SalienceBCE(miss_weight=miss_weight), [0.0, HIGH, -1.0])
    assert value == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_no_frames_at_all_is_a_loss_of_0():
    value, _ = loss_and_gradient(SalienceBCE(), [])
    assert value == 0


def test_miss_weight_spares_the_bins_half_a_semitone_away_and_more():
    _, full = loss_and_gradient(SalienceBCE(), [VOICED])
    _, spared = loss_and_gradient(SalienceBCE(miss_weight=0.1), [VOICED])
    ratio = (spared / full)[0]
    near = GRID.near(torch.tensor(VOICED))
    assert near.sum() == 3
    assert ratio[near].tolist() == pytest.approx([1.0] * 3, rel=1e-4)
    assert ratio[~near].tolist() == pytest.approx([0.1] * (GRID.bins - 3), rel=1e-4)


def test_bins_that_weigh_nothing_are_not_counted():
    logits = torch.zeros(1, 2, GRID.bins)
    value, _ = loss_and_gradient(SalienceBCE(miss_weight=0.0), [VOICED, 0.0], logits)
    assert value == pytest.approx(math.log(2))  # of each of the three bins near the note, whatever the target


def test_extreme_logits_stay_finite():
    for logit in (1e4, -1e4):
        value, gradient = loss_and_gradient(
            SalienceBCE(unvoiced_weight=1.0), [VOICED, 0.0], torch.full((1, 2, GRID.bins), logit)
        )
        assert math.isfinite(value) and gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_reduced_precision_is_computed_in_float32(dtype):
    loss, f0, valid = (
        SalienceBCE(unvoiced_weight=1.0),
        torch.tensor([[VOICED, 0.0]]),
        torch.ones(1, 2, dtype=torch.bool),
    )
    logits = (10 * torch.randn(1, 2, GRID.bins)).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits, f0, valid, GRID)
    assert value.dtype == torch.float32
    expected = loss(logits.float(), f0, valid, GRID).item()
    assert value.item() == loss(logits, f0, valid, GRID).item() == expected
    assert loss.salience(logits).dtype == torch.float32


def test_training_brings_the_salience_to_the_target():
    logits = torch.zeros(1, 2, GRID.bins, requires_grad=True)
    f0, valid = torch.tensor([[VOICED, 0.0]]), torch.ones(1, 2, dtype=torch.bool)
    loss = SalienceBCE(sigma=0.3, unvoiced_weight=1.0)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        loss(logits, f0, valid, GRID).backward()
        optimiser.step()
    assert loss.salience(logits).detach() == pytest.approx(GRID.gaussian(f0, 0.3), abs=0.02)


def test_shapes_that_do_not_fit_are_refused():
    valid = torch.ones(1, 2, dtype=torch.bool)
    for logits, f0 in ((torch.zeros(1, 2, 5), torch.ones(1, 2)), (torch.zeros(1, 2, GRID.bins), torch.ones(2, 1))):
        with pytest.raises(ValueError, match="do not fit"):
            SalienceBCE()(logits, f0, valid, GRID)


@pytest.mark.parametrize(
    "arguments", [{"sigma": 0.0}, {"sigma": math.nan}, {"unvoiced_weight": -1.0}, {"miss_weight": math.inf}]
)
def test_impossible_arguments_are_refused_by_name(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}: "):
        SalienceBCE(**arguments)


def test_a_loss_is_a_module_and_the_base_is_abstract():
    assert isinstance(SalienceBCE(), nn.Module)
    with pytest.raises(TypeError, match="abstract"):
        PitchLoss()


def test_several_pitches_have_the_greatest_of_their_gaussians_as_target():
    loss = SalienceBCE(0.3, unvoiced_weight=1.0)
    f0 = torch.tensor([[[VOICED, 233.0], [0.0, VOICED], [0.0, 0.0], [VOICED, HIGH], [HIGH, 0.0]]])
    logits = torch.zeros(1, 5, GRID.bins, requires_grad=True)
    loss(logits, f0, torch.ones(1, 5, dtype=torch.bool), GRID).backward()
    one, other = (GRID.gaussian(torch.tensor(hz), 0.3) for hz in (VOICED, 233.0))
    target = torch.stack([torch.maximum(one, other), one, torch.zeros_like(one), one])
    # The gradient of a mean over 4 frames is sigmoid(0) - target, each over as many bins; the fifth does not count.
    assert (logits.grad[0, :4] * 4 * GRID.bins) == pytest.approx(0.5 - target, abs=1e-6)
    assert not logits.grad[0, 4].any()


@pytest.mark.parametrize("miss_weight", [0.05, 1.0])
def test_one_of_several_pitches_is_as_if_it_were_alone(miss_weight):
    loss, valid = SalienceBCE(0.3, 0.5, miss_weight), torch.ones(1, 3, dtype=torch.bool)
    logits, f0 = torch.randn(1, 3, GRID.bins), torch.tensor([[VOICED, 0.0, HIGH]])
    several = torch.stack([torch.zeros_like(f0), f0], dim=-1)
    assert torch.equal(loss(logits, several, valid, GRID), loss(logits, f0, valid, GRID))
    silent = loss(logits, torch.zeros(1, 3, 0), valid, GRID)
    assert torch.equal(silent, loss(logits, torch.zeros(1, 3), valid, GRID))


def test_with_unvoiced_frames_in_full_it_is_the_loss_on_clipped_probabilities():
    """Bittner's: a plain mean over all frames and bins, of probabilities between 1e-7 and 1 - 1e-7."""
    clip = 1e-7
    generator = torch.Generator().manual_seed(0)
    logits = 12 * torch.randn(3, 5, GRID.bins, generator=generator)
    f0 = torch.tensor([VOICED, 0.0, 261.0, -1.0, 150.0]).expand(3, 5)
    target = GRID.gaussian(f0, 0.177).double()
    p = torch.sigmoid(logits.double()).clamp(clip, 1 - clip)
    published = -(target * p.log() + (1 - target) * (1 - p).log()).mean().item()
    loss, valid = SalienceBCE(0.177, unvoiced_weight=1.0), torch.ones(3, 5, dtype=torch.bool)
    edge = math.log((1 - clip) / clip)
    assert (logits.abs() > edge).any()
    assert loss(logits.clamp(-edge, edge), f0, valid, GRID).item() == pytest.approx(published, rel=1e-5)
    # What is clipped has no gradient there; here it is taught on.
    assert loss(logits, f0, valid, GRID).item() > published


def test_the_sum_is_divided_by_the_number_of_weights_that_are_not_0():
    """TensorFlow's SUM_BY_NONZERO_WEIGHTS: halving a weight halves the loss, but putting it to 0 leaves it out."""
    logits = torch.zeros(1, 2, GRID.bins)
    values = [
        loss_and_gradient(SalienceBCE(unvoiced_weight=weight), [VOICED, 0.0], logits)[0] / math.log(2)
        for weight in (1.0, 0.5, 1e-6, 0.0)
    ]
    assert values == pytest.approx([1.0, 0.75, 0.5, 1.0], abs=1e-5)


def test_the_weight_of_unvoiced_frames_may_decay():
    loss, valid = SalienceBCE(unvoiced_weight=ExponentialDecay(0.8, 50.0)), torch.ones(1, 2, dtype=torch.bool)
    logits, f0 = torch.randn(1, 2, GRID.bins), torch.tensor([[VOICED, 0.0]])
    for step in (0, 30):
        constant = SalienceBCE(unvoiced_weight=0.8 * math.exp(-step / 50))
        assert loss(logits, f0, valid, GRID, step).item() == pytest.approx(constant(logits, f0, valid, GRID).item())
