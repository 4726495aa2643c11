"""The file of all frames of a set, and what is said of one that is missing or damaged."""

import io
import pickle
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks.predictions.set_frames import SetFrames
from datamodules.errors import DataError

FRAMES = SetFrames(
    tracks=np.array(["a", "über/b"]),
    starts=np.array([0, 2, 5]),
    times=np.array([0.0, 0.1, 0.0, 0.1, 0.2]),
    reference=np.array([0, 220, np.nan, np.nan, np.nan], dtype=np.float32),
    pitch=np.array([110, 221, 330, 331, 332], dtype=np.float32),
    confidence=np.array([0.1, 0.9, 0.5, 0.6, 0.7], dtype=np.float32),
    threshold=np.array(0.3),
    notes=np.array([60, 61], dtype=np.float32),
    salience=np.array([[0, 255], [1, 2], [3, 4]], dtype=np.uint8),
    excerpt_track=np.array([0, 1]),
    excerpt_first=np.array([0, 1]),
    excerpt_rows=np.array([0, 1, 3]),
)


@pytest.fixture
def saved(tmp_path):
    FRAMES.save(tmp_path / "frames.npz")
    return tmp_path / "frames.npz"


def test_what_is_read_is_what_was_written(saved):
    found = SetFrames.load(saved)
    for each in fields(SetFrames):
        expected, array = getattr(FRAMES, each.name), getattr(found, each.name)
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype
    with np.load(saved, allow_pickle=False) as stored:
        assert set(stored) == {each.name for each in fields(SetFrames)}
    with zipfile.ZipFile(saved) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_tracks_and_excerpts_are_found(saved):
    found = SetFrames.load(saved)
    first, second = found.track(0), found.track(1)
    assert first.reference.tolist() == [0, 220] and first.times.tolist() == [0.0, 0.1]
    assert second.reference is None and second.pitch.tolist() == [330, 331, 332]
    assert second.confidence.tolist() == pytest.approx([0.5, 0.6, 0.7])
    excerpts = [found.excerpt(place) for place in range(2)]
    assert [(each.name, each.frames.pitch.tolist()) for each in excerpts] == [("a", [110]), ("über/b", [331, 332])]
    assert [each.salience.tolist() for each in excerpts] == [[[0, 255]], [[1, 2], [3, 4]]]
    assert [each.frames.reference is None for each in excerpts] == [False, True]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone/frames\.npz: no such file; validate the run again"):
        SetFrames.load(tmp_path / "gone" / "frames.npz")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        SetFrames.load(tmp_path)


def written(change):
    """The bytes of a file with changed arrays."""
    file = io.BytesIO()
    np.savez(file, **change({each.name: getattr(FRAMES, each.name) for each in fields(SetFrames)}))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a zip file"),
        (b"\x93NUMPY", "not a zip file"),
        (pickle.dumps([1]), "not a zip file"),
        (written(lambda arrays: {"times": arrays["times"]}), "no item named 'tracks.npy'"),
        (written(lambda arrays: arrays | {"tracks": np.array(["a", None])}), "allow_pickle"),
        (written(lambda arrays: arrays | {"times": arrays["times"][:-1]}), "reference: shape"),
        (written(lambda arrays: arrays | {"pitch": arrays["pitch"].astype(np.float64)}), "pitch: float64"),
        (written(lambda arrays: arrays | {"starts": np.array([0, 3, 2])}), "starts: not the bounds of the tracks"),
        (written(lambda arrays: arrays | {"starts": np.array([1, 3, 5])}), "starts: not the bounds of the tracks"),
        (written(lambda arrays: arrays | {"excerpt_rows": np.array([0, 1, 2])}), "excerpt_rows: not the bounds"),
        (written(lambda arrays: arrays | {"excerpt_track": np.array([0, 2])}), "no part of their tracks"),
        (written(lambda arrays: arrays | {"excerpt_track": np.array([0, -1])}), "no part of their tracks"),
        (written(lambda arrays: arrays | {"excerpt_first": np.array([0, 2])}), "no part of their tracks"),
        (written(lambda arrays: arrays | {"excerpt_first": np.array([-1, 1])}), "no part of their tracks"),
        (written(lambda arrays: arrays | {"salience": np.uint8(3)}), "salience: shape"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, content, said):
    (tmp_path / "frames.npz").write_bytes(content)
    with pytest.raises(DataError, match=rf"frames\.npz: damaged, or not the frames of a set \(.*{said}.*\); validate"):
        SetFrames.load(tmp_path / "frames.npz")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_the_damage_the_file_is_named(saved, tmp_path, data):
    content = bytearray(saved.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]
    (tmp_path / "damaged.npz").write_bytes(content)
    try:
        SetFrames.load(tmp_path / "damaged.npz")
    except DataError as error:
        assert "damaged.npz" in str(error)


def test_a_set_may_have_no_excerpts(tmp_path):
    nothing = np.zeros(0, dtype=np.int64)
    without = replace(
        FRAMES,
        salience=np.zeros((0, 2), dtype=np.uint8),
        excerpt_track=nothing,
        excerpt_first=nothing,
        excerpt_rows=np.zeros(1, dtype=np.int64),
    )
    without.save(tmp_path / "frames.npz")
    assert SetFrames.load(tmp_path / "frames.npz").salience.shape == (0, 2)
