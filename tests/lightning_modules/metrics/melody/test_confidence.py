"""Confidence at the times of a reference: thresholds before and after alignment give the same voicing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.metrics import align_series, align_with_confidence


@given(
    seed=st.integers(0, 10**6),
    step=st.sampled_from([0.004, 0.01, 0.0116, 0.016]),
    first=st.sampled_from([0.0, 0.013]),
    length=st.floats(0.3, 1.6),
    hop=st.sampled_from([None, 0.01, 0.02]),
)
def test_a_threshold_commutes_with_alignment(seed, step, first, length, hop):
    random = np.random.default_rng(seed)
    reference = np.arange(100) / 100, np.where(random.random(100) < 0.6, 220.0, 0.0)
    times = first + np.arange(int(length / step)) * step
    f0, confidence = random.uniform(100, 400, len(times)), random.random(len(times))
    aligned = align_with_confidence(*reference, times, f0, confidence, hop=hop)
    thresholded = align_series(*reference, times, np.where(confidence >= 0.5, f0, -f0), hop=hop)
    assert np.array_equal(aligned.confidence >= 0.5, thresholded.estimate_voiced)
    assert np.array_equal(aligned.frames.estimate_cents, thresholded.estimate_cents)
    assert len(aligned.times) == len(thresholded.reference_voiced)
    if hop is not None:
        assert np.allclose(aligned.times, np.arange(len(aligned.times)) * hop)


def test_an_estimate_without_frames_or_without_confidence():
    times, f0 = np.arange(5) / 100, np.full(5, 220.0)
    nothing = np.zeros(0)
    assert align_with_confidence(times, f0, nothing, nothing, nothing).confidence.tolist() == [0] * 5
    assert align_with_confidence(times, f0, times, f0, None).confidence is None


def test_times_are_those_of_frames():
    times = np.arange(1, 6) / 10
    aligned = align_with_confidence(times, np.full(5, 220.0), times, np.full(5, 220.0), np.full(5, 0.7))
    assert aligned.times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert len(aligned.frames.reference_voiced) == len(aligned.confidence) == 6
