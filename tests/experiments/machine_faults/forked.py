"""`melisma` in a forked process, to which something happens: torch and Lightning are loaded already."""

import atexit
import contextlib
import ctypes
import multiprocessing.util
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of sched.h
_CAPABILITIES = 0x20080522  # version 3 of linux/capability.h


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        code: exit code; negative: minus the number of the signal that ended it; None: it stood still and was killed.
        output: all that was printed.
        orphans: processes that it had started and that were still there some seconds later; they are killed.
        seconds: until it ended.
    """

    code: int | None
    output: str
    orphans: int
    seconds: float

    @property
    def told(self) -> list[str]:
        """The lines that begin with `melisma:`."""
        return [line for line in self.output.splitlines() if line.startswith("melisma:")]


def melisma(
    words: Sequence[object], folder: Path, before: Callable[[], object] | None = None, limit: float = 120.0
) -> Ended:
    """Run a command and wait for it and for all that it started.

    Args:
        words: behind `melisma`.
        folder: the current one of the command; is made.
        before: is called in the forked process, and makes what will happen to it.
        limit: s, after which it counts as standing still.
    """
    folder.mkdir(parents=True, exist_ok=True)
    printed = folder.parent / f"{folder.name}.printed"
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child([str(word) for word in words], folder, printed, before)
    code = _waited(pid, began + limit)
    seconds = time.monotonic() - began
    orphans = _end_the_others(pid)
    return Ended(code, printed.read_text(errors="replace"), orphans, seconds)


def _child(words: Sequence[str], folder: Path, printed: Path, before: Callable[[], object] | None) -> None:
    """Never returns."""
    code = 99
    try:
        os.setsid()
        atexit._clear()  # what the process that this is forked from has to tidy up
        atexit.register(multiprocessing.util._exit_function)
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        for number in (1, 2):
            os.dup2(output, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
        os.chdir(folder)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        sys.argv[:] = ["melisma", *words]
        os.environ["COLUMNS"] = "200"
        if before is not None:
            before()
        from experiments.cli import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(code)


def _waited(pid: int, until: float) -> int | None:
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    for each in of_session(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _end_the_others(session: int, patience: float = 15.0) -> int:
    until = time.monotonic() + patience
    while (left := of_session(session)) and time.monotonic() < until:
        time.sleep(0.05)
    for each in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    return len(left)


def of_session(session: int) -> list[int]:
    """The processes of a session that have not ended, by /proc."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                status = Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(status[3]) == session and status[0] not in "ZX":
                    found.append(int(name))
    return found


def own_mounts() -> None:
    """From now on, what this process mounts is seen by it and those that it starts alone; needs root."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    if library.mount(b"none", b"/", None, (1 << 18) | (1 << 14), None):  # MS_PRIVATE | MS_REC
        raise OSError(ctypes.get_errno(), "mount")


def without_privileges() -> None:
    """From now on, the permissions of files bind this process also where it is root's."""
    if os.geteuid():
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable: of the first 32, then of the others
    library = ctypes.CDLL(None, use_errno=True)
    library.capget(header, held)
    for number in range(3):
        held[number] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    if library.capset(header, held):
        raise OSError(ctypes.get_errno(), "capset")
