import numpy as np
import pytest

from callbacks.pictures import confusion_matrix, count_confusions

A4, C5, A5 = 69, 72, 81


def hz(*notes):
    return 440.0 * 2 ** ((np.array(notes) - 69.0) / 12)


def test_rows_are_the_estimate_and_columns_the_reference():
    counts = count_confusions(hz(A4, A4, A4, C5), hz(A4 + 0.4, A5, A5 - 0.4, C5 - 0.6))
    assert counts.shape == (128, 128)
    assert counts.dtype == np.int64
    expected = {(A4, A4): 1, (A5, A4): 2, (71, C5): 1}
    assert {tuple(place): int(counts[tuple(place)]) for place in np.argwhere(counts).tolist()} == expected


def test_a_frame_counts_if_the_reference_is_voiced_and_the_estimate_has_a_pitch():
    reference = np.array([440.0, 440.0, 0.0, 0.0, -440.0])
    estimate = np.array([-440.0, 0.0, 440.0, 0.0, 440.0])
    counts = count_confusions(reference, estimate)
    assert counts[A4, A4] == counts.sum() == 1


def test_notes_beyond_midi_are_counted_at_its_ends():
    counts = count_confusions([440.0, 440.0], [2.0, 22000.0])
    assert counts[0, A4] == counts[127, A4] == 1


def test_series_of_different_frames_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2,\) and estimate of shape \(1,\)"):
        count_confusions([440.0, 440.0], [440.0])
    with pytest.raises(ValueError, match="not finite"):
        count_confusions([440.0], [np.nan])


def picture(reference, estimate):
    figure = confusion_matrix(count_confusions(reference, estimate), "a_$b: confusions")
    figure.draw_without_rendering()
    return figure.axes


def test_the_axes_span_the_notes_that_occur_and_name_them():
    axes, bar = picture(hz(*[A4] * 1000, C5), hz(*[A4] * 1000, A5))
    assert axes.get_xlim() == (A4 - 0.5, C5 + 0.5)
    assert axes.get_ylim() == (A4 - 0.5, A5 + 0.5)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A4", "B4", "C5"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A4", "B4", "C5", "D5", "E5", "F5", "G5", "A5"]
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("reference", "estimate", "frames")
    assert axes.get_title(loc="left") == "a_$b: confusions"


def test_a_single_error_shows_beside_a_strong_diagonal():
    axes, _ = picture(hz(*[A4] * 1000, C5), hz(*[A4] * 1000, A5))
    (image,) = axes.images
    assert image.get_extent() == [-0.5, 127.5, -0.5, 127.5]
    assert image.get_clim() == (1, 1000)
    assert image.norm(10) == pytest.approx(1 / 3)  # logarithmic
    colours = image.to_rgba(image.get_array())
    assert colours[C5 + 1, C5, 3] == 0.0  # what never occurs stays white
    single = colours[A5, C5]
    assert single[3] == 1.0 and single[:3].max() - single[:3].min() > 0.5


def test_no_frames_give_an_empty_picture():
    axes, _ = picture([], [])
    assert [text.get_text() for text in axes.texts] == ["no frame with a pitch in both"]
    assert axes.get_xlabel() == "reference"
    assert len(axes.get_xticklabels()) > 3
