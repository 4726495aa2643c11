"""Forced alignment against every path there is."""

import itertools
import math

import pytest
import torch

from lightning_modules.decoding import SymbolSpan, align


def random_log_probs(seed, frames, symbols):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frames, symbols, generator=generator).log_softmax(-1)


def runs(path):
    """Symbol, first frame and end of each run that is not blank."""
    found, frame = [], 0
    for symbol, group in itertools.groupby(path):
        length = len(list(group))
        if symbol:
            found.append((symbol, frame, frame + length))
        frame += length
    return found


def best_path(log_probs, targets):
    frames, symbols = log_probs.shape
    paths = (
        path
        for path in itertools.product(range(symbols), repeat=frames)
        if [symbol for symbol, _, _ in runs(path)] == targets
    )
    return max(paths, key=lambda path: sum(log_probs[frame, symbol].item() for frame, symbol in enumerate(path)))


@pytest.mark.parametrize("targets", [[1], [1, 2], [2, 2], [1, 2, 1], [2, 1, 1], [1, 2, 3], [3, 3, 3]])
@pytest.mark.parametrize("seed", range(5))
def test_alignment_is_the_best_path_of_all(targets, seed):
    log_probs = random_log_probs(seed, 6, 4)
    wanted = runs(best_path(log_probs, targets))
    spans = align(log_probs, torch.tensor(targets))
    assert [span[:3] for span in spans] == wanted
    for symbol, start, end, confidence in spans:
        assert confidence == pytest.approx(log_probs[start:end, symbol].exp().mean().item())


def test_targets_that_just_fit_take_every_frame():
    log_probs = random_log_probs(0, 4, 3)
    assert [span[:3] for span in align(log_probs, torch.tensor([1, 1, 2]))] == [(1, 0, 1), (1, 2, 3), (2, 3, 4)]


def test_certain_frames_have_confidence_one():
    log_probs = (30.0 * torch.nn.functional.one_hot(torch.tensor([0, 2, 2, 0, 1]), 3)).log_softmax(-1)
    first, second = align(log_probs, torch.tensor([2, 1], dtype=torch.int32))
    assert first == SymbolSpan(2, 1, 3, pytest.approx(1.0)) and second == SymbolSpan(1, 4, 5, pytest.approx(1.0))


def test_impossible_frames_are_passed_over():
    log_probs = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]).log()
    assert [span[:3] for span in align(log_probs, torch.tensor([1, 2]))] == [(1, 0, 1), (2, 1, 2)]


@pytest.mark.parametrize("frames", [0, 3])
def test_without_targets_there_are_no_spans(frames):
    assert align(torch.zeros(frames, 3), torch.zeros(0, dtype=torch.int64)) == []


@pytest.mark.parametrize(
    ("frames", "targets", "message"),
    [
        (2, [1, 2, 1], "3 symbols need 3 frames; there are 2"),
        (3, [1, 1, 2], "3 symbols need 4 frames; there are 3"),
        (0, [1], "1 symbols need 1 frames; there are 0"),
        (5, [1, 0], "not all symbols 1 ... 2"),
        (5, [3], "not all symbols 1 ... 2"),
    ],
)
def test_targets_that_cannot_be_aligned_are_refused(frames, targets, message):
    with pytest.raises(ValueError, match=message):
        align(torch.zeros(frames, 3).log_softmax(-1), torch.tensor(targets))


def test_shapes_and_numbers_are_checked():
    with pytest.raises(ValueError, match=r"\(1, 4, 3\).*of one utterance"):
        align(torch.zeros(1, 4, 3), torch.tensor([1]))
    with pytest.raises(ValueError, match="NaN"):
        align(torch.full((4, 3), math.nan), torch.tensor([1]))
