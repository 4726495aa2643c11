"""Pictures of a comparison, on tables made by hand."""

import matplotlib.image
import numpy as np
import pytest

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from experiments.evaluation.pictures import (
    BOXES,
    PIANOROLLS,
    estimate_on,
    hardest_part,
    most_different,
    pianorolls,
    write_pictures,
)
from experiments.evaluation.scores import Rules, Scores, score
from experiments.evaluation.tables import TableFolder, pair
from lightning_modules.metrics import Criteria


def scores(*accuracies):
    """Overall accuracies of each method, by track."""
    values = np.array(accuracies, dtype=float)[:, :, None]
    tracks = tuple("abcdef"[: values.shape[1]])
    return Scores(tuple(map(str, range(len(values)))), tracks, ("overall_accuracy",), values)


def voiced(*segments, seconds=60.0, step=0.1):
    """Series that is voiced in segments of (start, end, Hz)."""
    times = np.arange(round(seconds / step)) * step
    f0 = np.zeros(len(times))
    for start, end, pitch in segments:
        f0[(times >= start - 1e-9) & (times < end - 1e-9)] = pitch
    return F0Series(times, f0)


def drawn(figure):
    """By method and label, the times and notes of its frames."""
    return {
        axes.get_title(loc="left"): {line.get_label(): line.get_xydata() for line in axes.lines} for axes in figure.axes
    }


def test_the_track_with_the_largest_difference_is_drawn_and_of_one_method_the_worst():
    assert most_different(scores([0.9, 0.8, 0.1], [0.9, 0.2, 0.1], [0.8, 0.3, 0.2])) == "b"
    assert most_different(scores([0.9, np.nan, 0.1, 0.5])) == "c"
    assert most_different(scores([0.5, np.nan], [0.5, 0.1])) == "a"


def test_a_long_track_is_shown_where_the_methods_disagree():
    right = voiced((0, 60, 220.0))
    wrong = voiced((0, 35, 220.0), (35, 50, 300.0), (50, 60, 220.0))
    shown = drawn(pianorolls("song", right, {"right": right, "wrong": wrong}))
    times = shown["right"]["reference"][:, 0]
    assert times[0] <= 35 and times[-1] >= 49.9 and len(times) == 200
    assert len(shown["wrong"]["wrong pitch"]) == 150
    # Where all are wrong they do not disagree; a single method is shown where it is wrong.
    assert drawn(pianorolls("song", right, {"one": wrong, "two": wrong}))["one"]["reference"][0, 0] == 0
    assert drawn(pianorolls("song", right, {"one": wrong}))["one"]["reference"][-1, 0] >= 49.9


def test_estimates_are_brought_to_the_frames_of_the_reference_and_false_alarms_count():
    reference = voiced((0, 30, 220.0))
    times = np.arange(0, 60, 0.05)
    alarms = F0Series(times, np.where(times < 45, 220.0, -220.0))
    frames = drawn(pianorolls("song", reference, {"right": reference, "alarms": alarms}))["alarms"]["false alarm"]
    assert len(frames) == 150 and frames[0, 0] == pytest.approx(30.0) and frames[-1, 0] == pytest.approx(44.9)
    assert frames[:, 1] == pytest.approx(57.0)


def test_both_pictures_are_written_whole(tmp_path):
    series = {"reference": (0, 2, 220.0), "good": (0, 2, 221.0), "octave": (0, 2, 440.0)}
    for name, segment in series.items():
        (tmp_path / name).mkdir()
        for track in "ab":
            write_f0(tmp_path / name / f"{track}.csv", voiced(segment, seconds=3.0))
    references = TableFolder(tmp_path / "reference")
    estimates = {name: TableFolder(tmp_path / name) for name in ("good", "octave")}
    pairs = pair(references, estimates)
    given = score(references, estimates, pairs, Rules(Criteria())), references, estimates, pairs
    write_pictures(tmp_path, *given)
    for name in (BOXES, PIANOROLLS):
        assert min(matplotlib.image.imread(tmp_path / name).shape[:2]) > 300
    (tmp_path / "taken" / BOXES).mkdir(parents=True)
    with pytest.raises(DataError, match=r"taken/.*: Is a directory; this is a folder"):
        write_pictures(tmp_path / "taken", *given)


def test_the_hardest_part_is_as_long_as_asked_for_and_shares_stand_beside_it():
    right = voiced((0, 60, 220.0))
    wrong = voiced((0, 35, 220.0), (35, 45, 300.0), (45, 60, 220.0))
    assert hardest_part(right, [wrong.f0], 10.0) == slice(350, 450)
    figure = pianorolls("song", right, {"right": right, "wrong": wrong}, seconds=10.0, shares=True)
    assert len(figure.axes) == 4 and figure.get_suptitle() == "song, 35.0 to 44.9 s"
    assert estimate_on(right, F0Series(right.times, -wrong.f0)) == pytest.approx(-wrong.f0)
