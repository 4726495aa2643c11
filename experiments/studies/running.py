"""Make the runs of a study, some at once, each a `melisma fit` of its own; what is finished already is kept."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import yaml
from tqdm import tqdm

from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.studies.processes import CommandProcesses
from experiments.studies.results import is_finished
from experiments.studies.study import PlannedRun, Study

_LOGGER = "lightning.pytorch.loggers.CSVLogger"
_STATED = "stated.yaml"  # the recipe with the settings of the run; its config.yaml has the defaults as well
_LAST = Path("checkpoints", "last.ckpt")
_SHOWN = 5  # lines of the log of a run that failed


def make_runs(study: Study, folder: Path, jobs: int) -> None:
    """Make all runs of a study that are not finished.

    One that was interrupted is resumed from its last checkpoint. Each has one thread. What it prints is in `fit.log` of
    its folder.

    Args:
        study: whose runs.
        folder: of the study; that of a run is `RUN/[FOLD/]seedN` below it.
        jobs: runs at once.

    Raises:
        DataError: runs failed; the others were made all the same.
    """
    waiting = [planned for planned in study.plan() if not is_finished(folder / planned.place)]
    failed: list[str] = []
    processes = CommandProcesses()
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(waiting), unit="run", desc=folder.name) as bar:
        makings = [pool.submit(make_run, planned, study.recipe, folder, processes) for planned in waiting]
        try:
            for making in as_completed(makings):
                if error := making.result():
                    failed.append(error)
                bar.update()
        except BaseException:  # an interrupted command begins no more runs
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        raise DataError(
            "\n".join([f"{len(failed)} of {len(waiting)} runs failed; the same command repeats them", *failed])
        )


def make_run(planned: PlannedRun, recipe: str, folder: Path, processes: CommandProcesses) -> str | None:
    """Make one run.

    Returns:
        None if it came to its end, else what its log says last.
    """
    place = folder / planned.place
    place.mkdir(parents=True, exist_ok=True)
    resumed = ["--ckpt_path", str(place / _LAST)] if (place / _LAST).is_file() else []
    with write_atomically(place / _STATED) as file:
        file.write(yaml.safe_dump(planned.configuration(recipe), sort_keys=False).encode())
    words = [planned.command, "--config", str(place / _STATED), _logger(planned, folder), *resumed]
    log = place / "fit.log"
    code = processes.run(words, log)
    if code == 0 and is_finished(place):
        return None
    lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").strip().splitlines()
    return "\n".join([f"{place} (exit code {code}):", *(f"  {line}" for line in lines[-_SHOWN:])])


def _logger(planned: PlannedRun, folder: Path) -> str:
    """The folder of a run is that of its logger."""
    place = folder / planned.place
    arguments = {"save_dir": str(folder), "name": str(planned.place.parent), "version": place.name}
    return f"--trainer.logger={json.dumps({'class_path': _LOGGER, 'init_args': arguments})}"
