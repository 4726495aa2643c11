"""Repeat a recorded run in a folder of its own, in processes like those that it ran in."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from datamodules.errors import DataError
from datamodules.files import write_atomically
from datamodules.storage import consent
from datamodules.storage.places import PIPE, is_remote, without_secrets
from experiments.repeating.differences import flattened
from experiments.repeating.recorded import RecordedRun, read_run

STATED = "stated.yaml"  # the recorded configuration in its new place; the run writes config.yaml with all defaults
_NOT_EMPTY = "ignore:Experiment logs directory"  # of the CSVLogger, for it has the configuration in it
_LOGGER = "lightning.pytorch.loggers.CSVLogger"


def default_folder(run: RecordedRun) -> Path:
    """`runs/rerun-of-NAME`, numbered if there is one; of `RUN/seed0` and the like NAME has both parts."""
    place = run.path.parent if run.path.name == "record.json" else run.path.with_suffix("")
    parts = [part for part in place.resolve().parts[-2:] if part not in ("runs", "records", os.sep)]
    name = f"rerun-of-{'-'.join(parts)}"
    folders = (Path("runs", f"{name}-{n}" if n > 1 else name) for n in count(1))
    return next(folder for folder in folders if not folder.exists())


def caveats(run: RecordedRun) -> Iterator[str]:
    """Why a repetition may give other figures, as far as it is known beforehand."""
    config = run.config or {}
    if run.stage == "fit" and config.get("ckpt_path"):
        yield (
            f"it was resumed from {config['ckpt_path']}, where random numbers began anew; the repetition goes from the "
            "beginning in one piece"
        )
    if run.record.get("hardware") and not _on_cpu(run):
        yield f"it ran on {run.record['hardware']}; on another device the last bits differ"


def _on_cpu(run: RecordedRun) -> bool:
    return "CPU" in str(run.record.get("hardware"))


def repeat(run: RecordedRun, out: Path, seed: int | None, threads: int | None) -> RecordedRun:
    """Run it once more; what it prints comes through.

    Args:
        run: the recorded one.
        out: folder of the new run.
        seed: of everything, instead of the recorded one.
        threads: of each process; None: as recorded, or as torch likes it where that is not known.

    Raises:
        DataError: the record has no configuration or figures, or the run was not finished; its weights are not there;
            its data are of a command or a URL that nobody typed; the folder is not empty; the new run failed.
    """
    configuration = _configuration(run, out, seed)
    _check_places(configuration)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: stands there already; give another folder by --out")
    weights = None if run.stage == "fit" else _weights(run)
    if weights is not None:
        # A run writes beside its weights, and the recorded one keeps what it has.
        configuration["ckpt_path"] = str(out / "checkpoints" / weights.name)
        Path(configuration["ckpt_path"]).parent.mkdir(parents=True)
        shutil.copyfile(weights, configuration["ckpt_path"])
    out.mkdir(parents=True, exist_ok=True)
    with write_atomically(out / STATED) as file:
        file.write(yaml.safe_dump(configuration, sort_keys=False).encode())
    number = run.threads if threads is None else threads
    limits = {} if number is None else dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(number))
    sys.stdout.flush()
    code = launch([run.stage, "--config", str(out / STATED)], limits)
    written = out / ("" if run.stage == "fit" else run.stage) / "record.json"
    if code or not written.is_file():
        raise DataError(f"{out}: the repetition ended with exit code {code} and {_left(written)}; see above")
    return read_run(written)


def launch(words: list[str], environment: dict[str, str]) -> int:
    """Run `melisma` with some words in a process of its own; its exit code.

    Args:
        words: of the command line.
        environment: variables besides those of this process, which torch reads when it is imported.
    """
    command = [sys.executable, "-m", "experiments", *words]
    silenced = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), _NOT_EMPTY]))
    variables = {**os.environ, **environment, "PYTHONWARNINGS": silenced}
    return subprocess.run(command, env=variables, check=False).returncode


def _configuration(run: RecordedRun, out: Path, seed: int | None) -> dict[str, Any]:
    """What is run: the recorded configuration, in another folder and with as many processes as there were."""
    if run.config is None:
        typed = run.record.get("command") or []
        of_it = f"; it was `{' '.join(typed)}`" if typed else ""
        raise DataError(f"{run.path}: the record holds no configuration, so nothing can be repeated from it{of_it}")
    if not run.record.get("finished", True):
        raise DataError(f"{run.path}: the run was not finished; resume it, or repeat it from its config.yaml")
    if not run.figures:
        raise DataError(f"{run.path}: the record holds no figures by their logged names to compare with")
    stated = copy.deepcopy(run.config)
    _put_seeds(stated, run.record.get("seed"), seed)
    trainer = stated["trainer"] = stated.get("trainer") or {}
    # The folder of a run is that of its logger.
    trainer["logger"] = {
        "class_path": _LOGGER,
        "init_args": {"save_dir": str(out.parent), "name": "", "version": out.name},
    }
    trainer |= {"devices": run.record.get("processes", 1), "num_nodes": 1}
    if _on_cpu(run):
        trainer["accelerator"] = "cpu"
    for group in ("checkpoint", "resume"):
        if (stated.get(group) or {}).get("dirpath") is not None:
            stated[group]["dirpath"] = None
    stated["run_record"] = {**(stated.get("run_record") or {}), "repeats": str(run.path)}
    stated["ckpt_path"] = None  # a resumed fit is repeated from its beginning
    return stated


def _check_places(configuration: dict[str, Any]) -> None:
    """Refuse places of data that only the record names: whose it is, is not known."""
    for value in flattened(configuration.get("data")).values():
        for place in value if isinstance(value, list) else [value]:
            if is_remote(place):
                kind = consent.COMMANDS if place.startswith(PIPE) else consent.URLS
                consent.require(place, without_secrets(place), kind)


def _put_seeds(stated: dict[str, Any], recorded: int | None, seed: int | None) -> None:
    if seed is not None:
        stated["seed_everything"] = seed
        data = stated["data"] = stated.get("data") or {}
        data["init_args"] = {**(data.get("init_args") or {}), "seed": seed}
    elif stated.get("seed_everything") is True and recorded is not None:
        stated["seed_everything"] = recorded  # `true` draws one, which the record has


def _weights(run: RecordedRun) -> Path | None:
    """Those that were scored, also if the folder of the run was moved; None: it was validated untrained."""
    stated = run.record.get("checkpoint")
    if stated is None:
        return None
    places = [Path(stated), *([run.folder / "checkpoints" / Path(stated).name] if run.folder else [])]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(f"{stated}: the weights that {run.path} scored are not there")
    return found


def _left(written: Path) -> str:
    return f"left {written.name}" if written.is_file() else "left no record"
