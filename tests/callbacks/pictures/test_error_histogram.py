import numpy as np
import pytest
from matplotlib.colors import to_rgba

from callbacks.pictures import classify_frames, count_errors, error_histogram
from callbacks.pictures.pianoroll import FrameClass
from callbacks.pictures.style import OCTAVE, WRONG

CENTRE = 25


def off_by(*semitones):
    errors = np.array(semitones, dtype=np.float64)
    return count_errors(np.full(len(errors), 440.0), 440.0 * 2 ** (errors / 12))


def counted(counts):
    return {int(place) - CENTRE: int(counts[place]) for place in np.flatnonzero(counts)}


def test_errors_are_counted_in_bins_of_a_semitone_the_same_on_both_sides():
    counts = off_by(0.4, -0.4, 0.6, -0.6, 1.4, -1.4, 1.6, -1.6, 12.0, -12.0)
    assert counts.dtype == np.int64
    assert counted(counts) == {0: 2, 1: 2, -1: 2, 2: 1, -2: 1, 12: 1, -12: 1}


def test_both_ends_belong_to_the_histogram_and_what_is_further_is_kept_apart():
    assert counted(off_by(24.0, -24.0, 24.4, -24.4, 24.6, -24.6, 40.0)) == {24: 2, -24: 2, 25: 2, -25: 1}


def test_only_frames_with_a_pitch_in_both_are_counted():
    assert count_errors([440.0, 440.0, 0.0, 0.0], [-880.0, 0.0, 440.0, 0.0]).sum() == 1


def test_counts_agree_with_the_classes_of_the_pianoroll():
    rng = np.random.default_rng(0)
    reference = rng.uniform(100, 400, 3000)
    estimate = reference * 2 ** rng.uniform(-2, 2, 3000)
    counts = count_errors(reference, estimate)
    classes = np.bincount(classify_frames(reference, estimate), minlength=9)
    assert counts[CENTRE] == classes[FrameClass.CORRECT] > 0
    assert counts[[CENTRE - 24, CENTRE - 12, CENTRE + 12, CENTRE + 24]].sum() == classes[FrameClass.OCTAVE] > 0


def drawn(counts):
    figure = error_histogram(counts, "toy_$a: errors")
    figure.draw_without_rendering()
    return figure.axes[0]


def test_correct_frames_are_not_drawn_and_set_no_limit():
    axes = drawn(off_by(*[0.0] * 1000, 1.0, 1.0, -12.0, 24.0))
    bars = {round(bar.get_x() + bar.get_width() / 2): bar for bar in axes.patches}
    assert sorted(bars) == list(range(-24, 25))
    assert {place: bar.get_height() for place, bar in bars.items() if bar.get_height()} == {1: 2, -12: 1, 24: 1}
    assert bars[1].get_facecolor() == to_rgba(WRONG)
    assert bars[-12].get_facecolor() == bars[24].get_facecolor() == to_rgba(OCTAVE)
    assert axes.get_xlim() == (-24.5, 24.5)
    low, high = axes.get_ylim()
    assert low == 0 and 2 < high < 3


def test_the_title_says_how_many_frames_are_off_and_the_axes_what_they_are():
    axes = drawn(off_by(*[0.0] * 1496, 1.0, 1.0, -12.0, 30.0))
    name, summary = axes.get_title(loc="left").replace("\N{NARROW NO-BREAK SPACE}", " ").split("\n")
    assert name == "toy_$a: errors"
    assert summary == "0.27 % of 1 500 frames off by half a semitone or more, 1 by more than two octaves"
    assert axes.get_xlabel() == "error (semitones, estimate \N{MINUS SIGN} reference)"
    assert axes.get_ylabel() == "frames"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["whole octaves", "other errors"]


@pytest.mark.parametrize(
    ("errors", "said"), [((), "no frame with a pitch in both"), ((0.0,), "no error of at most two octaves")]
)
def test_no_errors_give_an_empty_picture(errors, said):
    axes = drawn(off_by(*errors))
    assert [text.get_text() for text in axes.texts] == [said]
    assert axes.get_xlim() == (-24.5, 24.5)
    assert axes.get_ylim() == (0, 1)
