import os
import time
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import read_f0, read_multi_f0, write_f0
from datamodules.errors import DataError

EMPTY = F0Series(np.zeros(0), np.zeros(0))
voiced = st.floats(20.0, 5000.0)
frequencies = st.one_of(voiced, st.just(0.0), voiced.map(lambda frequency: -frequency))


@st.composite
def series(draw, min_size=1):
    steps = draw(st.lists(st.floats(1e-4, 2.0), min_size=min_size, max_size=30))
    f0 = draw(st.lists(frequencies, min_size=len(steps), max_size=len(steps)))
    return F0Series(np.cumsum(steps), np.array(f0))


def table(folder, text):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def message(folder, text, **options):
    with pytest.raises(DataError) as error:
        read_f0(table(folder, text), **options)
    return str(error.value)


class TestAt:
    @given(series(min_size=2), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
    def test_is_the_convention_of_mir_eval(self, truth, places):
        times = truth.times[0] + np.array([*places, 0.0]) * (truth.times[-1] - truth.times[0])
        times = np.minimum(times, truth.times[-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected, voicing = mir_eval.melody.resample_melody_series(
                truth.times.copy(), np.maximum(truth.f0, 0), (truth.f0 > 0).astype(float), np.append(times, 1e6)
            )
        assert_allclose(truth.at(times), (expected * voicing)[:-1], rtol=1e-12)

    def test_is_linear_in_a_run_holds_its_last_frame_and_begins_at_the_first(self):
        truth = F0Series(np.arange(6.0), np.array([0.0, 100.0, 200.0, 0.0, -300.0, 400.0]))
        asked = [0.0, 0.9, 1.0, 1.25, 2.0, 2.9, 3.0, 4.0, 4.9, 5.0]
        assert_allclose(truth.at(asked), [0, 0, 100, 125, 200, 200, 0, 0, 0, 400])

    def test_a_guess_in_an_unvoiced_frame_does_not_bend_the_pitch_before_it(self):
        assert_allclose(F0Series(np.array([0.0, 1.0, 2.0]), np.array([100.0, -50.0, 0.0])).at([0.5]), [100.0])

    def test_is_unvoiced_outside_the_table(self):
        truth = F0Series(np.array([1.0, 2.0]), np.array([100.0, 100.0]))
        assert_array_equal(truth.at([-1.0, 0.0, 0.999, 2.001, 50.0]), np.zeros(5))

    def test_rounding_of_times_does_not_lose_the_first_and_last_frame(self):
        truth = F0Series(np.array([0.3, 0.6]), np.array([100.0, 200.0]))
        assert_allclose(truth.at([0.1 * 3 - 1e-16, 0.1 * 6 + 1e-16]), [100.0, 200.0])

    def test_one_frame(self):
        assert_array_equal(F0Series(np.array([1.0]), np.array([100.0])).at([0.0, 1.0, 2.0]), [0.0, 100.0, 0.0])

    def test_no_frame_and_no_times(self):
        assert_array_equal(EMPTY.at([0.0, 1.0]), [0.0, 0.0])
        assert F0Series(np.array([1.0]), np.array([100.0])).at([]).shape == (0,)

    @pytest.mark.parametrize("f0", [0.0, -100.0])
    def test_nothing_voiced(self, f0):
        found = F0Series(np.arange(3.0), np.full(3, f0)).at(np.arange(0.0, 3.0, 0.5))
        assert_array_equal(found, np.zeros(6))
        assert not np.signbit(found).any()

    def test_a_grid_that_is_almost_the_same_is_not_taken_for_the_same(self):
        truth = F0Series(np.arange(1000.0, 1010.0), np.arange(100.0, 110.0))
        assert_allclose(truth.at(truth.times[:-1] + 0.005), truth.f0[:-1] + 0.005)

    def test_leaves_the_series_as_it_was(self):
        truth = F0Series(np.arange(3.0), np.array([100.0, -100.0, 0.0]))
        asked = np.array([0.5, 1.5])
        truth.at(asked)
        assert_array_equal(truth.f0, [100.0, -100.0, 0.0])
        assert_array_equal(asked, [0.5, 1.5])


class TestRead:
    @pytest.mark.parametrize(
        "text",
        [
            "0,100\n0.01,-200\n0.02,0\n",
            "0\t100\r\n0.01\t-200\r\n0.02\t0",
            "0 100\n0.01   -200\n  0.02 0  \n",
            "time,frequency\n0,100\n0.01,-200\n0.02,0\n",
            "# a comment\n\n0,100\n0.01,-200 # a guess\n\n0.02,0\n\n",
            "0,100,[1] \n0.01,-200,[1],x\n0.02,0\n",
            "\ufeff0,100\n0.01, -200\n0.02 ,0\n",
            "0,1e2\r0.01,-2e2\r0.02,0\r",
        ],
        ids=["comma", "tab", "blank", "header", "comments", "ragged", "byte order mark", "old line ends"],
    )
    def test_separators_and_oddities(self, tmp_path, text):
        found = read_f0(table(tmp_path, text))
        assert_array_equal(found.times, [0.0, 0.01, 0.02])
        assert_array_equal(found.f0, [100.0, -200.0, 0.0])

    def test_one_column_with_a_step(self, tmp_path):
        found = read_f0(table(tmp_path, "0\n129.776\n\n130.55"), step=0.015)
        assert_allclose(found.times, [0.0, 0.015, 0.03])
        assert_array_equal(found.f0, [0.0, 129.776, 130.55])

    def test_offset(self, tmp_path):
        assert_allclose(read_f0(table(tmp_path, "0,1\n1,1"), offset=-0.5).times, [-0.5, 0.5])

    def test_a_gap_is_silent_and_so_is_what_follows_the_last_row(self, tmp_path):
        found = read_f0(table(tmp_path, "0,100\n0.1,100\n0.2,100\n0.9,100\n1.0,100\n"), gap=0.15)
        assert_allclose(found.times, [0.0, 0.1, 0.2, 0.3, 0.9, 1.0, 1.1])
        assert_array_equal(found.f0, [100, 100, 100, 0, 100, 100, 0])
        assert_array_equal(found.at([0.29, 0.31, 0.89, 0.9, 1.09, 1.2]) > 0, [True, False, False, True, True, False])

    def test_without_a_gap_rows_are_joined(self, tmp_path):
        assert_array_equal(read_f0(table(tmp_path, "0,100\n0.1,100\n5,200\n")).at([2.55]), [150.0])

    def test_the_end_of_a_gap_stays_before_the_next_row(self, tmp_path):
        found = read_f0(table(tmp_path, "0,100\n10,100\n20,100\n"), gap=0.5)
        assert_allclose(found.times, [0.0, 0.5, 10.0, 10.5, 20.0, 20.5])

    def test_an_unvoiced_row_before_a_gap_needs_no_end(self, tmp_path):
        assert len(read_f0(table(tmp_path, "0,0\n5,-100\n"), gap=0.5).times) == 2

    def test_equal_times_are_merged_with_a_warning(self, tmp_path):
        path = table(tmp_path, "# grid\n0,100\n0.1,110\n0.1,120\n0.2,130\n0.2,140\n")
        with pytest.warns(UserWarning, match=r"table\.csv, line 4: time 0\.1 s is there twice \(and 1 more such"):
            found = read_f0(path)
        assert_array_equal(found.f0, [100.0, 110.0, 130.0])

    @pytest.mark.parametrize(
        ("text", "options", "expected"),
        [
            ("0,1\nnan,1\n", {}, "line 2: 'nan' where a finite number"),
            ("0,1\n1,NaN\n", {}, "line 2: 'NaN' where a finite number"),
            ("0,1\n1,inf\n", {}, "line 2: 'inf' where a finite number"),
            ("0,1\n1,1\n\n-1,1\n", {}, "line 4: negative time -1 s"),
            ("0,1\n2,1\n#\n1,1\n", {}, "line 4: time 1 s comes after 2 s"),
            ("time,f0\n0,1\n1,x\n", {}, "line 3: 'x' is not a number"),
            ("time,f0\ns,Hz\n0,1\n", {}, "line 2: 's' is not a number"),
            ("0,1\n1,1_0\n", {}, "line 2: '1_0' is not a number"),
            ("0,1\n1,,5\n", {}, "line 2: '' is not a number"),
            ("0;1\n1;1\n", {}, "line 2: one column"),
            ("0,1\n1\n", {}, "line 2: one column where time and f0 are expected; a table without times needs `step`"),
            ("1\n2 3\n", {"step": 0.01}, "line 2: 2 columns; `step` is only for"),
            ("", {}, "the table is empty (line 1)"),
            ("# only\n\ntime,f0\n", {}, "the table is empty"),
            (b"0,1\n1,\xff\n", {}, "line 2: byte 0xff is not UTF-8"),
        ],
    )
    def test_errors_name_file_and_line(self, tmp_path, text, options, expected):
        found = message(tmp_path, text, **options)
        assert expected in found
        assert str(tmp_path / "table.csv") in found

    @pytest.mark.parametrize(
        ("text", "line"), [("0,1\n1,1e30\n", 2), ("0,1\n1,-100001\n", 2), ("time,f0\n0,3e38\n", 2)]
    )
    def test_an_f0_that_no_voice_has_is_refused_with_file_and_line(self, tmp_path, text, line):
        assert f"table.csv, line {line}: f0 " in message(tmp_path, text)
        assert "at most 100000 Hz is expected" in message(tmp_path, text)
        assert read_f0(table(tmp_path, "0,100000\n1,-100000\n")).f0.tolist() == [1e5, -1e5]

    def test_an_f0_of_a_tracker_or_of_several_voices_is_bounded_too(self, tmp_path):
        tracked = table(tmp_path, "time,frequency,confidence,voiced\n0,100,1,1\n1,1e30,1,0\n")
        with pytest.raises(DataError, match=r"line 3: f0 1e\+30 Hz; at most"):
            read_f0(tracked)
        with pytest.raises(DataError, match=r"line 2: f0 200000 Hz; at most"):
            read_multi_f0(table(tmp_path, "0 100 200\n1 100 200000\n"))

    def test_a_missing_table_is_named(self, tmp_path):
        with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
            read_f0(tmp_path / "nowhere.csv")

    @pytest.mark.parametrize("options", [{"step": 0.0}, {"gap": -1.0}, {"gap": np.inf}, {"offset": np.nan}])
    def test_impossible_options_are_named(self, tmp_path, options):
        assert next(iter(options)) in message(tmp_path, "0,1\n", **options)

    def test_a_long_table_takes_well_under_a_second(self, tmp_path):
        path = table(tmp_path, "".join(f"{0.0058 * row:.9f},220.123,[1]\n" for row in range(40_000)))
        begin = time.process_time()
        assert len(read_f0(path, gap=0.02).times) == 40_001
        assert time.process_time() - begin < 1.0


class TestWrite:
    @given(series())
    def test_round_trip(self, tmp_path_factory, truth):
        path = tmp_path_factory.mktemp("tables") / "f0.csv"
        write_f0(path, truth)
        found = read_f0(path)
        assert_allclose(found.times, truth.times, rtol=1e-9)
        assert_allclose(found.f0, truth.f0, rtol=1e-6)
        times, f0 = mir_eval.io.load_time_series(str(path), delimiter=",")
        assert_array_equal(times, found.times)
        assert_array_equal(f0, found.f0)

    def test_bytes(self, tmp_path):
        write_f0(tmp_path / "f0.csv", F0Series(np.array([0.0, 0.01, 0.02]), np.array([220.5, -110.0, -0.0])))
        assert (tmp_path / "f0.csv").read_bytes() == b"0,220.5\n0.01,-110\n0.02,0\n"

    def test_leaves_nothing_but_the_table(self, tmp_path):
        for f0 in (100.0, 200.0):
            write_f0(tmp_path / "f0.csv", F0Series(np.array([0.0]), np.array([f0])))
        assert [path.name for path in tmp_path.iterdir()] == ["f0.csv"]
        assert_array_equal(read_f0(tmp_path / "f0.csv").f0, [200.0])

    def test_a_series_without_frames_is_a_file_without_rows(self, tmp_path):
        write_f0(tmp_path / "f0.csv", EMPTY)
        assert (tmp_path / "f0.csv").read_bytes() == b""

    @pytest.mark.parametrize(
        ("times", "f0", "reason"),
        [([0.0, 0.0], [1, 1], "increasing"), ([-1.0], [1], "not negative"), ([0.0], [np.nan], "not finite")],
    )
    def test_refuses_what_it_could_not_read(self, tmp_path, times, f0, reason):
        with pytest.raises(DataError, match=rf"f0\.csv: not written: .*{reason}"):
            write_f0(tmp_path / "f0.csv", F0Series(np.array(times), np.array(f0)))
        assert not list(tmp_path.iterdir())

    def test_a_folder_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(DataError, match=r"nowhere/f0\.csv: cannot be written: No such file"):
            write_f0(tmp_path / "nowhere" / "f0.csv", EMPTY)


def test_real_tables_are_read():
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no real f0 tables to read")
    data = Path(os.environ["MELISMA_TEST_DATA"])
    speech = read_f0(data / "f0_fda" / "rl001.f0ref", step=0.015)
    assert len(speech.times) == 101
    assert speech.f0.max() == 192.257
    singing = read_f0(data / "f0_mirdata_clips" / "vocadito" / "vocadito_1_f0.csv")
    assert 100 < np.median(singing.f0[singing.f0 > 0]) < 1000


@pytest.mark.parametrize("page", ["<!DOCTYPE html>\n<html><body>404</body></html>\n", "  <html>\n<p>1,2</p>\n"])
def test_a_web_page_in_the_place_of_a_table_is_said_to_be_one(tmp_path, page):
    (tmp_path / "a.csv").write_text(page)
    with pytest.raises(DataError, match=r"a\.csv: is HTML, a web page, and no table of f0"):
        read_f0(tmp_path / "a.csv")


def test_a_line_of_megabytes_is_not_repeated_whole(tmp_path):
    (tmp_path / "a.csv").write_text("0,220\n0.01," + "x" * 5_000_000 + "\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: 'xxx.*\.\.\. is not a number") as raised:
        read_f0(tmp_path / "a.csv")
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("row", ["1e30,220", "1e308,220"])
def test_a_time_that_no_recording_has_is_refused_with_its_line(tmp_path, row):
    (tmp_path / "a.csv").write_text(f"0,220\n{row}\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: time .* s; at most 1e\+06 s are expected"):
        read_f0(tmp_path / "a.csv")
