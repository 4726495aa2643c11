"""Metrics that are monitored: whether a validation of this run will log them, asked before the training."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from typing_extensions import override

from lightning_modules.outputs import NamesScores

_STAGE = "val/"


class _Monitor(NamedTuple):
    """A metric that something waits for; its text says what and, where it can be changed in a word, by which key."""

    who: str
    metric: str
    key: str | None

    def change(self, metric: str) -> str:
        """What to say instead."""
        return f"say --{self.key}={metric}" if self.key else f"there is {metric}"

    @override
    def __str__(self) -> str:
        return f"{self.who} monitors {self.metric!r}"


def refuse_other_sets(trainer: Trainer) -> None:
    """Refuse a monitor of `val/NAME/...` if no validation set has that name.

    Raises:
        MisconfigurationException: there is one; the message names the sets.
    """
    sets: Collection[str] = getattr(trainer.datamodule, "evaluated", {}).get("validation", ())  # type: ignore[attr-defined]
    if not sets:
        return
    for monitor in _monitors(trainer):
        if not any(monitor.metric.startswith(f"{_STAGE}{name}/") for name in sets):
            metric = monitor.metric.rpartition("/")[2]
            raise MisconfigurationException(
                f"{monitor}, but data.validation has only the sets {', '.join(sorted(sets))}; "
                f"{monitor.change(f'{_STAGE}{min(sets)}/{metric}')}"
            )


def refuse_unlogged(trainer: Trainer, module: LightningModule) -> None:
    """Refuse a monitor of a metric that the sanity check has shown not to be logged.

    Raises:
        MisconfigurationException: there is one; the message names the metrics.
    """
    names = {name for name in trainer.callback_metrics if name.startswith(_STAGE)}
    if isinstance(module, NamesScores):
        names |= module.score_names
    if not names:  # nobody knows
        return
    for monitor in _monitors(trainer):
        if monitor.metric not in names:
            shown = sorted(name for name in names if "/undefined/" not in name)  # how many tracks have no value
            near = difflib.get_close_matches(monitor.metric, shown, n=1)
            hint = f"{monitor.change(near[0])}; " if near else ""
            raise MisconfigurationException(
                f"{monitor}, which a validation does not log; {hint}logged are: {', '.join(shown)}"
            )


def _monitors(trainer: Trainer) -> Iterator[_Monitor]:
    """Those of metrics of validations."""
    for monitor in _all_monitors(trainer):
        if monitor.metric.startswith(_STAGE):
            yield monitor


def _all_monitors(trainer: Trainer) -> Iterator[_Monitor]:
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ModelCheckpoint) and callback.monitor is not None:
            ours = type(callback).__name__ == "BestCheckpoint"
            who = "The best checkpoint" if ours else f"trainer.callbacks: {type(callback).__name__}"
            yield _Monitor(who, callback.monitor, "checkpoint.monitor" if ours else None)
        elif isinstance(callback, EarlyStopping) and callback.strict:
            yield _Monitor(f"trainer.callbacks: {type(callback).__name__}", callback.monitor, None)
    for configuration in trainer.lr_scheduler_configs:
        if configuration.monitor is not None and configuration.strict:
            yield _Monitor(f"model.scheduler: {type(configuration.scheduler).__name__}", configuration.monitor, None)
