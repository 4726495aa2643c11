"""A callback for tests that stop a fit and compare it with one that was not stopped."""

import json
import os
import signal
from pathlib import Path

from lightning.pytorch import Callback


class StepLog(Callback):
    """Logs the steps and validations of this process, one JSON line each.

    Args:
        path: of the log; the number of the process is put behind it.
        kill_at: batch of the run, from 0, behind which the process is killed as by `kill -9`.
    """

    def __init__(self, path: str, kill_at: int = -1) -> None:
        self.path, self.kill_at = path, kill_at

    def write(self, trainer, **entry):
        entry["batch"] = trainer.fit_loop.epoch_loop.total_batch_idx
        with Path(f"{self.path}.{trainer.global_rank}").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        windows = list(zip(batch.track.tolist(), batch.frame.tolist(), strict=True))
        last = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        self.write(trainer, loss=float(outputs["loss"]).hex(), place=batch_idx, last=last, windows=windows)
        if trainer.fit_loop.epoch_loop.total_batch_idx == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            self.write(trainer, validation=trainer.current_epoch)


def read(path, rank=0):
    """The entries of one process in order."""
    return [json.loads(line) for line in Path(f"{path}.{rank}").read_text().splitlines()]
