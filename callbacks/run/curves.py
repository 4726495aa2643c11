"""The curves of a fit as it goes on: loss, learning rate and validations, in one file, whatever the logger."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim import Optimizer
from typing_extensions import override

from callbacks.guards.troubles import dispensable
from callbacks.passes import in_trial
from callbacks.run.folder import run_folder
from datamodules.files import append

_SCORES = ("val/", "test/")  # with which the names of metrics begin that training does not log


class RunCurves(Callback):
    """Appends lines of JSON to `RUN/curves.jsonl` during fit, which `read_curves` reads at any moment.

    Each line has `step` and `epoch`, and

    | when | |
    |---|---|
    | the training begins or goes on | `event` (fit), `max_steps`, `max_epochs`, `batches` (of an epoch) |
    | every `trainer.log_every_n_steps` optimiser steps | `seconds`, `metrics` (logged in training, and `lr`) |
    | a validation ends | `seconds`, `metrics` (`val/...`) |
    | `ExcerptValidation` has looked | `seconds`, `metrics` (`excerpts/...`) |
    | the training has come to its end | `event` (end), `seconds` |
    | it was ended by an exception | `event` (exception), `seconds`, `type` |

    `step` counts optimiser steps, `seconds` the time since the fit began, with what it took before it was resumed.
    Metrics are those of the first process, as loggers get them. A number that is not finite is null, and so is a limit
    or a number of batches that there is not. `lr` is the learning rate that the step was made with; of several groups
    of parameters, `lr/<name>` or `lr/1`, `lr/2`, ... Every run has this callback; a trial run writes nothing.
    """

    def __init__(self) -> None:
        self._path: Path | None = None  # while training, which a sanity check precedes
        self._seconds_before, self._begun = 0.0, time.monotonic()
        self._beginning: dict[str, Any] = {}  # its line
        self._step = 0  # of the latest batch
        self._rates: dict[str, Any] = {}

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._seconds}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._seconds_before = state_dict["seconds"]

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._path, self._begun, self._rates = None, time.monotonic(), {}

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._begun

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if in_trial(trainer):
            return
        self._path, self._step = run_folder(trainer) / "curves.jsonl", trainer.global_step
        if trainer.is_global_zero:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _drop_unfinished(self._path)
        limits = {name: _limit(getattr(trainer, name)) for name in ("max_steps", "max_epochs")}
        beginning = {"event": "fit", **limits, "batches": _limit(trainer.num_training_batches)}
        self._beginning = {"step": trainer.global_step, "epoch": trainer.current_epoch, **beginning}
        self._write(trainer, **beginning)

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self._rates = learning_rates(trainer)  # now, because a schedule steps before the batch ends

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        # Of several batches with accumulated gradients the last one makes a step; several optimisers make several.
        every, before, self._step = int(trainer.log_every_n_steps), self._step, trainer.global_step  # type: ignore[attr-defined]
        if every and self._step // every > before // every:
            logged = {name: value for name, value in trainer.callback_metrics.items() if not name.startswith(_SCORES)}
            self.add(trainer, {**logged, **self._rates})

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            scores = trainer.callback_metrics
            self.add(trainer, {name: value for name, value in scores.items() if name.startswith("val/")})

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, event="end", seconds=self._rounded)
        self._path = None

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._write(trainer, event="exception", seconds=self._rounded, type=type(exception).__name__)
        self._path = None

    def add(self, trainer: Trainer, metrics: Mapping[str, Any]) -> None:
        """Add figures of the step that the training is at; tensors are brought to the host on the first process."""
        if metrics and trainer.is_global_zero and self._path is not None:
            numbers = {name: float(value) for name, value in metrics.items()}
            finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
            self._write(trainer, seconds=self._rounded, metrics=finite)

    @property
    def _rounded(self) -> float:
        return round(self._seconds, 3)

    def _write(self, trainer: Trainer, **more: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        if self._path is None or not trainer.is_global_zero:
            return
        line = {"step": trainer.global_step, "epoch": trainer.current_epoch, **more}
        with dispensable(trainer, "curves.jsonl", self._path):
            self._append(line)

    def _append(self, line: Mapping[str, Any]) -> None:
        assert self._path is not None
        if self._beginning != line and not self._path.exists():  # somebody has deleted it
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._append(self._beginning)
        with self._path.open("ab", buffering=0) as file:  # one write, so that a reader sees no part of the line
            append(file.fileno(), (json.dumps(line) + "\n").encode(), self._path)


def _limit(value: float | None) -> int | None:
    return None if value is None or value < 0 or math.isinf(value) else int(value)


def learning_rates(trainer: Trainer) -> dict[str, Any]:
    """Those of the optimisers now: `lr`, or of several groups of parameters `lr/<name>` or `lr/1`, `lr/2`, ..."""
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    if len(groups) == 1:
        return {"lr": groups[0]["lr"]}
    return {f"lr/{group.get('name', number)}": group["lr"] for number, group in enumerate(groups, start=1)}


def _drop_unfinished(path: Path) -> None:
    """Cut off the line that a killed run did not finish, because the next one would be joined to it."""
    try:
        whole = path.read_bytes().rfind(b"\n") + 1
    except FileNotFoundError:
        return
    os.truncate(path, whole)
