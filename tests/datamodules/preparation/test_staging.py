"""What `prepare` may replace and remove in its directory: its own files there, and nobody else's anywhere."""

import json
import os
import subprocess

import pytest

from datamodules.errors import DataError
from datamodules.files import write_atomically
from datamodules.preparation import prepare as preparing
from datamodules.preparation.prepare import prepare
from datamodules.shards.format import read_sidecar
from tests import dataset_json


def tree(folder):
    """What stands in a folder and below; links are not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[path.relative_to(folder)] = kind, path.lstat().st_mtime_ns * (not path.is_dir())
    return found


def put_foreign(directory, elsewhere):
    """A user's files in a directory, some of them links out of it; their tree, and that of where the links lead."""
    gone = f"{os.uname().nodename}.{2**22 + 1}-1.tmp"  # no process has this number
    for folder in (directory, directory / "nested", directory / "nested" / ".staging", elsewhere):
        folder.mkdir(parents=True)
        for name in ("corpus-1-of-2.tar", "corpus-1-of-2.json", ".x.tmp", f".x.tar.{gone}", f".x.tar.melisma-{gone}"):
            (folder / name).write_text("mine")
    for name in ("train-000000-of-000007.tar", "train-000000-of-000007.json", "dataset.json"):
        (directory / "nested" / name).write_text("mine")
    (directory / "link").symlink_to(elsewhere)
    (directory / "linked-1-of-2.tar").symlink_to(elsewhere / "corpus-1-of-2.tar")
    (directory / "dangling-1-of-2.tar").symlink_to("nowhere")
    return tree(directory), tree(elsewhere)


def interrupted(*_):
    raise KeyboardInterrupt


def test_files_of_others_survive_while_its_own_half_finished_work_is_removed(make_recipe, tmp_path, monkeypatch):
    directory, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    foreign, outside = put_foreign(directory, elsewhere)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparing, "finish", interrupted)
        prepare(make_recipe(directory, records_per_shard=2), progress=False)
    with pytest.raises(KeyboardInterrupt), write_atomically(directory / "x.tar", directory / ".staging") as file:
        file.write(b"half")
        interrupted()
    half = set(tree(directory)) - set(foreign)
    assert any(path.name == "train-000000-of-000006.tar" for path in half)
    assert prepare(make_recipe(directory), progress=False).built
    assert tree(elsewhere) == outside
    after = tree(directory)
    assert {path: after[path] for path in foreign} == foreign
    shards = {
        shard
        for split in json.loads((directory / "dataset.json").read_bytes())["splits"].values()
        for shard in split["shards"]
    }
    own = shards | {f"{shard[:-4]}.json" for shard in shards} | {"dataset.json"}
    own |= {f"{split}.index" for split in ("train", "validation", "test")}
    assert {path.name for path in set(after) - set(foreign)} == own


def test_shards_of_an_earlier_dataset_json_are_replaced_and_only_below_its_own_directory(make_recipe, tmp_path):
    directory = tmp_path / "deep" / "out"
    prepare(make_recipe(directory), progress=False)
    path = directory / "dataset.json"
    description = json.loads(path.read_bytes())
    for name in ("mine-000000-of-000001.tar", "corpus-1-of-2.tar"):
        (directory / name).write_text("mine")
        description["splits"]["train"]["shards"].append(name)
        description["splits"]["train"]["indexes"].append("0" * 64)
    dataset_json.write(path.parent, description)
    assert prepare(make_recipe(directory), progress=False).built
    assert not (directory / "mine-000000-of-000001.tar").exists()  # dataset.json calls it a shard of its own
    assert (directory / "corpus-1-of-2.tar").read_text() == "mine"


def test_a_shard_of_dataset_json_outside_its_directory_is_refused(make_recipe, tmp_path):
    directory = tmp_path / "deep" / "out"
    prepare(make_recipe(directory), progress=False)
    description = json.loads((directory / "dataset.json").read_bytes())
    description["splits"]["train"]["shards"][0] = "../other-000000-of-000001.tar"
    dataset_json.write(directory, description)
    (tmp_path / "deep" / "other-000000-of-000001.tar").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(DataError, match=r"dataset.json: splits.train.shards\[0\]: .*not the name of a shard"):
        prepare(make_recipe(directory), progress=False)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "train-000000-of-000003.tar",
        "train-000000-of-000003.json",
        "test-000004-of-000009.tar",
        "dataset.json",
        ".staging",
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_what_stands_in_the_way_is_named_before_a_byte_is_written(make_recipe, tmp_path, name, kind):
    directory, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    put_foreign(directory, elsewhere)
    path = directory / name
    if kind == "file":
        path.write_text("{}")
    elif kind == "folder":
        path.mkdir()
        (path / "mine").write_text("mine")
    else:
        path.symlink_to("nowhere" if kind == "dangling link" else elsewhere)
    before = tree(tmp_path)
    with pytest.raises(DataError) as caught:
        prepare(make_recipe(directory), progress=False)
    assert str(path) in str(caught.value) and "move it away" in str(caught.value) and "\n" not in str(caught.value)
    assert tree(tmp_path) == before


def test_a_process_that_was_late_leaves_nothing_behind(make_recipe, tmp_path, monkeypatch):
    finish = preparing.finish

    def overtaken(recipe, *rest):
        monkeypatch.setattr(preparing, "finish", finish)
        assert prepare(recipe, progress=False).built
        finish(recipe, *rest)

    monkeypatch.setattr(preparing, "finish", overtaken)
    assert not prepare(make_recipe(tmp_path), progress=False).built
    assert not list(tmp_path.glob(".*"))
    assert read_sidecar(next(tmp_path.glob("train-*.tar")))["records"]


def test_what_a_finished_preparation_left_is_removed_unless_its_process_lives(make_recipe, tmp_path):
    prepare(make_recipe(tmp_path), progress=False)
    staging = tmp_path / ".staging"
    (staging / "notes").mkdir(parents=True)
    (staging / "melisma-prepare").touch()
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    living, gone = (staging / "notes" / f"host.example.{pid}.0a1b2c3d" for pid in (os.getpid(), dead.pid))
    living.touch()
    assert not prepare(make_recipe(tmp_path), progress=False).built and living.exists()
    living.rename(gone)
    assert not prepare(make_recipe(tmp_path), progress=False).built and not staging.exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", ".", "..", ".x", "x\0", "x\n", "x" * 240])
@pytest.mark.parametrize("stated", [False, True])
def test_a_split_whose_name_cannot_name_files_is_refused_in_one_line(make_recipe, tmp_path, name, stated):
    recipe = make_recipe(tmp_path / "deep" / "out", splits=None if stated else {name: 1.0})
    if stated:
        records = [*recipe.corpus.recordings()]
        for record in records:
            object.__setattr__(record, "split", name)
        recipe.corpus.recordings = lambda: records
    with pytest.raises(DataError, match=r"^splits: ") as caught:
        prepare(recipe, progress=False)
    assert repr(name) in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
