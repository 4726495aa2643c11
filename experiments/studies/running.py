"""Make the runs of a study, some at once, each a `melisma fit` of its own; what is finished already is kept."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import yaml
from tqdm import tqdm

from datamodules.errors import DataError, MachineFault
from datamodules.files import write_atomically
from datamodules.preparation.sharing import Share
from experiments.claims import Claim, Claims
from experiments.studies.processes import CommandProcesses, denied_by_disk, last_lines
from experiments.studies.results import is_finished
from experiments.studies.study import PlannedRun, Study

STALE = 300.0  # s; see `Claims`
LOOK = 2.0  # s between two looks at what others do
_LOGGER = "lightning.pytorch.loggers.CSVLogger"
_CLAIMS = ".claims"  # in the folder of a study
_STATED = "stated.yaml"  # the recipe with the settings of the run; its config.yaml has the defaults as well
_LAST = Path("checkpoints", "last.ckpt")


def make_runs(study: Study, folder: Path, jobs: int, share: Share | None = None) -> list[PlannedRun]:
    """Make all runs of a study that are not finished.

    One that was interrupted is resumed from its last checkpoint. Each has one thread. What it prints is in `fit.log` of
    its folder. Processes that share a study, on hosts that share its folder, first make their own part of the runs and
    then what no one has begun, or was killed in. None makes a run that another one is making.

    Args:
        study: whose runs.
        folder: of the study; that of a run is `RUN/[FOLD/]seedN` below it.
        jobs: runs at once.
        share: the part that this process begins with; None: all of it.

    Returns:
        Runs that others, who are alive, are still making.

    Raises:
        DataError: runs failed; the others were made all the same.
    """
    turns = _Turns(study, folder, share or Share())
    failed: list[str] = []
    processes = CommandProcesses()
    total = len(turns.left)
    with tqdm(total=total, unit="run", desc=folder.name) as bar, ThreadPoolExecutor(jobs) as pool:

        def work() -> None:
            for planned, claim in turns:
                with claim, turns.ended_by_errors():
                    error = make_run(planned, study.recipe, folder, processes, claim)
                if error and not turns.stopped:
                    failed.append(error)
                bar.update(total - len(turns.left) - bar.n)

        with _ended_in_order(turns, processes):
            making = [pool.submit(work) for _ in range(min(jobs, total))]
            wait(making)
        for each in making:
            each.result()
        bar.update(total - len(turns.left) - bar.n)
    if failed:
        raise DataError(f"{len(failed)} of {total} runs failed; the same command repeats them\n" + "\n".join(failed))
    if not turns.left:
        shutil.rmtree(folder / _CLAIMS, ignore_errors=True)
    return turns.left


class _Turns:
    """Gives out runs that nobody makes or has made, to several threads, until none is left or others make the rest.

    Args:
        study: whose runs.
        folder: of the study.
        share: with which part of them it begins.
    """

    def __init__(self, study: Study, folder: Path, share: Share) -> None:
        plan = study.plan()
        self._folder, self._lock, self._claims = folder, threading.Lock(), Claims(folder / _CLAIMS, STALE)
        order = share.order(len(plan), lambda place: False)
        self.left = [plan[place] for place in order if not is_finished(folder / plan[place].place)]
        self.stopped = False

    def __iter__(self) -> Iterator[tuple[PlannedRun, Claim]]:
        # An owner who was killed elsewhere is known to be dead after this time; one who is not will finish his run.
        patience = time.monotonic() + STALE + LOOK
        while not self.stopped:
            taken = self._take()
            if taken is not None:
                yield taken
                patience = time.monotonic() + STALE + LOOK
            elif self.left and time.monotonic() < patience:
                time.sleep(LOOK)
            else:
                return

    @contextmanager
    def ended_by_errors(self) -> Iterator[None]:
        """While a run is made: what is no failure of its own is no reason to begin another."""
        try:
            yield
        except Exception:
            self.stopped = True
            raise

    def _take(self) -> tuple[PlannedRun, Claim] | None:
        with self._lock:
            for planned in list(self.left):
                place = self._folder / planned.place
                claim = None if is_finished(place) else self._claims.take(str(planned.place))
                if is_finished(place):  # asked again: another process may have finished it before it was taken
                    self.left.remove(planned)
                    if claim is not None:
                        claim.__exit__(None, None, None)
                elif claim is not None:
                    self.left.remove(planned)
                    return planned, claim
        return None


@contextmanager
def _ended_in_order(turns: _Turns, processes: CommandProcesses) -> Iterator[None]:
    """On SIGTERM (a time limit, `scancel`), and whatever else ends this, runs save their state before it ends."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    in_charge = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if in_charge else None
    try:
        yield
    except BaseException:
        turns.stopped = True
        processes.terminate()
        raise
    finally:
        if in_charge:
            signal.signal(signal.SIGTERM, before)


def make_run(
    planned: PlannedRun, recipe: str, folder: Path, processes: CommandProcesses, claim: Claim | None = None
) -> str | None:
    """Make one run.

    Args:
        planned: the run.
        recipe: of the study.
        folder: likewise.
        processes: make it.
        claim: on it; if it is lost, the run is ended, because another process makes it.

    Returns:
        None if it came to its end, else what its log says last.

    Raises:
        MachineFault: the disk is full or fails, for the runs to come as well.
    """
    place = folder / planned.place
    place.mkdir(parents=True, exist_ok=True)
    resumed = ["--ckpt_path", str(place / _LAST)] if (place / _LAST).is_file() else []
    with write_atomically(place / _STATED) as file:
        file.write(yaml.safe_dump(planned.configuration(recipe), sort_keys=False).encode())
    words = [planned.command, "--config", str(place / _STATED), _logger(planned, folder), *resumed]
    log = place / "fit.log"
    code = processes.run(words, log, claim)
    if code == 0 and is_finished(place):
        return None
    if fault := denied_by_disk(log):
        raise MachineFault(fault)
    return "\n".join([f"{place} (exit code {code}):", *(f"  {line}" for line in last_lines(log))])


def _logger(planned: PlannedRun, folder: Path) -> str:
    """The folder of a run is that of its logger."""
    place = folder / planned.place
    arguments = {"save_dir": str(folder), "name": str(planned.place.parent), "version": place.name}
    return f"--trainer.logger={json.dumps({'class_path': _LOGGER, 'init_args': arguments})}"
