"""Whether a run folder takes files, asked before the training and not after its first hour, and if it is deleted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lightning.pytorch import Trainer

from callbacks.run.folder import CHECKPOINTS, run_folder
from datamodules.errors import DataError, machine_fault
from datamodules.files import write_atomically


def check_takes_files(trainer: Trainer) -> None:
    """Write a file where checkpoints will stand, and remove it; called on all processes at once.

    Raises:
        DataError: it cannot be written; on all processes.
    """
    folder = run_folder(trainer) / CHECKPOINTS
    fault = _fault(folder) if trainer.is_global_zero else None
    if (told := trainer.strategy.broadcast(fault)) is not None:
        raise DataError(f"nothing of this run could be saved: {told}")


def write_standing(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole, and once more if its folder is deleted at that moment.

    Args:
        path: of the file; folders are made.
        write: puts the content into an open file.

    Raises:
        DataError: the disk is full and the like, or the folder is deleted again.
    """
    for _ in range(2):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            with write_atomically(path) as file:
                write(file)
            return
    raise DataError(f"{path}: somebody deletes its folder while it is written; let the run have it")


def _fault(folder: Path) -> str | None:
    probe = folder / "probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(probe) as file:
            file.write(b"melisma")
        probe.unlink(missing_ok=True)
    except DataError as error:
        return str(error).replace(str(probe), str(folder))
    except OSError as error:
        return machine_fault(error, folder) or str(error)
    return None
