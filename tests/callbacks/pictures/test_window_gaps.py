import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mir_eval import melody

from callbacks.pictures import WindowParts, sum_windows, window_gaps
from callbacks.pictures.window_gaps import means_by_place

PARTS = WindowParts(8, 1)


def test_border_and_middle_do_not_meet():
    assert PARTS.is_border.tolist() == [True, *6 * [False], True]
    assert PARTS.is_middle.tolist() == [False, False, *4 * [True], False, False]
    longer = WindowParts(50, 5)
    assert (longer.is_border.sum(), longer.is_middle.sum()) == (10, 26)
    assert not (longer.is_border & longer.is_middle).any()
    assert longer.is_middle.tolist() == longer.is_middle.tolist()[::-1]


def test_sums_are_those_of_a_loop():
    generator = np.random.default_rng(0)
    reference = np.where(generator.random(45) < 0.3, 0.0, 220.0)
    estimate = 220.0 * 2 ** (generator.uniform(-1, 1, 45) / 12) * generator.choice([-1.0, 1.0], 45)
    confidence = generator.random(45)
    expected = np.zeros((4, 8))
    for frame in range(45):
        if reference[frame]:
            right = abs(12 * np.log2(abs(estimate[frame]) / 220.0)) < 0.5
            expected[:, frame % 8] += [confidence[frame], 1, right, 1]
    np.testing.assert_allclose(sum_windows(reference, estimate, confidence, 8), expected, rtol=1e-12)


def test_without_a_truth_all_frames_count_and_none_is_right():
    sums = sum_windows(None, np.full(10, 220.0), np.full(10, 0.5), 8)
    assert sums.tolist() == [[1.0, 1.0, *6 * [0.5]], [2, 2, *6 * [1]], [0] * 8, [0] * 8]
    confidence, accuracy = means_by_place(sums)
    assert confidence.tolist() == [0.5] * 8 and np.isnan(accuracy).all()


@given(arrays(float, 30, elements=st.sampled_from([0.0, 100.0, 102.0, 110.0])), st.integers(4, 40))
def test_all_places_together_are_raw_pitch_accuracy(estimate, frames):
    reference = np.where(np.arange(30) % 3 == 0, 0.0, 101.0)
    sums = sum_windows(reference, estimate, np.ones(30), frames)
    cents = [melody.hz2cents(series) for series in (reference, estimate)]
    expected = melody.raw_pitch_accuracy(reference > 0, cents[0], estimate > 0, cents[1])
    assert sums[2].sum() / sums[3].sum() == pytest.approx(expected)


@pytest.mark.parametrize(("at_border", "gap"), [(0.4, 0.5), (0.8, 1.0), (0.0, 0.0)])
def test_the_gap_is_border_by_middle_and_the_rest_does_not_count(at_border, gap):
    confidence = np.tile([at_border, 0.1, *4 * [0.8], 0.9, at_border], 3)
    assert PARTS.gap(sum_windows(None, np.zeros(24), confidence, 8)) == pytest.approx(gap)


def test_there_is_no_gap_without_frames_or_confidence():
    assert PARTS.gap(sum_windows(np.zeros(24), np.zeros(24), np.ones(24), 8)) is None
    assert PARTS.gap(sum_windows(None, np.zeros(24), np.zeros(24), 8)) is None
    assert PARTS.gap(sum_windows(None, np.zeros(2), np.ones(2), 8)) is None  # ends before the middle


def drawn(sums, title="toy"):
    figure = window_gaps(sums, PARTS, title)
    figure.draw_without_rendering()
    return figure.axes


def test_lines_are_the_means_and_the_border_is_shaded():
    confidence = np.tile([0.2, 0.3, *4 * [0.8], 0.9, 0.2], 3)
    reference = np.full(24, 220.0)
    estimate = np.where(np.arange(24) < 4, 110.0, 220.0)
    upper, lower = drawn(sum_windows(reference, estimate, confidence, 8), "a $set$")
    assert upper.lines[0].get_ydata().tolist() == pytest.approx([0.2, 0.3, *4 * [0.8], 0.9, 0.2])
    assert lower.lines[0].get_ydata().tolist() == pytest.approx([*4 * [2 / 3], *4 * [1.0]])
    assert upper.get_title(loc="left") == "a $set$, border / middle = 0.25"
    for axes in (upper, lower):
        shaded = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        assert shaded == [(-0.5, 0.5), (6.5, 7.5)]


def test_nothing_to_draw_is_said():
    upper, lower = drawn(np.zeros((4, 8)))
    assert [text.get_text() for axes in (upper, lower) for text in axes.texts] == 2 * ["no frame that counts"]
