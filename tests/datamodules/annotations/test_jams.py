import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_tables import read_f0, read_multi_f0
from datamodules.errors import DataError


def observation(time, frequency, index=0, voiced=True, duration=0.0):
    return {
        "time": time,
        "duration": duration,
        "value": {"index": index, "frequency": frequency, "voiced": voiced},
        "confidence": None,
    }


def contour(start, *f0, index=0):
    return [observation(start + 0.1 * frame, frequency, index) for frame, frequency in enumerate(f0)]


def dense(rows):
    return {key: [row[key] for row in rows] for key in ("time", "duration", "value", "confidence")}


@pytest.fixture
def write(tmp_path):
    """Writes a JAMS file with a pitch contour annotation for each list of observations, after one of another kind."""

    def write(*annotations, arrange=lambda rows: rows):
        found = [{"namespace": "beat", "data": []}]
        found += [{"namespace": "pitch_contour", "data": arrange(rows)} for rows in annotations]
        path = tmp_path / "song.jams"
        path.write_text(json.dumps({"annotations": found, "file_metadata": {}, "sandbox": {}}))
        return path

    return write


class TestOneVoice:
    @pytest.mark.parametrize("arrange", [dense, list])
    def test_a_contour_and_the_silence_behind_it(self, write, arrange):
        found = read_f0(write(contour(0.5, 100.0, 110.0, 120.0), arrange=arrange))
        assert_allclose(found.times, [0.5, 0.6, 0.7, 0.8])
        assert_array_equal(found.f0, [100.0, 110.0, 120.0, 0.0])

    def test_contours_one_after_the_other_with_silence_between_them(self, write):
        first, second = contour(0.0, 100.0, 110.0), contour(1.0, 200.0, 210.0, index=1)
        for path in (write(first + second), write(second, first)):
            assert_allclose(read_f0(path).at([0.05, 0.15, 0.3, 0.99, 1.05, 1.15, 1.3]), [105, 110, 0, 0, 205, 210, 0])

    def test_no_silence_between_contours_that_touch(self, write):
        found = read_f0(write(contour(0.0, 100.0, 110.0) + contour(0.2, 200.0, 210.0, index=1)))
        assert_allclose(found.times, [0.0, 0.1, 0.2, 0.3, 0.4])
        assert_array_equal(found.f0, [100.0, 110.0, 200.0, 210.0, 0.0])

    def test_unvoiced_frames_keep_their_guess(self, write):
        rows = [observation(0.0, 100.0), observation(0.1, 90.0, voiced=False), observation(0.2, 0.0, voiced=False)]
        assert_array_equal(read_f0(write(rows)).f0, [100.0, -90.0, 0.0, 0.0])

    def test_a_last_frame_that_says_how_long_it_lasts(self, write):
        assert_allclose(read_f0(write([observation(0.0, 100.0, duration=0.7)])).times, [0.0, 0.7])

    def test_offset_and_gap(self, write):
        found = read_f0(write([*contour(0.0, 100.0, 110.0), observation(2.0, 120.0)]), offset=0.5, gap=0.3)
        assert_allclose(found.at([0.65, 1.0, 2.5]), [110.0, 0.0, 120.0])

    def test_voices_at_once_are_refused(self, write):
        path = write(contour(0.0, 100.0, 110.0), contour(0.05, 200.0, 210.0))
        with pytest.raises(DataError, match=r"song\.jams: one voice is expected, but at 0\.05 s two pitch contours"):
            read_f0(path)

    def test_a_step_is_refused(self, write):
        with pytest.raises(DataError, match=r"song\.jams: `step` is only for tables"):
            read_f0(write(contour(0.0, 100.0)), step=0.1)


class TestSeveralVoices:
    def test_sound_together_where_their_contours_overlap(self, write):
        found = read_multi_f0(write(contour(0.0, *[100.0] * 11), contour(0.53, *[200.0] * 11)))
        sounding = [sorted(row[row > 0].tolist()) for row in found.at([0.0, 0.3, 0.6, 1.04, 1.3, 1.53])]
        assert sounding == [[100.0], [100.0], [100.0, 200.0], [100.0, 200.0], [200.0], [200.0]]
        assert not found.at([1.7]).any()
        assert found.f0.shape[1] == 2

    def test_are_silent_before_and_behind_a_contour(self, write):
        found = read_multi_f0(write(contour(0.0, 100.0, 100.0) + contour(2.0, 200.0, 200.0, index=1)))
        assert_allclose(found.times, [0.0, 0.1, 0.2, 1.9, 2.0, 2.1, 2.2])
        assert_array_equal(found.at([0.14, 0.3, 1.0, 1.8, 1.96])[:, 0], [100.0, 0.0, 0.0, 0.0, 200.0])

    def test_of_one_contour_it_is_what_read_f0_reads(self, write):
        path = write(contour(0.0, 100.0, 110.0, 120.0))
        one, several = read_f0(path), read_multi_f0(path)
        assert_array_equal(several.times, one.times)
        assert_array_equal(several.f0[:, 0], one.f0)


def pitch_contour(data):
    return {"annotations": [{"namespace": "pitch_contour", **data}]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "'annotations' is expected"),
        ({"annotations": [{"namespace": "beat", "data": []}]}, "no annotation in the namespace 'pitch_contour'"),
        (pitch_contour({"data": []}), "annotations are empty"),
        (pitch_contour({}), "'data' is expected"),
        (pitch_contour({"data": {"time": [0.0], "duration": [], "value": []}}), "differ in length"),
        (pitch_contour({"data": {"time": 0.0, "duration": 0.0, "value": 0.0}}), "differ in length"),
        (pitch_contour({"data": [{"time": 0.0, "duration": 0.0, "value": 440.0}]}), "not as JAMS has it: 'frequency'"),
    ],
)
def test_a_file_that_is_not_as_expected_is_named(tmp_path, content, reason):
    path = tmp_path / "song.jams"
    path.write_text(json.dumps(content))
    for read in (read_f0, read_multi_f0):
        with pytest.raises(DataError) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: ") and reason in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff", "song.jams, line 1: byte 0xff is not UTF-8 text"), (b"{", "song.jams, line 1: not valid JSON")],
)
def test_a_file_that_is_not_json_is_named(tmp_path, content, reason):
    (tmp_path / "song.jams").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_f0(tmp_path / "song.jams")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([observation(float("nan"), 100.0)], "annotation 1, observation 0: time nan"),
        ([observation(0.0, "100")], "frequency '100'"),
        ([observation(0.0, 1e5 + 1)], "annotation 1, observation 0: frequency 100001 Hz; at most 100000 Hz"),
        ([observation(0.0, float("inf"))], "annotation 1, observation 0: frequency inf"),
        ([observation(0.0, -100.0)], "frequency -100.0; a finite number, not negative"),
        ([observation(0.0, 100.0), observation(-0.1, 100.0)], "observation 1: time -0.1"),
        (contour(0.0, 1.0, 1.0)[::-1], "pitch_contour at 0 s comes after 0.1 s"),
        ([observation(0.5, 100.0)], "pitch_contour at 0.5 s: a single frame without duration"),
    ],
)
def test_an_observation_that_cannot_be_used_is_named(write, rows, reason):
    with pytest.raises(DataError) as error:
        read_f0(write(rows))
    assert reason in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.jams: cannot be read: No such file"):
        read_f0(tmp_path / "nowhere.jams")


def test_a_real_file_is_read():
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real JAMS file to read")
    path = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_mirdata_clips" / "guitarset" / "03_BN3-119-G_solo.jams"
    one, several = read_f0(path), read_multi_f0(path)
    assert np.count_nonzero(one.f0 > 0) == 160
    times = np.arange(0.8, 1.95, 0.01)
    agree = np.isclose(several.at(times)[:, 0], one.at(times), rtol=0.03)
    assert agree.mean() > 0.98  # they differ where a contour ends, by half a frame
