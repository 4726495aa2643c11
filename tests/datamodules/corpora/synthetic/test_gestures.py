import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datamodules.corpora.synthetic.gestures import draw_line


def draw(lowest=110.0, highest=440.0, seconds=20.0, seed=0):
    return draw_line(np.random.default_rng(seed), lowest, highest, seconds)


def runs(f0):
    """Lengths of the voiced runs that end before the recording does, s."""
    edges = np.flatnonzero(np.diff(f0 > 0, prepend=False))
    return [(stop - start) * 0.002 for start, stop in edges[: len(edges) // 2 * 2].reshape(-1, 2)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    lowest=st.floats(25.0, 1000.0),
    octaves=st.floats(0.0, 3.0),
    seconds=st.floats(0.01, 12.0),
)
def test_a_line_covers_the_recording_and_stays_about_its_register(seed, lowest, octaves, seconds):
    line = draw(lowest, lowest * 2.0**octaves, seconds, seed)
    times, f0 = line.contour
    assert times[0] == 0.0
    assert seconds <= times[-1] < seconds + 0.0021
    assert len(times) == len(f0) == len(line.loudness)
    beyond = 2.0 ** (2.3 / 12.0)  # vibrato, drift and unsteadiness
    assert np.all((f0 == 0) | ((f0 > lowest / beyond) & (f0 < lowest * 2.0**octaves * beyond)))
    assert np.all((line.loudness > 10.0 ** (-20.1 / 20.0)) & (line.loudness < 10.0 ** (12.1 / 20.0)))


@pytest.mark.parametrize("lowest", [30.0, 200.0])
def test_no_note_is_too_short_to_have_a_pitch(lowest):
    shortest = min(length for seed in range(30) for length in runs(draw(lowest, 2.0 * lowest, seed=seed).contour.f0))
    assert shortest > min(0.059, 3.3 / lowest)


def test_there_are_tones_of_all_lengths_glides_vibrato_steady_tones_and_rests():
    lines = [draw(seed=seed).contour.f0 for seed in range(40)]
    lengths = [length for f0 in lines for length in runs(f0)]
    assert np.percentile(lengths, 10) < 0.15 and np.percentile(lengths, 90) > 1.5
    assert 0.55 < np.mean([(f0 > 0).mean() for f0 in lines]) < 0.9
    slopes = np.concatenate([np.abs(np.diff(1200.0 * np.log2(f0[f0 > 0]))) for f0 in lines]) / 0.002  # cents a second
    assert (slopes == 0).mean() > 0.05, "steady tones"
    assert ((slopes > 600.0) & (slopes < 6000.0)).mean() > 0.05, "glides and vibrato"
    assert (slopes > 50_000.0).mean() > 0.001, "new notes"


def test_is_reproducible():
    assert_array_equal(draw(seed=3).contour.f0, draw(seed=3).contour.f0)
    assert not np.array_equal(draw(seed=3).contour.f0, draw(seed=4).contour.f0)
