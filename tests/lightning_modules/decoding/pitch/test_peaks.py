import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.decoding import Argmax, LocalAverage, PitchDecoder
from lightning_modules.pitch_grid import PitchGrid

GRID = PitchGrid(lowest_note=50, semitones=4, bins_per_semitone=5)
DECODERS = [Argmax(), LocalAverage(), LocalAverage(0.0)]


def notes(decoded):
    return GRID.note_of(decoded.f0).tolist()


def textbook(salience, radius):
    result = []
    for row in salience.tolist():
        peak = row.index(max(row))
        near = [j for j in range(len(row)) if abs(j - peak) / GRID.bins_per_semitone < radius]
        total = sum(row[j] for j in near)
        position = sum(j * row[j] for j in near) / total if total > 0 else peak
        result.append(GRID.lowest_note + position / GRID.bins_per_semitone)
    return result


@given(
    st.lists(st.lists(st.floats(0, 1, width=16), min_size=GRID.bins, max_size=GRID.bins), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.6, 1.0, 100.0]),
)
def test_local_average_equals_the_formula_frame_by_frame(rows, radius):
    salience = torch.tensor(rows)
    decoded = LocalAverage(radius)(salience, GRID)
    assert notes(decoded) == pytest.approx(textbook(salience, radius), abs=1e-3)
    assert decoded.confidence.tolist() == [max(row) for row in rows]
    assert (decoded.f0 > 0).all()


def test_argmax_gives_the_bin_and_its_salience():
    salience = torch.zeros(2, GRID.bins)
    salience[0, 7], salience[1, 19] = 0.3, 1.0
    decoded = Argmax()(salience, GRID)
    assert notes(decoded) == pytest.approx([51.4, 53.8], abs=1e-4)
    assert decoded.confidence.tolist() == pytest.approx([0.3, 1.0])


def test_local_average_finds_a_note_between_two_bins():
    f0 = GRID.hz_of(torch.tensor([51.47, 52.0, 52.91]))
    decoded = LocalAverage()(GRID.gaussian(f0, 0.18), GRID)
    assert notes(decoded) == pytest.approx([51.47, 52.0, 52.91], abs=0.02)


def test_the_radius_itself_is_excluded():
    salience = torch.zeros(1, GRID.bins)
    salience[0, 10], salience[0, 11], salience[0, 12] = 1.0, 0.5, 0.5
    assert notes(LocalAverage(0.2)(salience, GRID)) == pytest.approx([52.0], abs=1e-4)
    assert notes(LocalAverage(0.4)(salience, GRID)) == pytest.approx([50 + (10 + 11 / 2) / 1.5 / 5], abs=1e-4)


@pytest.mark.parametrize("peak", [0, GRID.bins - 1])
def test_a_peak_at_the_edge_is_averaged_over_the_bins_that_exist(peak):
    salience = torch.full((1, GRID.bins), 0.5)
    salience[0, peak] = 1.0
    inwards = 1 if peak == 0 else -1
    assert notes(LocalAverage(0.5)(salience, GRID)) == pytest.approx(
        [50 + (peak + inwards * (0.5 * 1 + 0.5 * 2) / 2) / 5], abs=1e-4
    )


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_frame_without_any_salience_falls_back_to_the_argmax(decoder):
    decoded = decoder(torch.zeros(3, GRID.bins), GRID)
    assert notes(decoded) == pytest.approx([50.0] * 3, abs=1e-4)
    assert decoded.confidence.tolist() == [0.0] * 3


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("frames", [0, 1, 5])
def test_any_number_of_frames_and_half_precision(decoder, frames):
    salience = torch.rand(frames, GRID.bins).half()
    decoded = decoder(salience, GRID)
    assert decoded.f0.shape == decoded.confidence.shape == (frames,)
    assert decoded.f0.dtype == decoded.confidence.dtype == torch.float32
    assert decoded.f0.tolist() == decoder(salience.float(), GRID).f0.tolist()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_salience_that_is_not_a_number_is_refused_with_its_frame(decoder):
    salience = torch.rand(5, GRID.bins)
    salience[3, 4] = math.nan
    with pytest.raises(ValueError, match=r"salience: not a number .* frame 3"):
        decoder(salience, GRID)


@pytest.mark.parametrize("shape", [(5, 3), (5,), (1, 5, GRID.bins)])
def test_a_salience_of_another_grid_is_refused(shape):
    with pytest.raises(ValueError, match="salience"):
        Argmax()(torch.zeros(shape), GRID)


@pytest.mark.parametrize("radius", [-0.1, math.nan])
def test_an_impossible_radius_is_refused(radius):
    with pytest.raises(ValueError, match="radius"):
        LocalAverage(radius)


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        PitchDecoder()
