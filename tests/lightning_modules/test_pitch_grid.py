import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.pitch_grid import PitchGrid

grids = st.builds(PitchGrid, st.floats(0, 60, width=16), st.integers(1, 90), st.integers(1, 10))


def test_bins_stand_for_notes_and_frequencies():
    grid = PitchGrid()
    assert grid.bins == 360
    notes = grid.notes()
    assert notes.shape == (360,) and notes.dtype == torch.float32
    assert notes[[0, 1, 5, 359]].tolist() == pytest.approx([24, 24.2, 25, 95.8])
    assert grid.hz_of(torch.tensor([69.0, 57.0, 24.0])).tolist() == pytest.approx([440, 220, 32.703196], rel=1e-6)
    assert grid.note_of(torch.tensor([440.0, 880.0, 32.703196])).tolist() == pytest.approx([69, 81, 24])


@given(grids)
def test_every_bin_is_covered_and_its_own_class_and_its_own_peak(grid):
    f0 = grid.hz_of(grid.notes())
    assert grid.note_of(f0).tolist() == pytest.approx(grid.notes().tolist(), abs=1e-4)
    assert grid.covers(f0).all()
    assert grid.classes(f0).tolist() == list(range(grid.bins))
    target = grid.gaussian(f0, 0.3)
    assert target.argmax(dim=1).tolist() == list(range(grid.bins))
    assert torch.diagonal(target).tolist() == pytest.approx([1.0] * grid.bins, abs=1e-5)


def test_half_a_bin_beyond_the_outermost_bins_is_covered_and_no_more():
    grid = PitchGrid(lowest_note=40, semitones=10, bins_per_semitone=2)  # bins at 40 ... 49.5
    notes = torch.tensor([39.74, 39.76, 40.0, 49.5, 49.74, 49.76], dtype=torch.float64)
    assert grid.covers(grid.hz_of(notes)).tolist() == [False, True, True, True, True, False]
    assert grid.classes(grid.hz_of(notes)).tolist() == [0, 0, 0, 19, 19, 19]


def test_classes_stay_on_the_grid_whatever_the_f0():
    grid = PitchGrid()
    classes = grid.classes(torch.tensor([0.0, -1.0, -440.0, 1e-30, 1e30, math.inf, math.nan]))
    assert classes.dtype == torch.int64
    assert classes.tolist() == [0, 0, 0, 0, 359, 359, 0]


def test_unvoiced_and_uncovered_frames_have_an_all_zero_target():
    grid = PitchGrid(lowest_note=0, semitones=128)
    # Note 0, the lowest bin, is 8.18 Hz; an f0 of 0 has nothing to do with it.
    f0 = torch.tensor([0.0, -1.0, -220.0, 5.0, 20000.0, math.nan, 220.0])
    target = grid.gaussian(f0, 0.18)
    assert target.any(dim=-1).tolist() == [False] * 6 + [True]
    assert grid.covers(f0).tolist() == [False] * 6 + [True]
    assert grid.near(f0).any(dim=-1).tolist() == [False] * 6 + [True]


@given(grids, st.lists(st.floats(-50, 5000, width=32), min_size=1, max_size=6), st.floats(0.05, 1))
def test_gaussian_and_near_equal_the_formula_bin_by_bin(grid, f0, sigma):
    target = grid.gaussian(torch.tensor(f0, dtype=torch.float64), sigma)
    near = grid.near(torch.tensor(f0, dtype=torch.float64))
    for frame, hz in enumerate(f0):
        note = 69 + 12 * math.log2(hz / 440) if hz > 0 else -math.inf
        highest = grid.lowest_note + (grid.bins - 1) / grid.bins_per_semitone
        half = 0.5 / grid.bins_per_semitone
        covered = grid.lowest_note - half <= note < highest + half
        for j in range(grid.bins):
            distance = grid.lowest_note + j / grid.bins_per_semitone - note
            expected = math.exp(-(distance**2) / (2 * sigma**2)) if covered else 0.0
            assert target[frame, j].item() == pytest.approx(expected, abs=1e-6)
            if abs(abs(distance) - 0.5) > 1e-6:
                assert near[frame, j].item() == (covered and abs(distance) < 0.5)


def test_any_shape_and_half_precision_are_taken():
    grid = PitchGrid()
    f0 = torch.full((2, 3, 4), 440.0)
    assert grid.gaussian(f0, 0.2).shape == (2, 3, 4, 360)
    assert grid.covers(f0).shape == grid.classes(f0).shape == (2, 3, 4)
    assert grid.gaussian(f0.half(), 0.2).dtype == torch.float32
    assert grid.gaussian(f0[:0], 0.2).shape == (0, 3, 4, 360)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"lowest_note": math.nan}, "lowest_note"),
        ({"lowest_note": math.inf}, "lowest_note"),
        ({"semitones": 0}, "semitones"),
        ({"bins_per_semitone": -1}, "bins_per_semitone"),
        ({"bins_per_semitone": 2.5}, "bins_per_semitone"),
    ],
)
def test_an_impossible_grid_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=f"^{named}: "):
        PitchGrid(**arguments)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_an_impossible_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma"):
        PitchGrid().gaussian(torch.tensor([440.0]), sigma)


def test_a_configuration_file_can_state_it():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--grid", type=PitchGrid)
    parsed = parser.parse_object({"grid": {"lowest_note": 0, "semitones": 128, "bins_per_semitone": 1}})
    assert parser.instantiate(parsed).grid == PitchGrid(0, 128, 1)
