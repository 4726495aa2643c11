"""Several pitches in each frame: peaks of the salience, against scipy's and against those of one pitch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.signal import find_peaks

from lightning_modules import LocalAverage, PitchGrid, SaliencePeaks
from lightning_modules.decoding.pitch.several import local_maxima

GRID = PitchGrid(lowest_note=48, semitones=12, bins_per_semitone=2)
# Few values, so that neighbours are often equal.
salience = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 4), st.just(GRID.bins)),
    elements=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32)),
)


@given(salience)
def test_the_peaks_are_those_of_scipy_with_nothing_beyond_the_grid(values):
    found = local_maxima(torch.from_numpy(values)).numpy()
    for row, marked in zip(values, found, strict=True):
        expected, _ = find_peaks(np.concatenate([[-1.0], row, [-1.0]]))
        assert np.flatnonzero(marked).tolist() == (expected - 1).tolist()


@given(salience, st.sampled_from([0.0, 0.5, 1.1]))
def test_candidates_rise_and_have_the_salience_of_their_peaks(values, radius):
    given = torch.from_numpy(values)
    decoded = SaliencePeaks(radius)(given, GRID)
    assert decoded.f0.shape == decoded.confidence.shape and decoded.f0.dtype == torch.float32
    for row, f0, confidence in zip(given, decoded.f0, decoded.confidence, strict=True):
        bins = (local_maxima(row[None])[0] & (row > 0)).nonzero()[:, 0]
        assert ((f0 > 0) == (torch.arange(len(f0)) < len(bins))).all()
        assert torch.equal(confidence[: len(bins)], row[bins]) and not confidence[len(bins) :].any()
        exact = GRID.hz_of(GRID.notes()[bins])
        assert (12 * torch.log2(f0[: len(bins)] / exact).abs() <= radius + 1e-4).all()
        if radius == 0:
            torch.testing.assert_close(f0[: len(bins)], exact)


def test_a_lone_peak_is_refined_as_that_of_one_pitch():
    note = torch.tensor([50.3, 52.84, 55.1])
    values = torch.exp(-0.5 * ((GRID.notes() - note[:, None]) / 0.4).square())
    several, one = SaliencePeaks(1.1)(values, GRID), LocalAverage(1.1)(values, GRID)
    assert several.f0.shape == (3, 1)
    torch.testing.assert_close(several.f0[:, 0], one.f0)
    torch.testing.assert_close(several.confidence[:, 0], one.confidence)


def test_two_voices_are_told_apart():
    values = torch.maximum(*(torch.exp(-0.5 * ((GRID.notes() - note) / 0.4) ** 2) for note in (50.0, 57.0)))[None]
    notes = GRID.note_of(SaliencePeaks()(values, GRID).f0)
    torch.testing.assert_close(notes, torch.tensor([[50.0, 57.0]]), atol=0.02, rtol=0)


def test_silence_has_no_candidate():
    assert SaliencePeaks()(torch.zeros(5, GRID.bins), GRID).f0.shape == (5, 0)


@pytest.mark.parametrize(("values", "message"), [((5, 3), r"\(5, 3\) is not"), ((2, GRID.bins), "NaN")])
def test_a_salience_that_cannot_be_decoded_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SaliencePeaks()(torch.full(values, torch.nan), GRID)


def test_a_negative_radius_is_refused():
    with pytest.raises(ValueError, match="radius: -1"):
        SaliencePeaks(-1)
