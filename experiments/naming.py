"""Runs that have a name: where they lie, and how the same command goes on with one that was interrupted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch import Trainer

from callbacks.run.folder import named_folder
from datamodules.errors import DataError
from datamodules.files import file_name
from experiments.loggers.modes import loggers_of

_REFUSED_BY_WANDB = re.compile(r"[/\\#?%:]")


def name_run(fit: Namespace) -> None:
    """Give the loggers of a fit the name of its run, `resume.run`; runs of an agent of a sweep are named by wandb.

    Args:
        fit: its configuration; changed in place.

    Raises:
        DataError: the name cannot be a folder's or an id of Weights & Biases, a logger has another one, or one that
            decides the folder takes none.
    """
    environment = os.environ
    if fit.resume.run is None and "WANDB_SWEEP_ID" in environment:
        fit.resume.run = environment.get("WANDB_RUN_ID")
    name = fit.resume.run
    if name is None:
        return
    if file_name(name) != name or _REFUSED_BY_WANDB.search(name):
        raise DataError(f"resume.run: {name!r} cannot name a folder and a run of Weights & Biases; use letters and -")
    for number, logger in enumerate(_loggers(fit)):
        arguments = logger.init_args
        if "version" not in arguments:
            if number == 0:
                raise DataError(
                    f"resume.run: {logger.class_path} decides the run's folder and takes no version; put another "
                    "logger before it, or leave resume.run out"
                )
            continue
        if arguments.version not in (None, name):
            raise DataError(f"resume.run: {name!r}, but the logger's version is {arguments.version!r}; leave one out")
        arguments.version = name


def _loggers(fit: Namespace) -> Iterator[Namespace]:
    if fit.trainer.logger is True:
        raise DataError("resume.run: trainer.logger: true numbers its runs; name the class of a logger, or false")
    return loggers_of(fit.trainer)


def interrupted(trainer: Trainer) -> Path | None:
    """`last.ckpt` of the trainer's run, if it has a name and was begun before."""
    folder = named_folder(trainer)
    last = None if folder is None else folder / "checkpoints" / "last.ckpt"
    return last if last is not None and last.is_file() else None
