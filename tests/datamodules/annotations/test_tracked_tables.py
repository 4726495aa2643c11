"""Tables with confidence and voicing: written exactly, and read as f0 that is negative where unvoiced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.annotations.f0_tables import read_f0, read_multi_f0
from datamodules.annotations.tracked_tables import write_tracked
from datamodules.errors import DataError

HEADER = "time,frequency,confidence,voiced"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.sampled_from([(160, 16000), (256, 44100), (93, 16000)]), st.integers(0, 99))
def test_what_is_written_is_read_with_its_voicing(tmp_path_factory, frames, grid, seed):
    generator = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("table") / "a.csv"
    times = np.arange(frames) * grid[0] / grid[1]
    f0, voiced = generator.uniform(30, 2000, frames), generator.random(frames) < 0.5
    write_tracked(path, times, f0, generator.random(frames), voiced)
    series = read_f0(path)
    assert np.array_equal(series.times, times)
    assert np.array_equal(series.f0 > 0, voiced)
    assert np.allclose(np.abs(series.f0), f0, rtol=1e-8, atol=0)
    several = read_multi_f0(path)
    assert np.array_equal(several.f0.max(axis=1, initial=0.0), np.maximum(series.f0, 0))


def test_the_columns_are_those_of_other_trackers(tmp_path):
    write_tracked(
        tmp_path / "a.csv",
        np.array([0.0, 0.01, 0.02]),
        np.array([440.0, 0.0, 123.456789123]),
        np.array([1.0, 0.0, 0.25]),
        np.array([True, False, False]),
    )
    text = (tmp_path / "a.csv").read_text()
    assert text == f"{HEADER}\n0.0,440,1,1\n0.01,0,0,0\n0.02,123.456789,0.25,0\n"
    assert np.array_equal(read_f0(tmp_path / "a.csv").f0, [440.0, 0.0, -123.456789])


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("0.01,440,0.5", "line 3: 3 columns; its header names 4"),
        ("0.01,-440,0.5,1", "line 3: frequency -440, voiced 1"),
        ("0.01,440,0.5,0.7", "line 3: frequency 440, voiced 0.7"),
        ("0.01,440,x,1", "line 3: 'x' is not a number"),
        ("-1,440,0.5,1", "line 3: negative time"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, row, complaint):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n0.0,440,1,1\n{row}\n")
    for read in (read_f0, read_multi_f0):
        with pytest.raises(DataError, match=complaint):
            read(path)


def test_other_headers_mean_what_they_meant(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,frequency,confidence\n0.0,440,0.1\n0.01,220,0\n")
    assert np.array_equal(read_f0(path).f0, [440.0, 220.0])


@pytest.mark.parametrize(
    "columns",
    [
        ([0.0, 0.0], [1.0, 1.0], [0.5, 0.5]),
        ([0.0, 0.1], [1.0, -1.0], [0.5, 0.5]),
        ([0.0, 0.1], [1.0, np.nan], [0.5, 0.5]),
        ([0.0, 0.1], [1.0, 1.0], [0.5, -0.5]),
    ],
)
def test_what_cannot_be_read_is_not_written(tmp_path, columns):
    with pytest.raises(DataError, match=r"a\.csv: not written"):
        write_tracked(tmp_path / "a.csv", *map(np.array, columns), np.array([True, False]))
    assert list(tmp_path.iterdir()) == []
