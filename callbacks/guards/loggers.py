"""A logger that fails costs what it would have shown, and no training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from typing_extensions import override

from callbacks.guards.troubles import note

# What Lightning, its callbacks and ours call.
_METHODS = (
    "log_metrics", "log_hyperparams", "log_graph", "log_image", "log_table", "log_audio", "log_text", "save",
    "finalize", "after_save_checkpoint",
)  # fmt: skip
_silent: WeakSet[Logger] = WeakSet()  # those that failed, and those that wait for nothing more


class GuardedLoggers(Callback):
    """Lets no logger end a run: one that fails is named, and gets nothing more.

    Its process may have been killed, its disk be full, its server be gone; whatever it raises, the figures are in
    `curves.jsonl` and `record.json` as well, and a logger that is asked again and again may take seconds each time.
    What a logger needs to begin (a key, a network, a package) is not guarded: without it no run begins.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for logger in trainer.loggers:
            for name in _METHODS:
                if name not in vars(logger) and callable(method := getattr(logger, name, None)):
                    setattr(logger, name, _guarded(trainer, logger, method))


def _guarded(trainer: Trainer, logger: Logger, method: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> None:  # noqa: ANN401 - those of the method
        with logging_to(trainer, logger) as listens:
            if listens:
                method(*arguments, **named)

    return call


@contextmanager
def logging_to(trainer: Trainer, logger: Logger) -> Iterator[bool]:
    """Give a logger something within; what it raises is noted, and it is silent from then on.

    Yields:
        Whether it still listens; if not, leave it alone.
    """
    if logger in _silent:
        yield False
        return
    try:
        yield True
    except Exception as error:  # of libraries, each with classes of its own
        _silent.add(logger)
        first = (str(error).strip().splitlines() or [""])[0]
        why = f"{type(error).__name__}: {first}" if first else type(error).__name__
        note(trainer, type(logger).__name__, f"{why}; it gets nothing more, curves.jsonl and record.json have it all")
