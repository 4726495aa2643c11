from itertools import pairwise

import numpy as np

from callbacks.pictures import TimedPhone, aligned_phones
from callbacks.pictures.alignment import spread

TIMES = np.arange(100) * 0.02
# The first and last two phones are crowded at the ends.
SPOKEN = [
    TimedPhone(phone, start, start + 0.02, 0.5)
    for phone, start in (("SIL", 0.0), ("AH", 0.01), ("T", 1.0), ("$a$", 1.95), ("SIL", 1.97))
]


def picture(reference=SPOKEN, remark=""):
    features = np.arange(200 * 13.0).reshape(200, 13)
    figure = aligned_phones(
        np.arange(200) * 0.01, features, TIMES, np.full(100, 0.3), reference, SPOKEN[:1], "toy: a_$b$", remark
    )
    figure.draw_without_rendering()
    return {axes.get_ylabel(): axes for axes in figure.axes}


def test_all_share_an_axis_in_seconds():
    axes = picture()
    panels = [axes[label] for label in ("bin", "reference:\nconfidence", "decoded:\nposterior")]
    assert {panel.get_xlim() for panel in panels} == {(0.0, 1.995)}
    assert panels[2].get_xlabel() == "time (s)"
    np.testing.assert_allclose(panels[0].images[0].get_extent(), [-0.005, 1.995, -0.5, 12.5])
    assert panels[0].get_title(loc="left") == "toy: a_$b$"


def test_a_bar_spans_its_phone_and_is_as_high_as_the_confidence():
    axes = picture()["reference:\nconfidence"]
    spans = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches]
    np.testing.assert_allclose(spans, [(phone.start, 0.02, 0.5) for phone in SPOKEN])


def test_names_neither_overlap_nor_leave_the_axes():
    axes = picture()["reference:\nconfidence"]
    assert [text.get_text() for text in axes.texts] == ["SIL", "AH", "T", "$a$", "SIL"]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert axes.bbox.x0 <= boxes[0].x0
    assert boxes[-1].x1 <= axes.bbox.x1


def test_the_posterior_of_the_likeliest_phone_is_drawn_over_what_was_decoded():
    line = picture()["decoded:\nposterior"].lines[-1]
    assert (line.get_xdata() == TIMES).all()
    assert set(line.get_ydata()) == {0.3}


def test_the_title_says_why_there_is_no_reference():
    axes = picture(reference=[], remark="the reference does not fit")
    assert axes["bin"].get_title(loc="left") == "toy: a_$b$\nthe reference does not fit"
    assert [text.get_text() for text in axes["reference:\nconfidence"].texts] == ["no phone"]


def test_what_has_room_stays_where_it_is():
    np.testing.assert_allclose(spread(np.array([1.0, 2.0, 4.0]), np.ones(3), (0.0, 5.0)), [1.0, 2.0, 4.0])


def test_what_overlaps_gives_way_evenly_and_within_the_limits():
    np.testing.assert_allclose(spread(np.array([2.0, 2.0]), np.ones(2), (0.0, 5.0)), [1.5, 2.5])
    np.testing.assert_allclose(spread(np.array([0.2, 0.2, 0.3]), np.ones(3), (0.0, 5.0)), [0.5, 1.5, 2.5])
    np.testing.assert_allclose(spread(np.array([4.9, 4.9]), np.array([1.0, 2.0]), (0.0, 5.0)), [2.5, 4.0])
    assert len(spread(np.zeros(0), np.zeros(0), (0.0, 1.0))) == 0
