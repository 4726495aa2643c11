"""PitchDistribution against its formula, frame by frame."""

import math

import pytest
import torch

from lightning_modules import LocalAverage, PitchDistribution, PitchGrid
from lightning_modules.losses import distribution


@pytest.fixture(autouse=True, params=["selected", "silenced"])
def rows(request, monkeypatch):
    """Both ways to leave frames out, of which a CPU takes the first and a GPU the second."""
    monkeypatch.setattr(distribution, "selected", getattr(distribution, request.param))


GRID = PitchGrid(lowest_note=50, semitones=20, bins_per_semitone=3)


def example(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, GRID.bins, generator=generator)
    f0 = torch.tensor([[220.0, 0.0, 300.5, 5000.0], [-200.0, 180.0, 260.0, 440.0]])
    valid = torch.tensor([[True, True, True, True], [True, True, False, True]])
    return logits, f0, valid


def test_it_is_the_formula_written_out():
    logits, f0, valid = example()
    loss = PitchDistribution(sigma=0.3, deviation_weight=0.7, radius=1.0)
    total, counted = 0.0, 0
    for clip, frame in [(0, 0), (0, 2), (1, 1), (1, 3)]:  # voiced, valid and on the grid
        note = 69 + 12 * math.log2(f0[clip, frame] / 440)
        away = [50 + bin / 3 - note for bin in range(GRID.bins)]
        target = [math.exp(-0.5 * (each / 0.3) ** 2) for each in away]
        logs = logits[clip, frame].double().log_softmax(0)
        total -= sum(part / sum(target) * float(log) for part, log in zip(target, logs, strict=True))
        nearest = min(range(GRID.bins), key=lambda bin: abs(away[bin]))
        near = range(nearest - 2, nearest + 3)
        weights = [math.exp(float(logs[bin])) for bin in near]
        mean = sum(weight * away[bin] for weight, bin in zip(weights, near, strict=True)) / sum(weights)
        total += 0.7 * (0.5 * mean**2 / 0.1 if abs(mean) < 0.1 else abs(mean) - 0.05)
        counted += 1
    assert loss(logits, f0, valid, GRID).item() == pytest.approx(total / counted, rel=1e-4)


def test_frames_that_do_not_count_have_no_gradient_and_may_be_anything():
    logits, f0, valid = example()
    logits[0, 1] = math.nan
    logits.requires_grad_()
    PitchDistribution(deviation_weight=1.0)(logits, f0, valid, GRID).backward()
    counted = torch.tensor([[True, False, True, False], [False, True, False, True]])
    assert torch.equal(logits.grad.ne(0).any(-1), counted) and logits.grad.isfinite().all()


def test_without_a_note_it_is_zero_and_has_a_gradient():
    logits, f0, valid = example()
    logits.requires_grad_()
    value = PitchDistribution(deviation_weight=1.0)(logits, 0 * f0, valid, GRID)
    value.backward()
    assert value.item() == 0 and not logits.grad.any()


def test_what_minimises_it_decodes_to_the_note():
    f0 = torch.tensor([[233.0, 301.7]])
    logits = torch.zeros(1, 2, GRID.bins, requires_grad=True)
    optimiser = torch.optim.Adam([logits], 0.1)
    loss = PitchDistribution(sigma=0.25, deviation_weight=1.0)
    for _ in range(300):
        optimiser.zero_grad()
        loss(logits, f0, torch.ones_like(f0, dtype=torch.bool), GRID).backward()
        optimiser.step()
    decoded = LocalAverage(1.0)(loss.salience(logits.detach())[0], GRID).f0
    cents = 1200 * torch.log2(decoded / f0[0])
    assert cents.abs().max() < 1


@pytest.mark.parametrize("wrong", [dict(sigma=0.0), dict(radius=-1.0), dict(deviation_weight=-1.0)])
def test_arguments_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PitchDistribution(**wrong)
