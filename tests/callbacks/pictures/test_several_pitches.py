"""The pianoroll of several voices, read from what its axes hold."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from callbacks.pictures import FrameClass, classify_pitches, draw_several_pitches, several_pitches_with_salience

REFERENCE = np.array([[220.0, 330.0], [220.0, 0.0], [0.0, 0.0]])
ESTIMATE = np.array([[222.0, 440.0, 0.0], [880.0, 300.0, 221.0], [220.0, 0.0, 0.0]])


def drawn(reference):
    axes = Figure().subplots()
    draw_several_pitches(axes, [0.0, 0.1, 0.2], reference, ESTIMATE)
    return {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().round(1).tolist()) for line in axes.lines}


def test_an_estimate_is_classified_by_the_nearest_of_what_sounds():
    none, right, octave = FrameClass.NO_ESTIMATE, FrameClass.CORRECT, FrameClass.OCTAVE
    assert classify_pitches(REFERENCE, ESTIMATE).tolist() == [
        [right, octave, none],
        [octave, FrameClass.WRONG, right],
        [FrameClass.FALSE_ALARM, none, none],
    ]


def test_all_voices_are_drawn_at_their_times():
    assert drawn(REFERENCE) == {
        "reference": ([0.0, 0.0, 0.1], [57.0, 64.0, 57.0]),
        "correct pitch": ([0.0, 0.1], [57.2, 57.1]),
        "octave error": ([0.0, 0.1], [69.0, 81.0]),
        "wrong pitch": ([0.1], [62.4]),
        "false alarm": ([0.2], [57.0]),
    }


def test_without_a_truth_nothing_is_judged():
    found = drawn(None)
    assert set(found) == {"voiced"} and len(found["voiced"][0]) == 6


def test_a_picture_has_both_axes_also_of_silence():
    nothing = np.zeros((3, 0))
    for reference, estimate in ((REFERENCE, ESTIMATE), (nothing, nothing), (None, nothing)):
        figure = several_pitches_with_salience([0.0, 0.1, 0.2], reference, estimate, [60, 61], np.ones((3, 2)), "t")
        assert figure.axes[0].get_title(loc="left") == "t" and len(figure.axes) >= 2


def test_other_frames_are_refused():
    with pytest.raises(ValueError, match="must share their frames"):
        classify_pitches(REFERENCE[:2], ESTIMATE)
