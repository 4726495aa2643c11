import time
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure

from callbacks.pictures import FrameClass, classify_frames, draw_pianoroll, pianoroll_with_salience
from callbacks.pictures.axes import note_name

SEMITONE = 2 ** (1 / 12)
NOTES = np.linspace(36, 84, 241)


def test_every_class_of_frame_is_told_apart():
    frames = [
        (220.0, 220.0 * SEMITONE**0.4, FrameClass.CORRECT),
        (220.0, 220.0 * SEMITONE**0.6, FrameClass.WRONG),
        (220.0, 440.0 * SEMITONE**-0.4, FrameClass.OCTAVE),
        (220.0, 55.0, FrameClass.OCTAVE),
        (220.0, 440.0 * SEMITONE**-0.6, FrameClass.WRONG),
        (0.0, 220.0, FrameClass.FALSE_ALARM),
        (220.0, -220.0, FrameClass.MISSED_CORRECT),
        (220.0, -110.0, FrameClass.MISSED_OCTAVE),
        (220.0, -300.0, FrameClass.MISSED_WRONG),
        (0.0, -300.0, FrameClass.UNVOICED),
        (220.0, 0.0, FrameClass.NO_ESTIMATE),
        (0.0, 0.0, FrameClass.NO_ESTIMATE),
    ]
    reference, estimate, expected = zip(*frames, strict=True)
    classes = classify_frames(reference, estimate)
    assert classes.dtype == np.int8
    assert classes.tolist() == list(expected)


def test_the_legend_names_what_occurs_and_the_axis_spans_the_voiced_notes():
    axes = Figure().subplots()
    # A4 correct, A5 an octave error, and an unvoiced guess far below that must not widen the axis.
    draw_pianoroll(axes, [0.0, 0.1, 0.2], [440.0, 440.0, 0.0], [440.0, 880.0, -55.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "reference",
        "correct pitch",
        "octave error",
        "both unvoiced (guess)",
    ]
    assert axes.get_ylim() == pytest.approx((69 - 1.5, 81 + 1.5))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "A4" and "C5" in labels and labels[-1] == "A5"
    assert axes.get_xlabel() == "time (s)"


def test_notes_have_their_usual_names():
    assert [note_name(note) for note in (21, 60, 69, 70)] == ["A0", "C4", "A4", "A♯4"]


def picture(frames, reference=True, voiced=True):
    times = np.arange(frames) * 0.01
    pitch = np.full(frames, 220.0)
    truth = (pitch if voiced else 0 * pitch) if reference else None
    salience = np.random.default_rng(0).random((frames, len(NOTES))).astype(np.float16)
    return pianoroll_with_salience(times, truth, pitch if voiced else -pitch, NOTES, salience, "a_$b [1]")


@pytest.mark.parametrize("frames", [0, 1, 2, 300])
@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("voiced", [True, False])
def test_any_track_can_be_drawn(frames, reference, voiced):
    figure = picture(frames, reference, voiced)
    figure.savefig(BytesIO(), format="png", dpi=30)
    assert figure.axes[0].get_title(loc="left") == "a_$b [1]"


def test_both_parts_share_the_time_axis():
    upper, lower = picture(300).axes[:2]
    assert upper.get_xlim() == lower.get_xlim() == pytest.approx((-0.005, 2.995))


def test_salience_lies_on_its_notes():
    lower = picture(300).axes[1]
    assert lower.get_ylim() == pytest.approx((35.9, 84.1))
    left, right, bottom, top = lower.images[0].get_extent()
    assert (left, right, bottom, top) == pytest.approx((-0.005, 2.995, 35.9, 84.1))


def test_uneven_notes_are_drawn_too():
    figure = pianoroll_with_salience([0.0, 0.1], None, [220.0, 0.0], [40.0, 41.0, 50.0], np.eye(2, 3), "")
    figure.savefig(BytesIO(), format="png", dpi=30)
    assert figure.axes[1].get_ylim() == (39.5, 54.5)


def test_twenty_seconds_are_drawn_quickly():
    start = time.process_time()
    picture(2000).savefig(BytesIO(), format="png", dpi=110)
    assert time.process_time() - start < 1.5
