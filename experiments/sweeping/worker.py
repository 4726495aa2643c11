"""A worker of a sweep: takes points, makes their fits, until all are final or it is told to end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm

from experiments.studies.processes import CommandProcesses
from experiments.sweeping.fits import PointFits
from experiments.sweeping.points import SweepPoint
from experiments.sweeping.results import line_of, write_table
from experiments.sweeping.sweep_folder import STALE, SweepFolder

_LOOKED = 0.5  # s between two looks at the jobs
_SOONEST, _LATEST = 1.0, 30.0  # s between two looks at points that others are at
_PATIENCE = STALE + 2.0  # s, after which whoever is at a point is known to be alive


class SweepWorker:
    """Makes points of a sweep, beside other workers on any host that sees its folder.

    Args:
        sweep: its folder.
        wanted: points of the sweep.
        jobs: fits at once.
        threads: of each.
        stays: whether it waits until all points are final, and not only until it is known that those who are at the
            points that are left are alive.
    """

    def __init__(self, sweep: SweepFolder, wanted: int, jobs: int, threads: int, stays: bool) -> None:
        self._sweep, self._wanted, self._jobs, self._stays = sweep, wanted, jobs, stays
        self.stopped_by: signal.Signals | None = None
        self._stopping = threading.Event()
        self._fits = PointFits(sweep, CommandProcesses(threads), _devices(jobs), self._stopping)

    def work(self) -> None:
        """Work until there is nothing left, or until SIGTERM or Ctrl+C, after which `stopped_by` says so.

        Raises:
            DataError: the sweep makes no sense, as when the metric is not logged.
        """
        with _noted(self._stop), ThreadPoolExecutor(self._jobs) as pool, self._bar() as bar:
            jobs = [pool.submit(self._job, job, bar) for job in range(self._jobs)]
            try:
                self._wait(jobs)
            finally:
                self._stopping.set()
        for job in jobs:
            job.result()

    def _wait(self, jobs: list[Future[None]]) -> None:
        while True:  # a wait without end would not let the handler of a signal run
            ended, going_on = wait(jobs, _LOOKED, FIRST_EXCEPTION)
            if not going_on or any(job.exception() for job in ended):
                return

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = signal.Signals(number)
        self._stopping.set()

    def _bar(self) -> tqdm[None]:
        return tqdm(total=self._wanted, initial=self._final(), unit="point", desc=self._sweep.folder.name)

    def _final(self) -> int:
        return sum(point.status(self._sweep.repeats) != "waiting" for point in self._sweep.points())

    def _job(self, job: int, bar: tqdm[None]) -> None:
        pause, patience = _SOONEST, time.monotonic() + _PATIENCE
        while not self._stopping.is_set():
            if (taken := self._sweep.take()) is not None:
                point, claim = taken
                with claim:
                    self._fits.make(point, claim, job)
                self._say(point, bar)
                pause, patience = _SOONEST, time.monotonic() + _PATIENCE
            elif not self._sweep.add(self._wanted):
                if self._final() >= self._wanted or (not self._stays and time.monotonic() > patience):
                    return
                self._stopping.wait(pause)
                pause = min(2 * pause, _LATEST)

    def _say(self, point: SweepPoint, bar: tqdm[None]) -> None:
        figures = write_table(self._sweep)
        bar.write(next(line_of(each, self._sweep.file) for each in figures if each.name == point.name))
        bar.n = sum(each.status != "waiting" for each in figures)
        bar.refresh()


@contextmanager
def _noted(note: signal._HANDLER) -> Iterator[None]:
    """Signals that end a worker are noted, not raised somewhere."""
    kinds = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = [signal.signal(kind, note) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _devices(jobs: int) -> list[str]:
    """One for each of several jobs; a single job has all."""
    import torch

    if jobs == 1 or torch.cuda.device_count() < 2:
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
