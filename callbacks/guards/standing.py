"""Whether a run folder takes files, asked before the training and not after its first hour."""

from __future__ import annotations

from pathlib import Path

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


def _fault(folder: Path) -> str | None:
    probe = folder / "probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(probe) as file:
            file.write(b"melisma")
        probe.unlink(missing_ok=True)
    except (DataError, OSError) as error:
        return machine_fault(error, folder) or str(error)
    return None
