"""The record of a run: the command, seed, commit, data and machine behind its figures, in one file beside them."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from callbacks.guards.standing import write_standing
from callbacks.guards.troubles import troubles
from callbacks.run.command import typed_command
from callbacks.run.config import RunConfig
from callbacks.run.folder import run_folder
from callbacks.run.machine import machine
from callbacks.run.packages import package_versions
from callbacks.run.throughput import Throughput
from datamodules.documents import read_yaml

_PACKAGES = ("torch", "torchaudio", "lightning", "torchmetrics", "webdataset", "numpy", "librosa", "soundfile", "soxr")
_SOURCE = Path(__file__).parents[2]


class RunRecord(Callback):
    """Writes `RUN/record.json` at every validation of fit, and `RUN/<validate|test>/record.json`.

    It holds `command` (as typed, also that of `melisma demo`), `repeats` (path of the record that this run repeats;
    null: none), `seed`, `commit` of the code (`-dirty` behind it if files were changed; null outside a repository),
    `data_sets` (id of each prepared directory), `checkpoint` (the weights that were scored; null in fit), `metrics` (by
    their logged names), `validations` of the fit (step, epoch, metrics), `best` (the monitored metric, its best value,
    its step and epoch), `finished` (whether the fit came to its end), `throughput` (figures of `Throughput` since the
    fit began or was resumed; null where it was too short, absent in records of earlier versions), `parameters`,
    `processes`, `hours`, `hardware`, `threads`, `cpu_capability` and `processor` (see `machine`), `packages`,
    `troubles` (what the fit went on without, see `callbacks/guards`; absent where there is nothing), and `config` (the
    resolved configuration of the fit, validation or test; null where it was not started by the command line). A
    resumed run goes on with the record of the one that it continues.

    Args:
        repeats: path of the record that this run repeats; `melisma rerun` says it.
    """

    def __init__(self, repeats: str | None = None) -> None:
        self._repeats = repeats
        self._validations: list[dict[str, Any]] = []
        self._seconds_before = 0.0
        self._begun = time.monotonic()
        self._commit: str | None = None
        self._finished = False
        self._parameters = 0

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"validations": self._validations, "seconds": self._seconds}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._validations, self._seconds_before = list(state_dict["validations"]), state_dict["seconds"]

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # The commit is noted now, before anybody changes the code.
        self._begun, self._commit, self._finished = time.monotonic(), commit_of_code(), False
        # Counted now as well, before a strategy shares them among the processes.
        self._parameters = sum(parameter.numel() for parameter in pl_module.parameters())

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._begun

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.state.fn != TrainerFn.FITTING:
            self._write(trainer, pl_module, "validate")
            return
        place = {"step": trainer.global_step, "epoch": trainer.current_epoch}
        self._validations = [each for each in self._validations if each["step"] < trainer.global_step]
        self._validations.append({**place, "metrics": _metrics(trainer, "val/")})
        self._write(trainer, pl_module, "")

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self._write(trainer, pl_module, "test")

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self._finished = True
            self._write(trainer, pl_module, "")

    def _write(self, trainer: Trainer, module: LightningModule, folder: str) -> None:
        place = run_folder(trainer) / folder  # all processes have to ask
        if not trainer.is_global_zero:
            return
        fitting = not folder
        record = {
            "command": typed_command(),
            "repeats": self._repeats,
            "seed": int(os.environ["PL_GLOBAL_SEED"]) if "PL_GLOBAL_SEED" in os.environ else None,
            "commit": self._commit,
            "data_sets": getattr(trainer.datamodule, "data_sets", {}),  # type: ignore[attr-defined]
            "checkpoint": None if fitting or trainer.ckpt_path is None else str(trainer.ckpt_path),
            "metrics": _metrics(trainer, "val/" if folder != "test" else "test/"),
            **(self._of_fit(trainer) if fitting else {}),
            "parameters": self._parameters,
            "processes": trainer.world_size,
            "hours": round(self._seconds / 3600, 4),
            **machine(trainer),
            "packages": {"python": platform.python_version(), **package_versions(_PACKAGES)},
            **_troubles(trainer),
            "config": _config_of_fit(run_folder(trainer)) if fitting else _config(trainer),
        }
        content = (json.dumps(record, indent=2) + "\n").encode()
        write_standing(place / "record.json", lambda file: file.write(content))

    def _of_fit(self, trainer: Trainer) -> dict[str, Any]:
        validations = self._validations
        best, measured = (
            _best(trainer, validations),
            [each for each in _callbacks(trainer) if isinstance(each, Throughput)],
        )
        throughput = measured[0].summary(trainer) if measured else None
        return {"validations": validations, "best": best, "finished": self._finished, "throughput": throughput}


def _troubles(trainer: Trainer) -> dict[str, list[str]]:
    found = troubles(trainer)
    return {"troubles": found} if found else {}


def _callbacks(trainer: Trainer) -> list[Callback]:
    return trainer.callbacks  # type: ignore[attr-defined,no-any-return]


def _config(trainer: Trainer) -> dict[str, Any] | None:
    """What the command line resolved; a validation may be of other sets than the fit."""
    stated = [each.stated() for each in _callbacks(trainer) if isinstance(each, RunConfig)]
    return stated[0] if stated else None


def _config_of_fit(run: Path) -> dict[str, Any] | None:
    """The latest: a run that was resumed under another one has several."""
    files = sorted(run.glob("config*.yaml"), key=lambda path: (len(path.name), path.name))
    if not files:
        return None
    stated: dict[str, Any] = read_yaml(files[-1])
    return stated


def _metrics(trainer: Trainer, beginning: str) -> dict[str, float]:
    return {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith(beginning)}


def _best(trainer: Trainer, validations: list[dict[str, Any]]) -> dict[str, Any] | None:
    monitors = [each for each in trainer.checkpoint_callbacks if isinstance(each, ModelCheckpoint) and each.monitor]
    if not monitors:
        return None
    metric, best = str(monitors[0].monitor), {"min": min, "max": max}[monitors[0].mode]
    scored = [each for each in validations if metric in each["metrics"]]
    if not scored:
        return None
    chosen = best(scored, key=lambda each: each["metrics"][metric])
    return {"metric": metric, "value": chosen["metrics"][metric], "step": chosen["step"], "epoch": chosen["epoch"]}


def commit_of_code() -> str | None:
    """Of the repository that this file is in."""
    command = ["git", "-C", str(_SOURCE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
