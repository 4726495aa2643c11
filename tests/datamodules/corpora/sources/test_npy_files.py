import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from datamodules.corpora.sources.npy_files import NpyFeatures, read_symbols
from datamodules.errors import DataError


def save(path, array, **options):
    np.save(path, array, **options)
    return path


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.int16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_features_are_read_as_float32(tmp_path, kind, order):
    values = np.arange(26).reshape(2, 13).astype(kind)
    features = NpyFeatures(save(tmp_path / "a.npy", np.asarray(values, order=order))).read()
    assert features.dtype == np.float32 and features.flags.c_contiguous
    assert_array_equal(features, values)


def test_the_fingerprint_changes_with_the_content(tmp_path):
    features = NpyFeatures(save(tmp_path / "a.npy", np.zeros((2, 13))))
    before = features.fingerprint()
    assert pickle.loads(pickle.dumps(features)).fingerprint() == before
    save(tmp_path / "a.npy", np.ones((2, 13)))
    assert features.fingerprint() != before


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(13), r"its shape is \(13,\)"),
        (np.zeros((0, 13)), r"its shape is \(0, 13\)"),
        (np.zeros((1, 2, 13)), r"its shape is \(1, 2, 13\)"),
        (np.array([["a"]]), "features are numbers, but these are of the type <U1"),
        (np.ones((3, 2)) * [[1], [np.nan], [1]], "frame 1 has a value that is not a finite number"),
        (np.array([[1e300]]), "frame 0 has a value that is not a finite number"),
    ],
)
def test_features_that_cannot_be_used(tmp_path, array, reason):
    with pytest.raises(DataError, match=f"{tmp_path}/a.npy: {reason}"):
        NpyFeatures(save(tmp_path / "a.npy", array)).read()


def test_symbols(tmp_path):
    assert read_symbols(save(tmp_path / "a.npy", np.array(["<sos>", "SIL", "<eos>"]))) == ["<sos>", "SIL", "<eos>"]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([["AA"]]), r"a list of strings is expected, but it holds <U2 of the shape \(1, 1\)"),
        (np.array([1, 2]), "a list of strings is expected, but it holds int64"),
        (np.array(["AA", ""]), "'' is not a symbol"),
        (np.array(["AA", "A B"]), "'A B' is not a symbol"),
    ],
)
def test_symbols_that_are_none(tmp_path, array, reason):
    with pytest.raises(DataError, match=f"{tmp_path}/a.npy: {reason}"):
        read_symbols(save(tmp_path / "a.npy", array))


@pytest.mark.parametrize("read", [read_symbols, lambda path: NpyFeatures(path).read()])
def test_pickled_objects_are_refused_and_not_run(tmp_path, read):
    mark = tmp_path / "mark"
    path = save(tmp_path / "a.npy", np.array([Trap(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a.npy: it holds pickled objects, .*astype\(str\)"):
        read(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda whole: b"", "not a whole .npy file"),
        (lambda whole: b"no array", "not a whole .npy file"),
        (lambda whole: whole[:40], "not a whole .npy file"),
        (lambda whole: whole[:-8], "not a whole .npy file"),
        (None, "cannot be read: No such file"),
    ],
)
def test_damaged_files_are_named(tmp_path, damage, reason):
    path = tmp_path / "a.npy"
    if damage is not None:
        path.write_bytes(damage(save(path, np.zeros((4, 13))).read_bytes()))
    with pytest.raises(DataError, match=f"{path}: {reason}"):
        NpyFeatures(path).read()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return save(tmp_path_factory.mktemp("npy") / "whole.npy", np.zeros((4, 13), np.float32)).read_bytes()


@given(place=st.integers(0, 127), value=st.integers(0, 255))
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
def test_no_damage_to_the_header_gets_another_error(tmp_path_factory, whole, place, value):
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
    try:
        features = NpyFeatures(path).read()
    except DataError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert features.dtype == np.float32 and features.ndim == 2
