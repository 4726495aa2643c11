"""Runs `melisma` on what nobody should have given it, and says what of that a user should never see.

Every input is a command line and the files that it names, in a folder of its own. The command runs in a forked process
that has torch and Lightning loaded already, because starting Python takes seconds. What counts as a failure:

- a traceback, or any exit code but 0, 1 and 2;
- more than `SECONDS` of processor time, or `WALL` seconds of waiting;
- more than `MEMORY` beyond what the process had when it was forked;
- a file written, moved or removed outside the folder of the input, a program started, a connection opened;
- a message longer than `LONGEST` characters, or none with an exit code other than 0.
"""

import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SECONDS = 10
WALL = 60
MEMORY = 1 << 30
LONGEST = 4000
PROGRAMS = ("git", "nvidia-smi", "lscpu", "uname")  # a run notes its commit and machine
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
_OF_LINKS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Hostile(NamedTuple):
    """An input.

    Attributes:
        name: what is wrong with it, and the seed that made it.
        words: of the command line, without `melisma`; paths are relative to the folder that `lay` fills.
        lay: writes the files into a folder, which is the current one of the command.
        longest: characters that it may print.
    """

    name: str
    words: Sequence[str]
    lay: Callable[[Path], None]
    longest: int = LONGEST


class Outcome(NamedTuple):
    """What came of an input.

    Attributes:
        name: of the input.
        code: exit code; negative: minus the number of the signal that ended it.
        output: all that was printed.
        seconds: of processor time.
        memory: bytes beyond those at the fork.
        faults: what a user should never see; empty if all is right.
    """

    name: str
    code: int
    output: str
    seconds: float
    memory: int
    faults: tuple[str, ...]


def run_all(inputs: Iterable[Hostile], folder: Path) -> Iterator[Outcome]:
    """Run the inputs one after the other; of those that are right, no file stays."""
    for number, each in enumerate(inputs):
        place = folder / f"{number:05d}"
        outcome = run(each, place)
        yield outcome
        if not outcome.faults:
            _remove(place)


def run(hostile: Hostile, folder: Path, limit: int = SECONDS) -> Outcome:
    """Run an input.

    Args:
        hostile: the input.
        folder: is made; the command runs in `folder/here`, and nothing else in `folder` may change.
        limit: seconds of processor time.
    """
    here, outside, temporary = folder / "here", folder / "outside", folder / "here" / ".tmp"
    for each in (here, outside, temporary):
        each.mkdir(parents=True)
    (outside / "canary").write_text("alive")
    hostile.lay(here)
    before = _listing(outside)
    printed, noted = folder / "printed", folder / "noted"
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child(hostile.words, here, temporary, printed, noted, limit)
    status, usage = _wait(pid, began + WALL)
    code = os.waitstatus_to_exitcode(status)
    output = printed.read_text(errors="replace") if printed.exists() else ""
    base, *notes = noted.read_text().splitlines() if noted.exists() else ["0"]
    memory = max(usage.ru_maxrss * 1024 - int(base), 0)
    faults = [*_faults(code, output, memory, hostile.longest), *dict.fromkeys(notes)]
    if _listing(outside) != before:
        faults.append("changed what lies outside its folder")
    return Outcome(hostile.name, code, output, usage.ru_utime + usage.ru_stime, memory, tuple(faults))


def _faults(code: int, output: str, memory: int, longest: int) -> Iterator[str]:
    if "Traceback (most recent call last)" in output:
        yield "traceback"
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        yield "hang"
    elif code not in (0, 1, 2):
        yield f"exit code {code}"
    if memory > MEMORY:
        yield f"{memory / 2**30:.1f} GiB"
    if len(output) > longest:
        yield f"{len(output)} characters printed"
    if code and not output.strip():
        yield "nothing said"


def _wait(pid: int, until: float) -> tuple[int, resource.struct_rusage]:
    pause = 0.001
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            return status, usage
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _child(words: Sequence[str], here: Path, temporary: Path, printed: Path, noted: Path, limit: int) -> None:
    """Never returns."""
    code = 99
    try:
        os.setpgid(0, 0)
        notes = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        output = os.open(printed, os.O_WRONLY | os.O_CREAT)
        for number in (1, 2):
            os.dup2(output, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
        os.chdir(here)
        sys.path.insert(0, str(here))  # as `python -m experiments` has the current folder
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        os.write(notes, f"{_resident()}\n".encode())
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        sys.addaudithook(_Watch(here, notes))
        sys.argv[:] = ["melisma", *words]
        code = _called()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _called() -> int:
    from experiments.cli import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class _Watch:
    """An audit hook that notes what is done outside a folder."""

    def __init__(self, here: Path, notes: int) -> None:
        self.here, self.notes = os.path.realpath(here), notes

    def __call__(self, event: str, values: tuple) -> None:
        if event == "open" and isinstance(values[2], int) and values[2] & _WRITING:
            self._changed("wrote", values[0])
        elif event in _CHANGES:
            for path in values[:2]:
                if isinstance(path, (str, bytes, os.PathLike)):
                    self._changed(event, path)
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            program = os.fsdecode(values[0] or "")
            if os.path.basename(program.split()[0] if program.split() else "") not in PROGRAMS:
                self._note(f"started {program[:80]}")
        elif event == "socket.connect" and not isinstance(values[1], (str, bytes)):
            self._note(f"connected to {values[1]}")

    def _changed(self, what: str, path: object) -> None:
        if isinstance(path, int):
            return
        written = os.fsdecode(path)
        if what in _OF_LINKS:  # what is renamed or removed may be a link, which is not followed
            found = os.path.join(os.path.realpath(os.path.dirname(written)), os.path.basename(written))
        else:
            found = os.path.realpath(written)
        if not found.startswith((f"{self.here}/", "/dev/", "/proc/self/")) and found != self.here:
            if "__pycache__" not in found and "numba" not in found:
                self._note(f"{what} {found[:120]}")

    def _note(self, text: str) -> None:
        os.write(self.notes, f"{' '.join(text.split())}\n".encode())


def _listing(folder: Path) -> list[tuple[str, bytes]]:
    return sorted((str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def _remove(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)
