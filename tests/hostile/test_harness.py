"""The harness finds what a user should never see, by a command that does just that, and nothing else."""

import contextlib
import ctypes
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile import __main__ as many
from tests.hostile import harness
from tests.hostile.harness import LONGEST, MEMORY, Hostile, run, run_all


@pytest.fixture
def outcome(monkeypatch, tmp_path):
    """What comes of a command that does something; files of it are in `tmp_path / "it"`."""

    def of(do, limit=harness.SECONDS):
        monkeypatch.setattr("experiments.cli.main", do)
        return run(Hostile("made up", ["inspect", "."], lambda here: (here / "given").write_text("given")),
                   tmp_path / "it", limit)  # fmt: skip

    return of


def refuse(message="melisma: given: not readable\n", code=1):
    sys.stderr.write(message)
    sys.exit(code)


def test_a_message_and_exit_code_1_or_2_are_right(outcome):
    found = outcome(refuse)
    assert found.faults == () and found.code == 1 and found.output == "melisma: given: not readable\n"
    assert found.name == "made up" and 0 <= found.seconds < harness.SECONDS and 0 <= found.memory < MEMORY


def test_a_command_sees_its_words_and_its_folder(outcome, tmp_path):
    found = outcome(lambda: print(sys.argv, os.getcwd(), Path("given").read_text()))
    assert found.output == f"{['melisma', 'inspect', '.']} {tmp_path / 'it' / 'here'} given\n"
    assert found.code == 0 and found.faults == ()


def use_its_own_folder():
    Path("answer").write_text("answer")
    Path("answer").rename("renamed")
    Path("link").symlink_to("renamed")
    os.remove("link")
    Path("folder").mkdir()
    Path(os.devnull).write_text("nothing")
    subprocess.run(["git", "--version"], capture_output=True)


def test_what_a_command_does_in_its_own_folder_is_right(outcome):
    assert outcome(use_its_own_folder).faults == ()


def raise_it():
    raise KeyError("rate")


def print_a_traceback_and_go_on():
    try:
        raise_it()
    except KeyError:
        sys.excepthook(*sys.exc_info())


def print_and_be_killed():
    print("melisma: given: not readable", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("do", "faults"), [
    (raise_it, ("traceback", "exit code 99")),
    (print_a_traceback_and_go_on, ("traceback",)),
    (lambda: refuse(code=70), ("exit code 70",)),
    (print_and_be_killed, ("exit code -15",)),
    (lambda: refuse(""), ("nothing said",)),
    (lambda: refuse("\n", 2), ("nothing said",)),
    (lambda: refuse("x" * (LONGEST + 1)), (f"{LONGEST + 1} characters printed",)),
])  # fmt: skip
def test_what_is_printed_and_how_it_ends_is_judged(outcome, do, faults):
    assert outcome(do).faults == faults


def spin():
    while True:
        pass


def test_a_command_that_computes_for_ever_hangs(outcome):
    found = outcome(spin, limit=1)
    assert found.faults == ("hang", "nothing said")
    assert found.code == -signal.SIGXCPU and found.seconds > 0.5  # long before it is waited for no more


def test_a_command_that_waits_for_ever_hangs(outcome, monkeypatch):
    monkeypatch.setattr(harness, "WALL", 0.5)
    began = time.monotonic()
    assert outcome(lambda: time.sleep(60)).faults == ("hang", "nothing said")
    assert time.monotonic() - began < 30


def take(size):
    """Memory that no process before had: what this one has freed may be given again, and is not counted."""
    with mmap.mmap(-1, size) as memory:
        for place in range(0, size, mmap.PAGESIZE):
            memory[place] = 1


@pytest.mark.parametrize(("most", "faults"), [(MEMORY, ()), (1 << 27, ("0.2 GiB",))])
def test_memory_beyond_the_bound_is_found(outcome, monkeypatch, most, faults):
    monkeypatch.setattr(harness, "MEMORY", most)
    taken = 3 << 26
    found = outcome(lambda: take(taken))
    assert found.faults == faults and 0.9 * taken < found.memory < 2 * taken


def libc(name, *words):
    """Past the audit hook, as a library in C does it."""
    assert getattr(ctypes.CDLL(None), name)(*words) == 0


@pytest.mark.parametrize("words", [("unlink", b"../outside/canary"), ("truncate", b"../outside/canary", 0)])
def test_a_change_that_no_hook_hears_of_is_found(outcome, words):
    assert outcome(lambda: libc(*words)).faults == ("changed what lies outside its folder",)


@pytest.mark.parametrize(("do", "noted"), [
    (lambda at: at.write_text("x"), "wrote {at}"),
    (lambda at: at.open("ab").close(), "wrote {at}"),
    (lambda at: os.open(at, os.O_RDONLY | os.O_CREAT), "wrote {at}"),
    (lambda at: os.mkdir(at), "os.mkdir {at}"),
    (lambda at: Path("given").rename(at), "os.rename {at}"),
    (lambda at: at.symlink_to("given"), "os.symlink {at}"),
    (lambda at: at.hardlink_to("given"), "os.link {at}"),
    (lambda at: os.remove(at.with_name("canary")), "os.remove {folder}/canary"),
    (lambda at: at.with_name("canary").chmod(0o600), "os.chmod {folder}/canary"),
    (lambda at: os.truncate(at.with_name("canary"), 5), "os.truncate {folder}/canary"),
    (lambda at: os.rmdir(at.with_name("no such folder")), "os.rmdir {folder}/no such folder"),
])  # fmt: skip
def test_what_is_written_moved_or_removed_elsewhere_is_noted(outcome, tmp_path, do, noted):
    at = tmp_path / "it" / "outside" / "new"

    def elsewhere():
        with contextlib.suppress(OSError):
            do(Path("..", "outside", "new"))

    assert noted.format(at=at, folder=at.parent) in outcome(elsewhere).faults


def test_what_is_written_through_a_link_out_of_the_folder_is_noted(outcome, tmp_path):
    def follow():
        Path("link").symlink_to("../outside")
        Path("link", "canary").write_text("alive")  # as it was

    found = outcome(follow).faults
    assert f"wrote {tmp_path / 'it' / 'outside' / 'canary'}" in found
    assert "changed what lies outside its folder" not in found


@pytest.mark.parametrize(("do", "program"), [
    (lambda: subprocess.run(["true"]), "true"),
    (lambda: os.system("true # git"), "true # git"),
    (lambda: os.posix_spawn("/bin/true", ["true"], {}), "/bin/true"),
    (lambda: os.execv("/bin/true", ["true"]), "/bin/true"),
])  # fmt: skip
def test_a_program_that_is_started_is_noted(outcome, do, program):
    assert outcome(do).faults == (f"started {program}",)


def test_a_connection_that_is_opened_is_noted(outcome):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert outcome(lambda: socket.create_connection(address)).faults == (f"connected to {address}",)


def test_files_stay_of_what_is_not_right_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("experiments.cli.main", lambda: refuse(code=int(sys.argv[1])))
    inputs = [Hostile(str(code), [str(code)], lambda here: None) for code in (1, 70, 2)]
    found = list(run_all(inputs, tmp_path))
    assert [(each.name, each.code, each.faults) for each in found] == [
        ("1", 1, ()), ("70", 70, ("exit code 70",)), ("2", 2, ())
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["00001"]


@pytest.mark.parametrize("code", [1, 70])
def test_many_inputs_end_with_exit_code_1_if_one_was_not_right(monkeypatch, tmp_path, capsys, code):
    monkeypatch.setattr("experiments.cli.main", lambda: refuse(code=code))
    monkeypatch.setattr(many, "LOADED", ())
    made = [Hostile("made up", [], lambda here: None)] * 5
    monkeypatch.setattr("tests.hostile.options.inputs", lambda seed, count, world: made[:count])
    words = ["hostile", "--kinds", "options", "--inputs", "3", "--keep", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    assert many.main() == int(code == 70)
    assert f'"inputs": 3, "codes": {{"{code}": 3}}' in capsys.readouterr().out.splitlines()[-1]
