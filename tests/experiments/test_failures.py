"""Whose mistake it was: what is printed, and the exit code, by the one rule of all commands."""

import errno
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from datamodules.errors import DataError
from datamodules.windows.plan import TrainingPlan
from experiments import cli, failures, mistakes
from lightning_modules import CheckpointMismatch


@pytest.fixture
def ended(monkeypatch, capsys):
    """Ends a command by an exception; gives exit code and what was printed to stderr."""

    def end(error, *words):
        def command(_):
            raise error

        monkeypatch.setattr(sys, "argv", ["melisma", "inspect", "data", *words])
        monkeypatch.setattr(cli, "_command", command)
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code, capsys.readouterr().err

    return end


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("table.csv, line 3: no number"), "melisma: table.csv, line 3: no number\n"),
        (CheckpointMismatch("weight: (2,), not (3,)"), "melisma: weight: (2,), not (3,)\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.tar"), "melisma: a.tar: No space left on device; free"),
        (PermissionError(errno.EACCES, "Permission denied", "a.tar"), "melisma: a.tar: Permission denied; change"),
        (
            MemoryError("Unable to allocate 32.0 TiB"),
            "melisma: there is not enough memory (Unable to allocate 32.0 TiB)",
        ),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "melisma: there is not enough memory",
        ),
        (
            RuntimeError("[enforce fail] can't allocate memory: you tried to allocate 65536000000 bytes. Error 12"),
            "melisma: there is not enough memory (61.0 GiB were asked for); a smaller model or batch, or fewer jobs",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_is_the_users_or_the_machines_is_one_line_and_exit_code_1(ended, error, message):
    code, printed = ended(error)
    assert code == 1 and printed.startswith(message) and printed.count("\n") == 1


def test_what_a_message_repeats_is_cut_and_rules_no_terminal(ended, capsys):
    said = f"table.csv, line 3: {'9' * 5_000_000} is no number\nwrite another, not \x1b[2J"
    code, printed = ended(DataError(said))
    assert code == 1 and printed.startswith("melisma: table.csv, line 3: 99999") and len(printed) < 2000
    assert printed.endswith("999...\nwrite another, not ?[2J\n")
    with pytest.raises(SystemExit):
        mistakes.stop(said)
    assert capsys.readouterr().err == printed


def test_debug_shows_the_traceback_behind_a_message(ended):
    code, printed = ended(DataError("table.csv, line 3: no number"), "--debug")
    assert code == 1 and printed.startswith("Traceback (most recent call last)")
    assert printed.endswith("melisma: table.csv, line 3: no number\n")


def test_a_command_does_not_see_the_word_debug(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "argv", ["melisma", "--debug", "inspect", "data"])
    monkeypatch.setattr(cli, "_command", seen.append)
    cli.main()
    assert seen == [["inspect", "data"]] and sys.argv == ["melisma", "inspect", "data"]


@pytest.mark.parametrize(("words", "debugging"), [(["--debug"], True), ([], False)])
def test_processes_of_the_run_are_debugged_as_the_first_one_is(monkeypatch, capsys, words, debugging):
    def start(_):
        monkeypatch.setattr(sys, "argv", ["melisma", "inspect", "data"])  # of the process that Lightning starts
        monkeypatch.setattr(cli, "_command", fail)
        cli.main()

    def fail(_):
        raise DataError("data: no dataset.json")

    monkeypatch.setattr(sys, "argv", ["melisma", *words, "inspect", "data"])
    monkeypatch.setattr(cli, "_command", start)
    with pytest.raises(SystemExit):
        cli.main()
    assert ("Traceback" in capsys.readouterr().err) is debugging and "MELISMA_DEBUG" not in os.environ


def test_what_is_ours_keeps_its_traceback_and_says_how_to_report_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["melisma", "inspect", str(tmp_path)])
    monkeypatch.setattr("datamodules.shards.index.describe", lambda storage: {"recipe": {"corpus": {"class": "X"}}})
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    trace, _, request = capsys.readouterr().err.partition("\n\n")
    assert stopped.value.code == 70 and trace.startswith("Traceback (most recent call last)")
    assert "/commands/inspect.py" in trace and trace.endswith("KeyError: 'id'")
    first, _, command, versions = request.splitlines()
    assert first == "melisma: this KeyError is a mistake in melisma, not in your data or configuration."
    assert command.endswith(f" inspect {tmp_path}") and f", torch {version('torch')}, " in versions


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file", "x"), RuntimeError("x"), OSError("x")]
)
def test_what_no_rule_explains_is_no_mistake_of_the_users(error):
    assert failures.told_to_user(error) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "a worker that reads data was killed"),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "a worker that reads data was killed"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible", "/dev/shm is full"),
        ("unable to write to file </torch_7_1_0>: No space left on device (28)", "/dev/shm is full"),
        ("can't start new thread", "no more threads can be started; raise `ulimit -u`"),
        ("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.1]:33", "another process of this run was"),
    ],
)
def test_a_process_that_is_lost_is_one_line_with_what_to_do(ended, said, told):
    code, printed = ended(RuntimeError(said))
    assert code == 1 and printed.startswith(f"melisma: {told}") and printed.count("\n") == 1


def test_what_a_class_of_the_users_raises_names_his_file(ended, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def broken():\n    return {}['rate']\n")
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    with pytest.raises(KeyError) as raised:
        scope["broken"]()
    code, printed = ended(raised.value)
    assert code == 1 and "Traceback" in printed
    assert printed.endswith(f"melisma: this was raised by {file}, which is not part of melisma\n")


def test_what_a_compiled_library_raises_is_no_matter_of_a_class_of_the_users(ended):
    with pytest.raises(ValueError) as raised:
        TrainingPlan([3], -1, 0, 1, 1)  # NumPy's frames have the names of files that are not there
    code, printed = ended(raised.value)
    assert code == failures.OURS and "is a mistake in melisma" in printed


def test_ctrl_c_is_no_traceback(ended):
    assert ended(KeyboardInterrupt()) == (130, "melisma: interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_mistake():
    words = [sys.executable, "-m", "experiments", "--help"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        printed = command.stderr.read()
    assert printed == b""


def test_a_wrong_word_shows_its_traceback_only_with_debug(capsys, monkeypatch):
    for debugging, begins in ((False, "melisma: no such key\n"), (True, "Traceback")):
        monkeypatch.setattr(failures, "_debugging", debugging)
        with pytest.raises(SystemExit) as stopped:
            try:
                raise ValueError("behind it")
            except ValueError:
                mistakes.stop("no such key")
        assert stopped.value.code == 2 and capsys.readouterr().err.startswith(begins)
