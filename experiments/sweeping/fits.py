"""One fit of a point: started, watched, stopped where hyperband says so, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from datamodules.errors import MachineFault
from experiments.claims import Claim
from experiments.studies.processes import CommandProcesses, denied_by_disk
from experiments.sweeping.point_figures import check_metric, has_finished
from experiments.sweeping.points import Outcome, SweepPoint
from experiments.sweeping.proposals import to_stop
from experiments.sweeping.sweep_folder import SweepFolder

LOG = "fit.log"
_LOGGER = "lightning.pytorch.loggers.CSVLogger"
_LAST = Path("checkpoints", "last.ckpt")
_STOPPED = (75, 143, 130, -15, -2)  # exit codes of a fit that a signal stopped, or that had not begun; see StopOnSignal
_LOOKED = 0.5  # s between two looks at a fit


class PointFits:
    """Makes the fits of points, each in a process of its own.

    Args:
        sweep: whose points.
        processes: in which they run.
        devices: those of CUDA that the jobs share, as CUDA_VISIBLE_DEVICES names them; empty: left as they are.
        stopping: set when this worker is to end; fits are then stopped with a checkpoint to resume from.
    """

    def __init__(self, sweep: SweepFolder, processes: CommandProcesses, devices: list[str], stopping: Event) -> None:
        self._sweep, self._processes, self._devices, self._stopping = sweep, processes, devices, stopping

    def make(self, point: SweepPoint, claim: Claim, job: int) -> Outcome | None:
        """Make the run of a point, or go on with it from its last checkpoint.

        Args:
            point: that is waiting.
            claim: on it.
            job: of this worker, from 0, which decides the device.

        Returns:
            How it ended; None: the point was taken by another worker, because this one was suspended.

        Raises:
            DataError: the run does not log the sweep's metric.
            MachineFault: the disk is full or fails, for other points as well; this one has not failed.
        """
        if has_finished(point.folder):  # its worker died before it could say so
            point.journal(event="ended", outcome="finished", code=0)
            return "finished"
        command = self._sweep.file.command.of_point(point.values)
        words = [*command.words, *self._sweep.words, *_own_words(point)]
        point.journal(event="began", words=words, resumed=(point.folder / _LAST).is_file())
        environment = {**_alone(os.environ), **self._device(job), **command.environment}
        stopped_early, seen = False, _bytes_of_curves(point)
        process = self._processes.start(words, point.folder / LOG, environment)
        try:
            while process.is_alive():
                process.join(_LOOKED)
                if claim.lost:
                    process.kill()
                    process.join()
                    return None
                if self._stopping.is_set():
                    process.terminate()
                    process.join()
                elif not stopped_early and (written := _bytes_of_curves(point)) != seen:
                    seen = written
                    check_metric(point, self._sweep.file)
                    if self._is_hopeless(point):
                        stopped_early = True
                        process.terminate()
        finally:  # an error of this worker's ends its fits
            process.terminate()
            process.join()
        check_metric(point, self._sweep.file)
        outcome = self._outcome(point, stopped_early, process.exitcode)
        fault = denied_by_disk(point.folder / LOG) if outcome == "failed" else None
        point.journal(event="ended", outcome="interrupted" if fault else outcome, code=process.exitcode)
        if fault:
            raise MachineFault(fault)
        return outcome

    def _outcome(self, point: SweepPoint, stopped_early: bool, code: int | None) -> Outcome:
        if has_finished(point.folder):
            return "finished"
        if stopped_early:
            return "stopped early"
        # A signal may also come from somebody else, to this fit alone.
        return "interrupted" if self._stopping.is_set() or code in _STOPPED else "failed"

    def _is_hopeless(self, point: SweepPoint) -> bool:
        return self._sweep.file.stops_early and point.name in to_stop(self._sweep.file, self._sweep.figures())

    def _device(self, job: int) -> dict[str, str]:
        if not self._devices:
            return {}
        return {"CUDA_VISIBLE_DEVICES": self._devices[job % len(self._devices)]}


def _bytes_of_curves(point: SweepPoint) -> int:
    """What shows that there is something new."""
    try:
        return (point.folder / "curves.jsonl").stat().st_size
    except FileNotFoundError:
        return 0


def _own_words(point: SweepPoint) -> list[str]:
    """The logger and the name of the run, which give it its folder; one that was begun there goes on."""
    sweep = point.folder.parent
    logger = {"class_path": _LOGGER, "init_args": {"save_dir": str(sweep.parent), "name": sweep.name}}
    return [f"--trainer.logger={json.dumps(logger)}", f"--resume.run={point.name}"]


def _alone(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what tells Lightning that it is one of several tasks: a job of SLURM's has one worker, which has fits."""
    return {name: value for name, value in environment.items() if not name.startswith("SLURM_")}
