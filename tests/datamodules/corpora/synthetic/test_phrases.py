from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datamodules.corpora.synthetic.phrases import MelodyStyle, draw_melody

PLAIN = MelodyStyle(48.0, 72.0, (2.0, 4.0), vibrato_cents=0.0, glide_probability=0.0, rest_probability=0.0)


def draw(style, seconds=30.0, seed=0):
    return draw_melody(np.random.default_rng(seed), style, seconds)


def midi(melody):
    f0 = melody.contour.f0
    return 69.0 + 12.0 * np.log2(f0[f0 > 0] / 440.0)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    lowest=st.floats(24.0, 80.0),
    width=st.floats(0.0, 40.0),
    vibrato=st.floats(0.0, 100.0),
    seconds=st.floats(0.01, 12.0),
)
def test_the_melody_covers_the_recording_and_stays_in_its_range(seed, lowest, width, vibrato, seconds):
    melody = draw(MelodyStyle(lowest, lowest + width, (0.5, 8.0), vibrato, 0.3, 0.2), seconds, seed)
    times, f0 = melody.contour
    assert times[0] == 0.0
    assert seconds <= times[-1] < seconds + 0.0021
    assert len(times) == len(f0) == len(melody.loudness)
    assert (f0 >= 0).all()
    assert (melody.loudness > 0).all()
    beyond = vibrato / 100.0 + 1e-6
    assert np.all((midi(melody) >= lowest - beyond) & (midi(melody) <= lowest + width + beyond))


def test_without_ornaments_notes_are_flat_and_on_a_scale():
    pitches = np.unique(midi(draw(PLAIN)).round(6))
    assert 4 < len(pitches) < 25
    assert np.ptp((pitches - pitches[0]) % 1.0 + 1e-3) % 1.0 < 2e-3


def test_tempo():
    steps = np.count_nonzero(np.diff(draw(PLAIN, 100.0).contour.f0))
    assert 150 < steps < 450


def test_rests_follow_their_probability():
    assert (draw(PLAIN).contour.f0 > 0).all()
    resting = draw(replace(PLAIN, rest_probability=1.0), 100.0).contour.f0 > 0
    assert 0.3 < resting.mean() < 0.7


def test_glides_connect_notes():
    def jumps(style):
        return np.abs(np.diff(midi(draw(style)))).max()

    assert jumps(PLAIN) >= 1.0
    assert jumps(replace(PLAIN, glide_probability=1.0)) < 0.8


def test_vibrato_deviates_as_far_as_stated():
    notes = midi(draw(replace(PLAIN, lowest_note=60.0, highest_note=60.0, vibrato_cents=80.0), 60.0))
    assert 0.6 < np.abs(notes - 60.0).max() <= 0.8


def test_the_same_numbers_give_the_same_melody():
    for one, other in zip(draw(PLAIN).contour, draw(PLAIN).contour, strict=True):
        assert_array_equal(one, other)
