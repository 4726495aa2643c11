import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import MultiF0Series
from datamodules.annotations.f0_tables import read_multi_f0, write_multi_f0
from datamodules.errors import DataError


def table(folder, text):
    path = folder / "table.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


class TestRead:
    @pytest.mark.parametrize(
        "text",
        [
            "0,100,200\n0.01\n0.02,300\n",
            "0\t100\t200\r\n0.01\t\r\n0.02\t300",
            "0 100   200\n0.01\n  0.02 300 \n",
            "time,f0,f0\n0,100,200\n0.01,0,0\n0.02,300,0\n",
            "\ufeff0,0,100,200\n\n0.01, # silence\n0.02,-150,300\n",
            "# a comment\n0,100,,200\n0.01,,,\n0.02,,300,\n",
        ],
        ids=["comma", "tab", "blank", "zeros and a header", "byte order mark and guesses", "empty fields"],
    )
    def test_separators_and_oddities(self, tmp_path, text):
        found = read_multi_f0(table(tmp_path, text))
        assert_array_equal(found.times, [0.0, 0.01, 0.02])
        assert_array_equal(found.f0, [[100.0, 200.0], [0.0, 0.0], [300.0, 0.0]])

    def test_nothing_sounds(self, tmp_path):
        found = read_multi_f0(table(tmp_path, "0\n1\n"))
        assert found.f0.shape == (2, 0)
        assert found.at([0.0, 0.5, 3.0]).shape == (3, 0)

    def test_offset(self, tmp_path):
        assert_array_equal(read_multi_f0(table(tmp_path, "0,1\n1,1\n"), offset=0.5).times, [0.5, 1.5])

    def test_without_a_gap_a_row_holds_until_half_way_to_the_next(self, tmp_path):
        found = read_multi_f0(table(tmp_path, "0,100\n1,200,300\n"))
        assert_array_equal(found.at([0.4, 0.6, 1.0, 1.1]), [[100, 0], [200, 300], [200, 300], [0, 0]])

    def test_nothing_sounds_in_a_gap_and_after_the_last_row(self, tmp_path):
        found = read_multi_f0(table(tmp_path, "0,100\n0.1,100\n0.2,100\n0.9,200,300\n1.0,200\n"), gap=0.15)
        assert_allclose(found.times, [0.0, 0.1, 0.2, 0.3, 0.8, 0.9, 1.0, 1.1])
        sounding = found.at([0.24, 0.26, 0.5, 0.84, 0.86, 1.04, 1.06]) > 0
        assert_array_equal(sounding.sum(axis=1), [1, 0, 0, 0, 2, 1, 0])

    def test_the_silent_frames_of_a_short_gap_do_not_cross(self, tmp_path):
        found = read_multi_f0(table(tmp_path, "0,100\n0.4,100\n0.9,100\n1.3,100\n"), gap=0.45)
        assert_allclose(found.times, [0.0, 0.4, 0.4 + 0.5 / 3, 0.9 - 0.5 / 3, 0.9, 1.3, 1.7])

    def test_equal_times_keep_the_first_row_and_warn(self, tmp_path):
        with pytest.warns(UserWarning, match=r"table\.tsv, line 2: time 0 s is there twice"):
            found = read_multi_f0(table(tmp_path, "0,100\n0,200\n1,300\n"))
        assert_array_equal(found.f0, [[100.0], [300.0]])

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0,1\n1,nan\n", "line 2: 'nan' where a finite number is expected"),
            ("0,1\n1,2,x\n", "line 2: 'x' is not a number"),
            ("0,1\n,2\n", "line 2: '' is not a number"),
            ("-1,1\n", "line 1: negative time"),
            ("1,1\n0,1\n", "line 2: time 0 s comes after 1 s"),
            ("", "the table is empty (line 1)"),
            ("time,f0\n", "the table is empty"),
            (b"0,1\n1,\xff\n", "line 2: byte 0xff is not UTF-8"),
        ],
    )
    def test_errors_name_file_and_line(self, tmp_path, text, expected):
        with pytest.raises(DataError) as error:
            read_multi_f0(table(tmp_path, text))
        assert expected in str(error.value)
        assert str(tmp_path / "table.tsv") in str(error.value)

    def test_a_missing_table_is_named(self, tmp_path):
        with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
            read_multi_f0(tmp_path / "nowhere.csv")

    @given(st.lists(st.lists(st.floats(20.0, 5000.0), max_size=4), min_size=1, max_size=20))
    def test_is_what_mir_eval_reads(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("tables") / "f0.tsv"
        path.write_text("".join("\t".join(map(repr, [0.01 * frame, *row])) + "\n" for frame, row in enumerate(rows)))
        times, f0 = mir_eval.io.load_ragged_time_series(str(path), header=False)
        found = read_multi_f0(path)
        assert_array_equal(found.times, times)
        assert [row[row > 0].tolist() for row in found.f0] == [list(row) for row in f0]


class TestWriting:
    @given(st.lists(st.lists(st.floats(20.0, 5000.0, width=32), max_size=4), min_size=1, max_size=20))
    def test_mir_eval_and_we_read_every_digit_of_single_precision(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("tables") / "f0.tsv"
        series = MultiF0Series.from_rows(np.arange(len(rows)) * 256 / 22050, rows)
        write_multi_f0(path, series)
        times, f0 = mir_eval.io.load_ragged_time_series(str(path))
        assert_allclose(times, series.times, rtol=1e-11)
        assert [row.astype(np.float32).tolist() for row in f0] == rows
        assert [row[row > 0].astype(np.float32).tolist() for row in read_multi_f0(path).f0] == rows

    def test_pitches_that_do_not_sound_leave_no_field(self, tmp_path):
        write_multi_f0(tmp_path / "f0.tsv", MultiF0Series(np.array([0.0, 0.5]), np.array([[0.0, 110.0], [-50.0, 0.0]])))
        assert (tmp_path / "f0.tsv").read_text() == "0\t110\n0.5\n"

    @pytest.mark.parametrize(
        ("times", "f0", "message"),
        [([0.0, 0.0], [[1.0], [1.0]], "times must be increasing"), ([0.0], [[np.nan]], "an f0 is not finite")],
    )
    def test_what_cannot_be_read_is_not_written(self, tmp_path, times, f0, message):
        with pytest.raises(DataError, match=f"f0.tsv: not written: .*{message}"):
            write_multi_f0(tmp_path / "f0.tsv", MultiF0Series(np.array(times), np.array(f0)))
        assert not list(tmp_path.iterdir())


def test_rows_become_an_array_with_zeros_behind():
    made = MultiF0Series.from_rows(np.arange(3.0), [[], [1.0, 2.0], [3.0]])
    assert_array_equal(made.f0, [[0.0, 0.0], [1.0, 2.0], [3.0, 0.0]])
    assert MultiF0Series.from_rows(np.zeros(0), []).f0.shape == (0, 0)
