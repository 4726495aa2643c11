import time
from io import BytesIO

import mir_eval
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from callbacks.pictures import FrameClass, classify_frames, draw_pianoroll, pianoroll_with_salience
from callbacks.pictures.pianoroll import scores_line
from callbacks.pictures.style import note_name

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


# Linear RGB as seen without one of the three kinds of cones: Machado, Oliveira, Fernandes 2009, table of severity 1.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.180437], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503]]
)


def lab(colour, seen):
    """CIE L*a*b*, in which a distance of 2.3 is just noticeable."""
    encoded = np.array(to_rgb(colour))
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    xyz = RGB_TO_XYZ @ np.clip(np.asarray(seen) @ linear, 0, 1) / RGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_the_colour_blind_can_tell_the_nine_classes_apart(seen):
    axes = Figure().subplots()
    reference = [220.0] * 6 + [0.0] * 2
    draw_pianoroll(axes, np.arange(8), reference, [220.0, 440.0, 300.0, -220.0, -440.0, -300.0, 220.0, -220.0])
    assert len(axes.lines) == 9
    colours = [lab(line.get_color(), seen) for line in axes.lines]
    apart = [np.linalg.norm(one - other) for index, one in enumerate(colours) for other in colours[:index]]
    assert min(apart) > 15


def test_the_scores_are_those_of_mir_eval():
    rng = np.random.default_rng(0)
    times = np.arange(500) * 0.01
    reference = np.where(rng.random(500) < 0.7, rng.uniform(100, 400, 500), 0.0)
    pitch = np.where(reference > 0, reference, 200) * 2 ** (rng.choice([0, 0.02, 0.3, 1, -1, 1.5], 500))
    estimate = np.where(rng.random(500) < 0.6, pitch, -pitch)
    expected = mir_eval.melody.evaluate(times, reference, times, estimate)
    scores = dict(part.split(" ") for part in scores_line(reference, estimate).split("   "))
    names = {
        "OA": "Overall Accuracy",
        "RPA": "Raw Pitch Accuracy",
        "RCA": "Raw Chroma Accuracy",
        "VR": "Voicing Recall",
        "VFA": "Voicing False Alarm",
    }
    assert {name: scores[name] for name in names} == {name: f"{expected[full]:.3f}" for name, full in names.items()}
    assert scores["VA"] == f"{np.mean((reference > 0) == (estimate > 0)):.3f}"


def test_undefined_scores_are_dashes():
    assert scores_line([0.0], [-220.0]) == "OA 1.000   RPA –   RCA –   VR –   VFA 0.000   VA 1.000"  # noqa: RUF001


def test_a_picture_without_a_reference_has_no_scores():
    assert picture(10, reference=False).axes[0].get_title(loc="right") == ""
    assert picture(10).axes[0].get_title(loc="right").startswith("OA 1.000")


def test_notes_have_their_usual_names():
    assert [note_name(note) for note in (21, 60, 69, 70)] == ["A0", "C4", "A4", "A♯4"]


def picture(frames, reference=True, voiced=True):
    times = np.arange(frames) * 0.01
    pitch = np.full(frames, 220.0)
    truth = (pitch if voiced else 0 * pitch) if reference else None
    salience = np.random.default_rng(0).random((frames, len(NOTES))).astype(np.float16)
    return pianoroll_with_salience(times, truth, pitch if voiced else -pitch, NOTES, salience, "a_$b [1]")


@pytest.mark.sampled(6)
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
