"""Loggers of a configuration, before they are made: Weights & Biases by `WANDB_MODE`, and packages that are missing."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence

from jsonargparse import Namespace

from datamodules.errors import DataError, shown

_OFFLINE = {"online": False, "run": False, "offline": True, "dryrun": True, "disabled": False}
_LEFT_TO_WANDB = ("shared",)
# By class, the packages of which it needs one, and the extra of melisma that brings it.
EXTRAS = {"TensorBoardLogger": (("tensorboard", "tensorboardX"), "tensorboard")}


def loggers_of(trainer: Namespace) -> Iterator[Namespace]:
    """The loggers that a configuration of the trainer names by their class."""
    stated = trainer.logger
    for logger in stated if isinstance(stated, list) else [stated]:
        if isinstance(logger, Namespace):
            yield logger


def refuse_missing_packages(trainer: Namespace) -> None:
    """Refuse a logger whose package is not installed.

    Args:
        trainer: of the configuration.

    Raises:
        DataError: there is one; the message says how to install it.
    """
    for logger in loggers_of(trainer):
        packages, extra = EXTRAS.get(logger.class_path.rpartition(".")[2], ((), ""))
        if packages and not any(map(_installed, packages)):
            raise DataError(
                f"trainer.logger: {logger.class_path} needs the package {packages[0]}, which is not installed; "
                f"pip install 'melisma[{extra}]', or take another logger (--trainer.logger=false: none)"
            )


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def obey_wandb_mode(trainer: Namespace, words: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Let `WANDB_MODE` say whether runs of Weights & Biases are offline, unless the command line says it.

    Args:
        trainer: of the configuration; changed in place.
        words: of the command line.
        environment: variables of this process.

    Raises:
        DataError: there is no such mode.
    """
    mode = environment.get("WANDB_MODE")
    if not mode or mode in _LEFT_TO_WANDB or any(_says_offline(word) for word in words):
        return
    if mode not in _OFFLINE:
        raise DataError(f"WANDB_MODE: {shown(mode)} is none of online, offline, disabled; change it in the environment")
    for logger in loggers_of(trainer):
        if logger.class_path.rpartition(".")[2] == "WandbLogger":
            # What is disabled begins as if online: wandb itself reads the variable.
            logger.init_args.offline = _OFFLINE[mode]


def _says_offline(word: str) -> bool:
    return word.startswith("--trainer.logger") and "offline" in word
