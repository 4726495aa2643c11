"""What a fit goes on without: said once, and kept in the record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn

from datamodules.errors import DataError, machine_fault

_troubles: WeakKeyDictionary[Trainer, dict[str, str]] = WeakKeyDictionary()


@contextmanager
def dispensable(trainer: Trainer, what: str, path: Path | None = None) -> Iterator[None]:
    """Write something that a training can do without: in a fit, a full disk and the like is noted and no error.

    Only the first of each `what` is said; a later attempt may succeed, so that a disk that was full for a while costs
    what was to be written meanwhile.

    Args:
        trainer: of the run.
        what: is written, for the message.
        path: its file, if an error of the system may not name it.

    Raises:
        DataError: outside of a fit, where it is what was asked for.
    """
    try:
        yield
    except (DataError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            fault: str | None = f"{error.filename}: its folder was deleted while it was written"
        else:
            fault = machine_fault(error, path or Path(what))
        if fault is None:
            raise
        told = error if isinstance(error, DataError) else DataError(fault)  # the former names the file
        if trainer.state.fn != TrainerFn.FITTING:
            raise told from error
        note(trainer, what, str(told))


def note(trainer: Trainer, what: str, why: str) -> None:
    """Say, the first time that it is about this, what the training goes on without."""
    noted = _troubles.setdefault(trainer, {})
    if what not in noted:
        noted[what] = f"{what}: step {trainer.global_step}: {why}"
        print(f"melisma: {what}: {why} (the training goes on)", file=sys.stderr, flush=True)


def troubles(trainer: Trainer) -> list[str]:
    """What this process went on without, each with the first step and the reason."""
    return list(_troubles.get(trainer, {}).values())
