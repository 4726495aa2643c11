"""Folders that take no file: one line that names the folder, and nothing of it is changed."""

import os

import pytest

from tests.experiments.machine_faults.conftest import one_line
from tests.experiments.machine_faults.forked import melisma, without_privileges
from tests.experiments.machine_faults.places import can_mount, contents, disk

pytestmark = pytest.mark.faults

COMMANDS = {
    "prepare": lambda w, out: ["prepare", w.preparing, "--directory", out],
    "transcribe": lambda w, out: ["transcribe", w.recordings, "--model", w.released, "--out", out],
    "fit": lambda w, out: ["fit", "--config", w.small_recipe, "--trainer.default_root_dir", out],
    "evaluate": lambda w, out: ["evaluate", w.recordings, f"a={w.recordings}", "--out", out],
    "compare": lambda w, out: ["compare", f"{w.shards}:validation", "--methods", f"a={w.released}", "--out", out],
    "report": lambda w, out: ["report", w.run, "--out", f"{out}/report.html"],
    "release": lambda w, out: ["release", w.run, "--out", f"{out}/released"],
    "export": lambda w, out: ["export", w.released, "--out", f"{out}/model.pt2"],
}


def read_only(folder):
    folder.mkdir()
    folder.chmod(0o555)


def of_another(folder):
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        folder.chmod(0o555)


def not_to_be_entered(folder):
    folder.mkdir()
    folder.chmod(0o666)


def a_file(folder):
    folder.write_text("kept")


def below_a_file(folder):
    folder.parent.rmdir()
    folder.parent.write_text("kept")


def a_dangling_link(folder):
    folder.symlink_to("nowhere/at/all")


FOLDERS = {
    read_only: "Permission denied; change its permissions",
    of_another: "Permission denied; change its permissions",
    not_to_be_entered: "Permission denied; change its permissions",
    a_file: "",
    below_a_file: "Not a directory",
    a_dangling_link: "",
}
CASES = [(place, name) for place in FOLDERS for name in COMMANDS]
CASES.remove((a_dangling_link, "fit"))  # which makes the folder that the link leads to
QUICK = [(read_only, "prepare"), (read_only, "transcribe"), (a_file, "evaluate"), (a_dangling_link, "transcribe")]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.long, id=f"{case[0].__name__}-{case[1]}")
        for case in CASES
    ],
)
def test_a_folder_that_takes_no_file_is_named(world, tmp_path, place, name):
    here = tmp_path / "here"
    (here / "above").mkdir(parents=True)
    out = here / "above" / "out"
    place(out)
    ended = melisma(COMMANDS[name](world, "above/out"), here, without_privileges)
    message = one_line(ended, "above", FOLDERS[place])
    assert len(message) < 300
    if place in (a_file, below_a_file):
        assert set(contents(here).values()) == {b"kept"}
    elif place is not a_dangling_link:
        assert not contents(here)


@pytest.mark.long
@pytest.mark.skipif(not can_mount(), reason="only root can mount a disk")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_is_read_only_is_named(world, tmp_path, name):
    with disk(tmp_path / "here") as mounted:
        mounted.protect()
        ended = melisma(COMMANDS[name](world, "out"), tmp_path / "here")
        one_line(ended, "out", "Read-only file system; make it writable, or write elsewhere")
        mounted.unprotect()
        assert melisma(COMMANDS[name](world, "out"), tmp_path / "here").code == 0
