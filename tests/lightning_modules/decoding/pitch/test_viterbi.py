import itertools
import math

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.decoding import Argmax, LocalAverage, Viterbi
from lightning_modules.pitch_grid import PitchGrid

TINY = PitchGrid(lowest_note=50, semitones=2, bins_per_semitone=2)
SMALL = PitchGrid(lowest_note=50, semitones=8, bins_per_semitone=5)
GRID = PitchGrid(lowest_note=24, semitones=72, bins_per_semitone=5)


def bins_of(decoded, grid):
    return ((grid.note_of(decoded.f0) - grid.lowest_note) * grid.bins_per_semitone).round().long().tolist()


def transitions(grid, max_jump=2.0, scale=1.0, leap=0.2):
    """Probabilities `(bins, bins)` of moving from one bin to another, written out from the model's description."""
    semitones = {steps: abs(steps) / grid.bins_per_semitone for steps in range(1 - grid.bins, grid.bins)}
    weight = {steps: math.exp(-size / scale) for steps, size in semitones.items() if size <= max_jump}
    total = sum(weight.values())
    return np.array(
        [
            [(1 - leap) * weight.get(to - origin, 0.0) / total + leap / grid.bins for to in range(grid.bins)]
            for origin in range(grid.bins)
        ]
    )


def emissions(salience):
    salience = salience.double().numpy()
    total = salience.sum(axis=1, keepdims=True)
    return np.divide(salience, total, out=np.full_like(salience, 1 / salience.shape[1]), where=total > 0)


def log_probability(path, salience, moves):
    with np.errstate(divide="ignore"):
        emitted = np.log(emissions(salience))[np.arange(len(path)), path].sum()
    return emitted + np.log(moves[path[:-1], path[1:]]).sum()


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.01, 0.2, 0.5, 0.51, 1.0]), min_size=4, max_size=4), min_size=1, max_size=5
    ),
    st.sampled_from([0.0, 0.5, 1.0, 9.0]),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from([0.001, 0.2]),
)
def test_no_path_is_more_probable(rows, max_jump, scale, leap):
    viterbi, salience = Viterbi(max_jump, scale, leap, radius=0.0), torch.tensor(rows)
    found = np.array(bins_of(viterbi(salience, TINY), TINY))
    moves = transitions(TINY, max_jump, scale, leap)
    best = max(
        log_probability(np.array(path), salience, moves)
        for path in itertools.product(range(TINY.bins), repeat=len(rows))
    )
    assert log_probability(found, salience, moves) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("options", [{}, {"max_jump": 0.4, "scale": 0.1, "leap": 0.01}])
def test_the_path_is_as_probable_as_librosas(options):
    """Moves beyond the edge of the grid are lost; here they lead to a state that no frame can be in."""
    viterbi = Viterbi(**options, radius=0.0)
    salience = torch.rand(300, SMALL.bins, generator=torch.Generator().manual_seed(0)) ** 4
    moves = transitions(SMALL, **options)
    with_lost = np.zeros((SMALL.bins + 1, SMALL.bins + 1))
    with_lost[:-1, :-1] = moves
    with_lost[:, -1] = np.maximum(1 - with_lost.sum(axis=1), 0)
    observed = np.hstack([emissions(salience), np.zeros((300, 1))])
    start = np.append(np.full(SMALL.bins, 1 / SMALL.bins), 0.0)
    path, expected = librosa.sequence.viterbi(observed.T, with_lost, p_init=start, return_logp=True)
    found = np.array(bins_of(viterbi(salience, SMALL), SMALL))
    assert log_probability(found, salience, moves) - math.log(SMALL.bins) == pytest.approx(expected, abs=1e-6)
    assert found.tolist() == path.tolist()


def test_all_moves_from_a_bin_in_the_middle_add_up_to_1():
    grid = PitchGrid(lowest_note=50, semitones=9, bins_per_semitone=5)
    near, far = Viterbi().log_moves(grid)
    moves = [near[abs(to - grid.bins // 2)] if abs(to - grid.bins // 2) < len(near) else far for to in range(grid.bins)]
    assert np.exp(moves).sum() == pytest.approx(1)
    assert np.exp(moves) == pytest.approx(transitions(grid)[grid.bins // 2])


def test_moves_in_semitones_do_not_depend_on_the_resolution():
    fine = PitchGrid(lowest_note=24, semitones=72, bins_per_semitone=20)
    (coarse_near, coarse_far), (fine_near, fine_far) = (Viterbi().log_moves(grid) for grid in (GRID, fine))
    assert coarse_near - coarse_near[0] == pytest.approx((fine_near - fine_near[0])[::4], abs=0.02)
    assert coarse_far - coarse_near[0] == pytest.approx(fine_far - fine_near[0], abs=0.02)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([1, 9, SMALL.bins - 6]))
def test_no_place_on_the_grid_is_favoured(seed, shift):
    pattern = torch.rand(40, 6, generator=torch.Generator().manual_seed(seed)) ** 2
    viterbi = Viterbi(scale=0.2, leap=0.05, radius=0.0)
    paths = []
    for offset in (0, shift):
        salience = torch.zeros(40, SMALL.bins)
        salience[:, offset : offset + 6] = pattern
        paths.append([bin - offset for bin in bins_of(viterbi(salience, SMALL), SMALL)])
    assert paths[0] == paths[1]


def test_an_octave_glitch_is_bridged_where_the_note_still_has_some_salience():
    notes = torch.full((50,), 57.0)
    salience = GRID.gaussian(GRID.hz_of(notes), 0.25) * 0.4
    salience[20:23] += GRID.gaussian(GRID.hz_of(notes[20:23] + 12), 0.25) * 0.6
    assert (GRID.note_of(LocalAverage()(salience, GRID).f0) - 57).abs().max() > 11
    decoded = Viterbi()(salience, GRID)
    assert (GRID.note_of(decoded.f0) - 57).abs().max() < 0.1
    assert decoded.confidence.tolist() == pytest.approx([0.4] * 50, abs=1e-3)


def test_leaps_of_any_size_are_followed_at_once_and_silence_does_not_hold_them_back():
    notes = torch.tensor([40.0] * 8 + [90.0] * 8 + [0.0] * 5 + [30.0] * 8)
    f0 = torch.where(notes > 0, GRID.hz_of(notes), 0.0)
    decoded = GRID.note_of(Viterbi()(GRID.gaussian(f0, 0.25) * 0.5, GRID).f0)
    assert (decoded - notes)[notes > 0].abs().max() < 0.1


def test_frames_without_salience_hold_the_note():
    salience = torch.zeros(9, SMALL.bins)
    salience[[0, 1, 7, 8], 13] = 0.7
    decoded = Viterbi()(salience, SMALL)
    assert bins_of(decoded, SMALL) == [13] * 9
    assert decoded.confidence.tolist() == pytest.approx([0.7] * 2 + [0.0] * 5 + [0.7] * 2)


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_of_equal_paths_the_lowest_is_taken(frames):
    assert bins_of(Viterbi(radius=0.0)(torch.zeros(frames, SMALL.bins), SMALL), SMALL) == [0] * frames
    assert bins_of(Viterbi(radius=0.0)(torch.full((frames, SMALL.bins), 0.3), SMALL), SMALL) == [0] * frames
    salience = torch.zeros(frames, SMALL.bins)
    salience[:, [9, 31]] = 0.5
    assert bins_of(Viterbi(radius=0.0)(salience, SMALL), SMALL) == [9] * frames


def test_of_equal_bins_to_come_from_the_lowest_is_taken():
    salience = torch.zeros(2, SMALL.bins)
    salience[0, [9, 13]], salience[1, 11] = 0.5, 0.5
    assert bins_of(Viterbi(radius=0.0)(salience, SMALL), SMALL) == [9, 11]
    assert bins_of(Viterbi(max_jump=0.0, radius=0.0)(salience, SMALL), SMALL) == [9, 11], "by a leap"


def test_one_frame_is_decoded_as_without_a_path():
    salience = torch.rand(1, GRID.bins, generator=torch.Generator().manual_seed(3))
    assert Viterbi()(salience, GRID).f0.tolist() == LocalAverage()(salience, GRID).f0.tolist()
    assert Viterbi(radius=0.0)(salience, GRID).f0.tolist() == Argmax()(salience, GRID).f0.tolist()


def test_the_average_around_the_path_keeps_the_resolution():
    notes = 60.37 + torch.sin(torch.arange(100) / 9)
    decoded = Viterbi()(GRID.gaussian(GRID.hz_of(notes), 0.25), GRID)
    assert (GRID.note_of(decoded.f0) - notes).abs().max() < 0.03


def test_no_frames_and_half_precision():
    assert Viterbi()(torch.zeros(0, GRID.bins), GRID).f0.shape == (0,)
    salience = torch.rand(20, GRID.bins).half()
    assert Viterbi()(salience, GRID).f0.tolist() == Viterbi()(salience.float(), GRID).f0.tolist()


def test_a_salience_that_is_not_a_number_or_of_another_grid_is_refused():
    salience = torch.rand(5, GRID.bins)
    salience[3, 4] = math.nan
    with pytest.raises(ValueError, match=r"salience: not a number .* frame 3"):
        Viterbi()(salience, GRID)
    with pytest.raises(ValueError, match="salience: "):
        Viterbi()(salience[:, 1:], GRID)


@pytest.mark.parametrize(
    "arguments", [{"max_jump": -1.0}, {"scale": 0.0}, {"scale": math.nan}, {"leap": 0.0}, {"leap": 1.0}, {"radius": -1}]
)
def test_impossible_arguments_are_refused_by_name(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}: "):
        Viterbi(**arguments)


def melody(rng, frames):
    """Notes of 80 to 800 ms with vibrato and slides, a third of the steps larger than an octave; NaN in silence."""
    note = np.full(frames, np.nan)
    low, high = GRID.lowest_note + 2, GRID.lowest_note + GRID.semitones - 3
    start, pitch = 0, rng.uniform(low, high)
    while start < frames:
        time = np.arange(min(rng.integers(8, 80), frames - start))
        vibrato = rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(4, 7) * time * 0.01 + rng.uniform(0, 6))
        note[start : start + len(time)] = pitch + vibrato + rng.uniform(-1, 1) * time / len(time)
        start += len(time) + (rng.integers(3, 40) if rng.random() < 0.3 else 0)
        step = rng.choice([-1, 1]) * rng.uniform(12.5, 30) if rng.random() < 0.3 else rng.uniform(-5, 5)
        pitch = np.clip(pitch + step, low, high)
    return torch.tensor(note)


def activations(seed, frames=1000):
    """What a network might say of such a melody: wrong octaves for some frames, noise, stray peaks in silence."""
    rng = np.random.default_rng(seed)
    note = melody(rng, frames)

    def peak(notes):
        return GRID.gaussian(GRID.hz_of(notes), width).double()

    width = rng.uniform(0.2, 0.4)
    height = torch.tensor(rng.uniform(0.2, 0.95, frames))[:, None] * rng.uniform(0.3, 1)
    salience = rng.choice([1e-3, 0.03, 0.1, 0.2]) * torch.tensor(rng.random((frames, GRID.bins)))
    salience += height * torch.where(note.isnan()[:, None], 0.0, peak(note.nan_to_num(60.0)))
    start = 0
    while start < frames:
        start += rng.integers(20, 120)
        wrong = slice(start, start + rng.integers(1, 6))
        moved = note[wrong].nan_to_num(60.0) + rng.choice([-12, 12, 19])
        salience[wrong] += rng.uniform(0.5, 1.3) * height[wrong] * peak(moved)
    stray = note.isnan() & torch.tensor(rng.random(frames) < 0.5)
    salience[stray] += 0.2 * peak(torch.tensor(rng.uniform(25, 95, frames)))[stray]
    return salience.clamp(0, 1).float(), note


def raw_pitch_accuracy(decoder, salience, note):
    wrong = (GRID.note_of(decoder(salience, GRID).f0) - note).abs()
    return 100 * (wrong[~note.isnan()] < 0.5).double().mean().item()


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_raw_pitch_accuracy_is_not_lost_to_the_argmax(seed):
    salience, note = activations(seed)
    assert raw_pitch_accuracy(Viterbi(), salience, note) >= raw_pitch_accuracy(Argmax(), salience, note) - 1.0
