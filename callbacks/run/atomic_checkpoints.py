"""Checkpoints that a killed process cannot leave half written."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Trainer

from callbacks.atomic_files import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the checkpoint and renames.

    Lightning writes to the system's temporary folder and moves from there, which is a copy, not a rename, where that
    folder is another file system, and it first holds the whole file in memory.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Save to a local path by rename, and to a URL as Lightning does."""
        if "://" in str(path) or storage_options is not None:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)


def save_atomically(trainer: Trainer) -> None:
    """Make the trainer's strategy save by rename, unless the user chose another way of saving."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()
