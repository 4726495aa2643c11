"""Notes beyond the pitch grid are counted and reported."""

import re

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from architectures import Perceptron
from datamodules.batches import PitchBatch
from lightning_modules import Argmax, LocalAverage, MelodyTracker, PitchGrid, SalienceBCE, UnvoicedClassSoftmax
from lightning_modules.losses.coverage import UncoveredNotes

GRID = PitchGrid(lowest_note=50, semitones=12, bins_per_semitone=3)


def counted(f0, valid, loss=None):
    notes, f0 = UncoveredNotes(), torch.tensor(f0)
    notes.count(f0, torch.tensor(valid), (loss or SalienceBCE()).covers(f0, GRID))
    return notes


def test_voiced_valid_frames_beyond_the_grid_are_counted_and_told_once(recwarn):
    notes = counted([[220.0, 30.0, 4000.0, 0.0, -30.0, 30.0]], [[True] * 5 + [False]])
    notes.tell(GRID)
    notes.tell(GRID)
    (warning,) = recwarn.list
    assert re.match(
        r"model\.grid: 2 of 3 voiced frames .*\(66\.7%\).* MIDI notes 50 to 61\.6667 ", str(warning.message)
    )


def test_what_the_grid_holds_needs_no_word(recwarn):
    counted([[220.0, 0.0]], [[True, True]]).tell(GRID)
    UncoveredNotes().tell(GRID)
    assert not recwarn.list


def test_each_of_several_pitches_counts(recwarn):
    counted([[[220.0, 30.0], [0.0, 4000.0]]], [[True, False]]).tell(GRID)
    assert "1 of 2" in str(recwarn.pop().message)


def test_the_note_of_an_unvoiced_class_is_reported_too(recwarn):
    counted([[220.0, GRID.hz_of(torch.tensor(50.0)).item()]], [[True, True]], UnvoicedClassSoftmax()).tell(GRID)
    assert "1 of 2" in str(recwarn.pop().message)


def test_a_fit_reports_at_its_first_validation(melody_data, made_trainer):
    narrow = PitchGrid(lowest_note=62, semitones=2, bins_per_semitone=2)
    module = MelodyTracker(Perceptron(narrow.bins, 256, 4), narrow, SalienceBCE(), LocalAverage())
    trainer = made_trainer(max_steps=4, val_check_interval=2, check_val_every_n_epoch=None)
    with pytest.warns(UserWarning, match=r"model\.grid: \d+ of \d+ voiced frames") as caught:
        trainer.fit(module, melody_data())
    assert len([each for each in caught if "model.grid" in str(each.message)]) == 1


def test_several_pitches_are_learned_but_not_scored(one_track):
    module = MelodyTracker(Perceptron(GRID.bins, 64, 4), GRID, SalienceBCE(), Argmax())
    f0 = torch.tensor([[[220.0, 261.0]], [[0.0, 220.0]]])
    batch = PitchBatch(
        torch.ones(2, 64, dtype=torch.int16), f0, torch.ones(2, 1, dtype=torch.bool), torch.zeros(2), torch.arange(2)
    )
    assert module.training_step(batch, 0).item() > 0
    with pytest.raises(MisconfigurationException, match="mine has several pitches in a frame"):
        module.validation_step(batch._replace(evaluation=one_track), 0)
