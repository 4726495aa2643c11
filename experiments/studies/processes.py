"""Commands of melisma, each in a process that is forked from one which has imported everything.

To import torch, Lightning and the metrics takes longer than many a short run; here it is done once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from datamodules.errors import is_of_disk, machine_fault
from experiments.claims import Claim

# Modules that a fit imports sooner or later; one that is not installed is left out.
_IMPORTED = [
    "experiments.cli",
    "experiments.lightning_cli",
    "architectures",
    "callbacks",
    "datamodules",
    "lightning_modules",
    "lightning.pytorch.loggers",
    "librosa",
    "torchaudio",
]
_LOOK = 5.0  # s between two looks at the claim
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LATER = (signal.SIGTERM, signal.SIGUSR1)
_TOLD = "melisma: "
_SHOWN = 5  # lines of what a command said last
_ROOM = 1 << 16  # bytes that a disk takes which is not full


class CommandProcesses:
    """Runs commands in the working directory and environment of the caller.

    All share the process that they are forked from, which lives until the interpreter ends; none lives longer than the
    caller.

    Args:
        threads: of each command.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_IMPORTED)
        self._running: set[BaseProcess] = set()
        self._terminated = False

    def run(self, words: Sequence[str], log: Path, claim: Claim | None = None) -> int:
        """Run one command and wait for it.

        Args:
            words: behind `melisma`.
            log: what it prints is appended to this file.
            claim: on what it does; the command is killed if the claim is lost.

        Returns:
            Its exit code; negative is the signal that ended it.
        """
        process = self.start(words, log)
        self._running.add(process)
        if self._terminated:  # just now, in another thread
            process.terminate()
        while process.exitcode is None:
            process.join(_LOOK)
            if claim is not None and process.exitcode is None and claim.lost:
                process.kill()
        self._running.discard(process)
        return process.exitcode

    def start(self, words: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> BaseProcess:
        """Start one command, which the caller waits for.

        Args:
            words: behind `melisma`.
            log: what it prints is appended to this file.
            environment: of the command; None: that of the caller.
        """
        stated = os.environ if environment is None else environment
        # A run is one process: how many a job of SLURM has, and which of them this is, does not concern it.
        own = {name: value for name, value in stated.items() if not name.startswith("SLURM_")}
        variables = {**own, **dict.fromkeys(_THREADS, str(self._threads))}
        process = self._context.Process(target=_run, args=(list(words), str(log), variables, self._threads))
        # The process that all are forked from must outlive a signal to the whole job, for it knows the exit codes.
        signal.pthread_sigmask(signal.SIG_BLOCK, _LATER)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _LATER)
        return process

    def terminate(self) -> None:
        """Send SIGTERM to all commands that are running, which save their state and end."""
        self._terminated = True
        for process in list(self._running):
            process.terminate()


def _run(words: list[str], log: str, environment: Mapping[str, str], threads: int) -> None:
    """What the forked process does; `multiprocessing` makes its exit code of SystemExit, and prints other errors."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _LATER)
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    with open(log, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["melisma", *words]

    import torch

    from experiments.cli import main

    torch.set_num_threads(threads)  # OpenMP has read its environment already, that of the process this is forked from
    main()


def _end_with_the_caller() -> None:
    """Not to work beside the one who takes over what a killed caller was doing."""
    caller = multiprocessing.parent_process()
    assert caller is not None
    caller.join()
    os._exit(1)


def last_lines(log: Path) -> list[str]:
    """What a command said last; nothing where there is no log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.replace("\r", "\n").strip().splitlines()[-_SHOWN:]


def denied_by_disk(log: Path) -> str | None:
    """Why whatever follows a command that failed would fail as well: its disk is full, read-only or failing.

    Args:
        log: what it printed, on the same disk, where it may have had no room for its last words.

    Returns:
        What the user is told; None: the disk was not to blame.
    """
    told = [line for line in last_lines(log) if line.startswith(_TOLD)]
    if told and is_of_disk(told[-1]):
        return told[-1].removeprefix(_TOLD)
    try:
        with tempfile.TemporaryFile(dir=log.parent) as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError as error:
        return machine_fault(error, log.parent, instead=True)
    return None
