"""Losses of a softmax over the bins: SalienceSoftmax and UnvoicedClassSoftmax."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.fabric.utilities.exceptions import MisconfigurationException

from lightning_modules.decoding import Argmax, LocalAverage, Viterbi
from lightning_modules.losses.salience import SalienceSoftmax, UnvoicedClassSoftmax
from lightning_modules.losses.schedules import ExponentialDecay
from lightning_modules.pitch_grid import PitchGrid

GRID = PitchGrid(lowest_note=50, semitones=12, bins_per_semitone=3)
VOICED, LOW, HIGH = 220.0, 30.0, 4000.0  # Hz; the grid goes from 147 to 288
LOWEST = GRID.hz_of(torch.tensor(50.0)).item()
LOSSES = [SalienceSoftmax(), UnvoicedClassSoftmax()]


def textbook(logits, f0, valid, unvoiced_weight):
    """Σ weight * cross-entropy / number of weights that are not 0; `unvoiced_weight` None has no unvoiced class."""
    total, count = 0.0, 0
    for row, hz, is_valid in zip(logits.flatten(0, 1).tolist(), f0.flatten().tolist(), valid.flatten(), strict=True):
        note = 69 + 12 * math.log2(hz / 440) if hz > 0 else -math.inf
        label = math.floor((note - GRID.lowest_note) * 3 + 0.5) if hz > 0 else 0
        learned = (0 if unvoiced_weight is None else 1) <= label < GRID.bins
        weight = float(learned) if hz > 0 else unvoiced_weight or 0.0
        if is_valid and weight:
            total -= weight * (row[label] - math.log(sum(math.exp(each) for each in row)))
            count += 1
    return total / max(count, 1)


frames = st.lists(
    st.tuples(st.sampled_from([0.0, -1.0, -220.0, VOICED, 261.0, LOWEST, LOW, HIGH]), st.booleans()),
    min_size=4, max_size=4,
)  # fmt: skip


@settings(max_examples=60)
@given(frames, st.sampled_from([None, 0.0, 0.3, 1.0]), st.integers(0, 1000))
def test_the_loss_is_the_weighted_cross_entropy_frame_by_frame(frames, unvoiced_weight, seed):
    f0 = torch.tensor([hz for hz, _ in frames]).view(2, 2)
    valid = torch.tensor([is_valid for _, is_valid in frames]).view(2, 2)
    logits = 3 * torch.randn(2, 2, GRID.bins, generator=torch.Generator().manual_seed(seed))
    loss = SalienceSoftmax() if unvoiced_weight is None else UnvoicedClassSoftmax(unvoiced_weight)
    expected = textbook(logits, f0, valid, unvoiced_weight)
    assert loss(logits, f0, valid, GRID).item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def gradient(loss, f0, logits=None):
    f0 = torch.tensor([f0])
    logits = torch.zeros(1, f0.shape[1], GRID.bins) if logits is None else logits.clone()
    logits.requires_grad_()
    value = loss(logits, f0, torch.ones_like(f0, dtype=torch.bool), GRID)
    value.backward()
    assert math.isfinite(value.item()) and logits.grad.isfinite().all()
    return logits.grad[0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("outside", [LOW, HIGH, GRID.hz_of(torch.tensor(49.8)).item()])
def test_labels_beyond_the_grid_are_masked(loss, outside):
    assert gradient(loss, [VOICED, outside]).any(dim=1).tolist() == [True, False]


def test_unvoiced_frames_teach_the_softmax_nothing():
    assert gradient(SalienceSoftmax(), [VOICED, 0.0, -1.0]).any(dim=1).tolist() == [True, False, False]


def test_unvoiced_frames_are_taught_the_lowest_bin_where_it_stands_for_them():
    found = gradient(UnvoicedClassSoftmax(), [0.0])
    assert found[0, 0] < 0 and (found[0, 1:] > 0).all()


def test_a_note_of_the_unvoiced_class_is_not_learned():
    assert not gradient(UnvoicedClassSoftmax(), [LOWEST]).any()
    assert gradient(SalienceSoftmax(), [LOWEST])[0, 0] < 0


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_to_learn_from_is_a_loss_of_0(loss):
    assert not gradient(loss, [HIGH, LOW], torch.full((1, 2, GRID.bins), math.nan)).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_several_pitches_are_refused_by_name(loss):
    f0, valid = torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(MisconfigurationException, match=rf"model\.loss: {type(loss).__name__} takes one pitch"):
        loss(torch.zeros(1, 2, GRID.bins), f0, valid, GRID)


def test_the_weight_of_unvoiced_frames_may_decay():
    loss = UnvoicedClassSoftmax(ExponentialDecay(2.0, 100.0))
    logits, valid = torch.zeros(1, 1, GRID.bins), torch.ones(1, 1, dtype=torch.bool)
    values = [loss(logits, torch.zeros(1, 1), valid, GRID, step).item() for step in (0, 100)]
    assert values == pytest.approx([2 * math.log(GRID.bins), 2 / math.e * math.log(GRID.bins)])


@pytest.mark.parametrize("decoder", [Argmax(), LocalAverage(), LocalAverage(9.0), Viterbi(), Viterbi(radius=0.0)])
@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([-100.0, 0.0, 80.0, 100.0, 1e30]))
def test_the_unvoiced_class_is_never_decoded_as_a_pitch(decoder, seed, unvoiced):
    logits = 3 * torch.randn(6, GRID.bins, generator=torch.Generator().manual_seed(seed))
    logits[:, 0] += unvoiced
    decoded = decoder(UnvoicedClassSoftmax().salience(logits), GRID)
    assert (GRID.note_of(decoded.f0) > GRID.lowest_note + 0.999 / 3).all()
    if unvoiced >= 80:
        assert decoded.confidence.max() < 1e-6


def test_saliences_are_the_softmax():
    logits = torch.randn(2, 3, GRID.bins)
    assert SalienceSoftmax().salience(logits.half()).dtype == torch.float32
    assert SalienceSoftmax().salience(logits).sum(dim=-1) == pytest.approx(torch.ones(2, 3))
    quirk = UnvoicedClassSoftmax().salience(logits)
    assert not quirk[..., 0].any()
    assert torch.equal(quirk[..., 1:], SalienceSoftmax().salience(logits)[..., 1:])


def test_training_brings_the_softmax_to_the_nearest_bins():
    logits = torch.zeros(1, 3, GRID.bins, requires_grad=True)
    f0, valid = torch.tensor([[VOICED, 0.0, 261.0]]), torch.ones(1, 3, dtype=torch.bool)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(100):
        optimiser.zero_grad()
        UnvoicedClassSoftmax()(logits, f0, valid, GRID).backward()
        optimiser.step()
    assert logits.argmax(dim=-1).tolist() == [[21, 0, 30]]


def test_an_impossible_weight_is_refused_by_name():
    with pytest.raises(ValueError, match=r"unvoiced_weight: -1\.0"):
        UnvoicedClassSoftmax(-1.0)
