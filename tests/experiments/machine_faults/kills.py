"""Kills that fall at a place that is stated, so that they can be repeated."""

import os
import random
import signal
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

# What a process does to files, as Python reports it to audit hooks.
_EVENTS = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "os.truncate"}
)


class Counter:
    """Counts what this process does to files.

    Args:
        noted: receives the number when the process ends.
    """

    def __init__(self, noted: Path) -> None:
        self._noted, self._count, self._pid = noted, 0, os.getpid()

    def __call__(self) -> None:
        """Begin."""
        self._pid = os.getpid()
        sys.addaudithook(self._hear)
        _at_exit(lambda: self._noted.write_text(str(self._count)))

    def _hear(self, event: str, values: tuple) -> None:
        if event in _EVENTS and os.getpid() == self._pid:
            self._count += 1


class KillAt:
    """Kills this process, or all of its session, in place of what it would do to a file.

    Args:
        number: what it does is counted from 0.
        session: also the processes that it has started.
        events: that are counted.
    """

    def __init__(self, number: int, session: bool = False, events: frozenset[str] = _EVENTS) -> None:
        self._number, self._session, self._count, self._pid, self._events = number, session, 0, 0, events

    def __call__(self) -> None:
        """Begin to count."""
        self._pid = os.getpid()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple) -> None:
        if event in self._events and os.getpid() == self._pid:
            if self._count == self._number:
                kill(self._session)
            self._count += 1


def kill(session: bool = False) -> None:
    """End this process at once, or all of its session."""
    if session:
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def moments(count: int, events: int, seed: int) -> list[int]:
    """Numbers of events, one drawn from each of so many equal stretches of all."""
    draw = random.Random(seed)
    return [int((place + draw.random()) * events / count) for place in range(count)]


class KillInCheckpoint:
    """Kills this process when a part of a checkpoint is written.

    Args:
        number: of the checkpoint, from 0.
        part: share of its bytes that are written.
    """

    def __init__(self, number: int, part: float) -> None:
        self._number, self._part = number, part

    def __call__(self) -> None:
        """Take the place of `torch.save`."""
        import torch

        whole, self._saved = torch.save, 0

        def save(content: object, file: object, *more: object, **options: object) -> None:
            if self._saved == self._number:
                memory = BytesIO()
                whole(content, memory, *more, **options)
                file.write(memory.getvalue()[: int(self._part * memory.tell())])
                file.flush()
                kill()
            self._saved += 1
            whole(content, file, *more, **options)

        torch.save = save


_ENDS: list[Callable[[], None]] = []


def _at_exit(act: Callable[[], None]) -> None:
    """The forked process ends by `os._exit`, before which this is called."""
    if not _ENDS:
        leave = os._exit

        def exiting(code: int) -> None:
            for each in _ENDS:
                each()
            leave(code)

        os._exit = exiting
    _ENDS.append(act)
