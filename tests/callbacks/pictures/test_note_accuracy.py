import numpy as np
import pytest

from callbacks.pictures import count_correct, note_accuracy

A4, C5 = 69, 72
REFERENCE = np.array([440.0, 440.0, 440.0, 440.0, 523.25, 0.0])
ESTIMATE = np.array([440.0, -441.0, 880.0, 0.0, 523.25, 440.0])


def test_a_frame_is_correct_as_in_raw_pitch_accuracy():
    correct, frames = count_correct(REFERENCE, ESTIMATE)
    assert (correct[A4], frames[A4]) == (2, 4)
    assert (correct[C5], frames[C5]) == (1, 1)
    assert (correct.sum(), frames.sum()) == (3, 5)


def test_the_reference_is_rounded_and_the_error_is_not():
    reference = 440.0 * 2 ** (np.array([0.4, 0.4]) / 12)
    estimate = 440.0 * 2 ** (np.array([0.8, -0.2]) / 12)  # 0.4 and 0.6 semitones off
    correct, frames = count_correct(reference, estimate)
    assert (correct[A4], frames[A4]) == (1, 2)


def drawn(counts):
    figure = note_accuracy(counts, "toy")
    figure.draw_without_rendering()
    return figure.axes


def test_bars_are_shares_above_the_number_of_frames():
    upper, lower = drawn(count_correct(REFERENCE, ESTIMATE))
    centres = [bar.get_x() + bar.get_width() / 2 for bar in upper.patches]
    assert centres == pytest.approx([A4, C5])
    assert [bar.get_height() for bar in upper.patches] == [0.5, 1.0]
    assert [bar.get_height() for bar in lower.patches] == [4, 1]
    assert upper.get_ylim() == (0, 1)
    assert upper.get_xlim() == lower.get_xlim() == (A4 - 0.75, C5 + 0.75)
    assert [label.get_text() for label in lower.get_xticklabels()] == ["A4", "B4", "C5"]
    assert upper.get_ylabel() == "share of correct frames"
    assert (lower.get_xlabel(), lower.get_ylabel()) == ("note of the reference", "frames")


def test_every_bar_has_the_wilson_interval_of_the_literature():
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81/263, 15/148, 0/20, 1/29.
    counts = np.zeros((2, 128), dtype=np.int64)
    counts[:, 60:64] = [[81, 15, 0, 1], [263, 148, 20, 29]]
    upper, _ = drawn(counts)
    (lines,) = upper.collections
    intervals = [segment[:, 1] for segment in lines.get_segments()]
    expected = np.array([[0.2553, 0.3662], [0.0624, 0.1605], [0.0, 0.1611], [0.0061, 0.1718]])
    assert np.array(intervals) == pytest.approx(expected, abs=5e-5)
    assert [segment[0, 0] for segment in lines.get_segments()] == [60, 61, 62, 63]


def test_no_frames_give_an_empty_picture():
    upper, lower = drawn(count_correct([], []))
    assert [text.get_text() for text in upper.texts] == ["no voiced frame"]
    assert upper.get_ylim() == (0, 1)
    assert len(lower.get_xticklabels()) > 3
