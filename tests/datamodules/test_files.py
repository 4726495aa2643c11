"""Names of files that are made of ids; what is read and written whole, and what is left over."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.files import file_name, read_bytes, remove_leftovers, sha256_of, write_atomically

HOSTILE = [
    "",
    ".",
    "..",
    "../../x",
    "/etc/x",
    "a/b",
    "a//b",
    ".hidden",
    "x\0y",
    "x\ny",
    "x" * 241,
    "é" * 121,
    "\ud800",
    "x/",
]
IDS = st.one_of(st.text(alphabet=st.characters(), max_size=300), st.text(alphabet="./x~a0\0", max_size=20))


@given(IDS)
@example("x" * 240)
@example("x" * 300)
def test_any_id_gives_one_component_that_a_folder_can_hold(identifier):
    name = file_name(identifier)
    assert name not in ("", ".", "..") and not name.startswith(".")
    assert "/" not in name and "\0" not in name
    assert len(f".{name}.json.partial".encode()) <= 255


@given(st.lists(IDS, unique=True))
@example(["../x", "x", file_name("../x"), "/x"])
@example(["x" * 300, "x" * 301, file_name("x" * 300)])
def test_no_two_ids_share_a_file(identifiers):
    # An id that looks like the name of another one is an id as well.
    every = {*identifiers, *map(file_name, identifiers)}
    assert len({file_name(each) for each in every}) == len(every)


@given(st.lists(st.text("Az09_-", min_size=1, max_size=20), min_size=1, max_size=11).map(".".join))
@example("Opéra (live) №2, Teil~1 = \\a:b*")
def test_ordinary_ids_are_names_as_they_are(identifier):
    assert file_name(identifier) == identifier


@pytest.mark.parametrize("identifier", HOSTILE)
def test_other_ids_get_a_readable_part_and_a_hash(identifier, tmp_path):
    name = file_name(identifier)
    assert name != identifier and name == file_name(identifier)
    with write_atomically(tmp_path / f"{name}.csv") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == [f"{name}.csv"]


def test_names_are_the_same_from_version_to_version():
    assert file_name("../../x") == "x~9cdf6a50100a862e"


def test_names_of_255_bytes_are_written(tmp_path):
    with write_atomically(tmp_path / ("x" * 255)) as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == ["x" * 255]


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch, durable):
    done, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: done.append(("fsync", os.fstat(file).st_size)) or sync(file))
    monkeypatch.setattr(os, "replace", lambda old, new: done.append(("replace", new)) or replace(old, new))
    with write_atomically(tmp_path / "x", durable=durable) as file:
        file.write(b"content")
        assert not (tmp_path / "x").exists()
    assert done == [("fsync", 7), ("replace", tmp_path / "x")][not durable :]


def test_a_pipe_that_gives_more_than_is_asked_for_is_refused():
    for content in (b"12345", b"123456"):
        there, here = os.pipe()
        os.write(here, content)
        os.close(here)
        path = Path(f"/dev/fd/{there}")
        if len(content) == 5:
            assert read_bytes(path, most=5) == content
        else:
            with pytest.raises(DataError, match="is larger than 0 MiB, more than a file of its kind ever has"):
                read_bytes(path, most=5)
        os.close(there)


def test_a_file_of_another_host_is_left_over_after_a_day_by_the_clock_of_the_file_system(tmp_path, monkeypatch):
    for name, age in (("new", 0), ("hours", 3600 * 20), ("days", 3600 * 30)):
        path = tmp_path / f".{name}.melisma-elsewhere.1-1.tmp"
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    for jump in (0.0, 1e6, -1e6):  # the clock of this host
        monkeypatch.setattr(time, "time", lambda jump=jump, now=time.time: now() + jump)
        remove_leftovers(tmp_path)
        assert sorted(path.name.split(".")[1] for path in tmp_path.iterdir()) == ["hours", "new"]


def test_a_file_that_is_too_long_for_its_kind_is_not_hashed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * 10)
    assert sha256_of(path, 10) == sha256_of(path)
    os.truncate(path, 3 << 30)
    with pytest.raises(DataError, match=r"a.csv: is larger than 512 MiB"):
        sha256_of(path, 1 << 29)
