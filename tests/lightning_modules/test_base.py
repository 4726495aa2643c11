"""What all modules share: copies."""

import copy
from functools import partial

import torch

from architectures import CREPE
from lightning_modules import LocalAverage, MelodyTracker, PitchGrid, SalienceBCE

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=4)


class NotCopied:
    """Stands for a trainer, which the command line's makers of optimisers hold."""

    def __deepcopy__(self, memo):
        raise AssertionError("copied")


def test_a_copy_has_weights_of_its_own_and_shares_what_makes_its_optimiser():
    adam = partial(torch.optim.Adam, lr=NotCopied())
    module = MelodyTracker(CREPE(GRID.bins, 256, 1), GRID, SalienceBCE(), LocalAverage(), optimizer=adam)
    copied = copy.deepcopy(module)
    assert copied.optimizer is module.optimizer and copied.grid == module.grid
    weights = dict(module.named_parameters())
    assert weights.keys() == dict(copied.named_parameters()).keys()
    for name, weight in copied.named_parameters():
        assert torch.equal(weight, weights[name]) and weight is not weights[name]
