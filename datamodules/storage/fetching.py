"""Requests that may fail: repeated with growing pauses, and threads that have several of them under way."""

from __future__ import annotations

import os
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from datamodules.errors import DataError
from datamodules.storage.places import without_secrets

T = TypeVar("T")

PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s, before the first repetition and at most
_FATAL = {
    401: "not allowed",
    403: "not allowed",
    404: "not there",
    410: "not there",
    416: "shorter than its index says",
}
_PASSING = (408, 425, 429)  # of the statuses 4xx, those that a repetition may cure
_ADVICE = {
    "not there": "check the address, and that the whole prepared directory was copied there",
    "not allowed": "check your credentials for it",
    "shorter than its index says": "copy the prepared directory there again",
}


class DamagedError(Exception):
    """Bytes arrived that are not those that were asked for."""


def refusal(error: BaseException) -> str | None:
    """What is wrong for good, of an error of a request; None if a repetition may cure it."""
    if isinstance(error, FileNotFoundError):
        return "not there"
    if isinstance(error, PermissionError):
        return "not allowed"
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500 and status not in _PASSING:
        return _FATAL.get(status, f"refused with status {status}")
    return None


def persist(what: str, retries: int, attempt: Callable[[], T]) -> T:
    """The result of `attempt`, which is repeated when it fails.

    Args:
        what: is fetched, for the message.
        retries: repetitions at most.
        attempt: one request.

    Raises:
        DamagedError: what arrived last is damaged.
        DataError: it failed for good, or each time.
    """
    jitter = random.Random(f"{what} {os.getpid()}")  # processes that failed together do not come back together
    for number in range(retries + 1):
        try:
            return attempt()
        except DataError:
            raise
        except Exception as error:  # every library of file systems has errors of its own
            if wrong := refusal(error):
                raise DataError(f"{what}: {wrong}; {_ADVICE.get(wrong, 'check the address')}") from error
            if isinstance(error, DamagedError) and number == retries:
                raise
            last = error
        if number < retries:
            time.sleep(min(PAUSE * 2**number, LONGEST_PAUSE) * (0.5 + jitter.random()))
    said = without_secrets(" ".join(str(last).split())) or "no answer in time"
    raise DataError(
        f"{what}: not fetched in {retries + 1} attempts ({type(last).__name__}: {said}); check that it can be reached, "
        "or raise data.remote.retries or data.remote.timeout"
    ) from last


class Threads:
    """Threads that answer in the order of asking. Unlike those of an executor, they do not keep a process from ending.

    Args:
        threads: how many.
    """

    def __init__(self, threads: int) -> None:
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._left, self._lock = threads, threading.Lock()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Call a function in one of the threads."""
        future: Future[T] = Future()

        def call() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._asked.put(call)
        with self._lock:
            if self._left:
                self._left -= 1
                threading.Thread(target=self._work, name="fetching", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            self._asked.get()()
