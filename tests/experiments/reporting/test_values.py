import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.reporting.values import in_words, number, step_of, without_places


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/jo/data/fda", ".../fda"),
        ("--out=/scratch/x/y.csv and more", "--out=.../y.csv and more"),
        ("{fda: /a/b, other: /c/d/}", "{fda: .../b, other: .../d}"),
        ("~/corpora/vocadito", ".../vocadito"),
        (r"C:\Users\jo\data", ".../data"),
        ("file:///home/jo/x.wav", ".../x.wav"),
        ("data/fda", "data/fda"),
        ("runs/melisma/abc/checkpoints/best.ckpt", "runs/melisma/abc/checkpoints/best.ckpt"),
        ("https://github.com/a/b", "https://github.com/a/b"),
        ("1/2 and and/or", "1/2 and and/or"),
        ("val/fda/loss", "val/fda/loss"),
        ("/home/Jo Smith/data/fda", ".../fda"),
        ("a: 1\ntrain:\n- /home/Jo Smith/x y\nout: '/home/Jo Smith/z'\n", "a: 1\ntrain:\n- .../x y\nout: '.../z'\n"),
    ],
)
def test_absolute_paths_are_cut_to_their_last_name(text, told):
    assert without_places(text) == told


def test_paths_are_found_wherever_they_stand():
    values = {"/a/b": ["/c/d", {"e": ("/f/g", 1, None, True)}]}
    assert without_places(values) == {".../b": [".../d", {"e": [".../g", 1, None, True]}]}


@given(st.lists(st.sampled_from(["home", "jo", "x.y", "a-b", "é"]), min_size=2, max_size=5))
def test_no_folder_of_a_path_is_left(parts):
    told = without_places("see /" + "/".join(parts) + "!")
    assert told == f"see .../{parts[-1]}!"


def test_what_is_not_finite_is_null():
    assert [number(value) for value in (np.nan, np.inf, -np.inf, 1 / 3)] == [None, None, None, 0.333333]
    assert json.dumps(number(np.float64(2.0))) == "2.0"


def test_the_step_is_the_median_and_0_of_a_frame_alone():
    assert step_of(np.array([0.0, 0.1, 0.2, 0.9])) == pytest.approx(0.1)
    assert step_of(np.array([3.0])) == 0.0


def test_nested_values_are_a_line():
    assert in_words({"a": 1.234567, "b": [10.0, None], "c": []}) == "a 1.2346, b 10, none, c none"
