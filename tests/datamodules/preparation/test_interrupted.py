"""What a stopped preparation has left is checked before it is believed: journal, notes, arrays, and where they lie."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from datamodules.errors import DataError
from datamodules.preparation import prepare as preparing
from datamodules.preparation.prepare import prepare
from tests.datamodules.preparation.test_staging import tree


def interrupted(*_):
    raise KeyboardInterrupt


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def stopped(make_recipe, tmp_path_factory):
    """A preparation that was stopped before dataset.json; read-only."""
    directory = tmp_path_factory.mktemp("stopped") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(make_recipe(directory), progress=False)
    return directory


@pytest.fixture
def left(stopped, tmp_path):
    return Path(shutil.copytree(stopped, tmp_path / "deep" / "out"))


@pytest.mark.parametrize("name", ["../canary", "/etc/x", "mine.txt", "dataset.json", 7, None, "x-000000-of-000001.wav"])
def test_a_journal_that_names_anything_but_shards_is_refused_and_nothing_removed(make_recipe, left, name):
    (left / "mine.txt").write_text("mine")
    page = next((left / ".staging" / "journal").iterdir())
    page.write_text(json.dumps([*json.loads(page.read_bytes()), name]))
    before = tree(left.parent)
    with pytest.raises(DataError, match=r"journal/[0-9a-f]+\.json: \[\d+\]: .*; a preparation that was interrupted"):
        prepare(make_recipe(left), progress=False)
    assert tree(left.parent) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"null", b"\xff"])
def test_a_journal_that_is_none_is_refused_in_one_line(make_recipe, left, content):
    page = next((left / ".staging" / "journal").iterdir())
    page.write_bytes(content)
    with pytest.raises(DataError) as caught:
        prepare(make_recipe(left), progress=False)
    assert str(page) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["notes", "arrays", "journal", "melisma-prepare", "arrays/00"])
def test_a_link_in_the_staging_folder_is_refused_before_anything_is_written_through_it(
    make_recipe, left, tmp_path, name
):
    elsewhere, path = tmp_path / "elsewhere", left / ".staging" / name
    elsewhere.mkdir()
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere if name != "melisma-prepare" else elsewhere / "made")
    with pytest.raises(DataError, match=r"stands in the way|a link, by which files would be written elsewhere"):
        prepare(make_recipe(left), progress=False)
    assert not list(elsewhere.iterdir())


def test_a_prepared_directory_may_itself_be_reached_by_a_link(make_recipe, left, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(left)
    assert prepare(make_recipe(link), progress=False).built
    assert not prepare(make_recipe(left), progress=False).built


@pytest.mark.parametrize("kind", ["shorter", "no array", "pickled"])
def test_an_array_that_is_damaged_is_named_with_what_to_delete_and_then_made_again(make_recipe, left, tmp_path, kind):
    for path in left.glob("*-of-*"):
        path.unlink()
    for path in (left / ".staging" / "arrays").glob("*/*.npy"):
        content = path.read_bytes()
        if kind == "pickled":
            np.save(path, np.array([print], object), allow_pickle=True)
        else:
            path.write_bytes(content[: len(content) // 2] if kind == "shorter" else b"nothing")
    with pytest.raises(DataError, match=r"arrays/../[0-9a-f]+\.npy: damaged; delete the folders `arrays` and `notes`"):
        prepare(make_recipe(left), progress=False)
    for name in ("arrays", "notes"):
        shutil.rmtree(left / ".staging" / name)
    assert prepare(make_recipe(left), progress=False).built
    prepare(make_recipe(tmp_path / "other"), progress=False)
    assert contents(left) == contents(tmp_path / "other")


def test_an_array_that_is_missing_is_named_with_what_to_delete(make_recipe, left):
    for path in (*left.glob("*-of-*"), *(left / ".staging" / "arrays").glob("*/*.npy")):
        path.unlink()
    with pytest.raises(DataError, match=r"\.npy: missing; delete the folders `arrays` and `notes` of \.staging"):
        prepare(make_recipe(left), progress=False)
