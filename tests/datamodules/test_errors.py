"""Messages: values that are repeated stay short, and what the machine refuses is named with a remedy."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import MOST, DataError, is_of_disk, machine_fault, shown
from datamodules.files import write_atomically


@given(st.one_of(st.text(max_size=40), st.binary(max_size=20), st.integers(), st.floats(), st.none()))
def test_a_short_value_is_shown_as_it_is(value):
    assert shown(value) == repr(value)[:MOST] + ("..." if len(repr(value)) > MOST else "")


@pytest.mark.parametrize("value", ["x" * 5_000_000, b"x" * 5_000_000, ["x"] * 100_000, {"key": "\n" * 1000}])
def test_a_long_value_is_cut_and_takes_one_line(value):
    text = shown(value)
    assert len(text) == MOST + 3 and "\n" not in text


def test_the_error_of_the_system_behind_that_of_a_library_counts():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904 -- as torch does it
    except RuntimeError as error:
        assert machine_fault(error, Path("last.ckpt")).startswith("last.ckpt: No space left on device; free some space")
        assert machine_fault(error).startswith("No space left on device; free some space")  # wherever that was


def test_an_error_that_no_disk_explains_is_none_of_the_machine():
    assert machine_fault(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    assert machine_fault(ValueError("x"), Path("y")) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_is_said_of_a_disk_is_known_again(number):
    said = machine_fault(OSError(number, os.strerror(number)), Path("last.ckpt"))
    assert is_of_disk(said) and is_of_disk(f"melisma: {said}")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ENOMEM, errno.ENAMETOOLONG])
def test_what_another_file_may_not_meet_is_not_of_the_disk(number):
    assert not is_of_disk(machine_fault(OSError(number, os.strerror(number)), Path("last.ckpt")))
    assert not is_of_disk(os.strerror(errno.ENOSPC)), "nothing that a library says by chance"


def test_a_full_disk_is_said_of_the_file_that_was_to_be_written_and_the_old_one_stays(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")
    with pytest.raises(DataError, match=f"^{path}: No space left on device; free some space"), write_atomically(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_stays_an_error_of_ours(tmp_path):
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "none" / "table.csv"):
        pass
