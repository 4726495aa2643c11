"""A callback for tests: what happens to a training from outside, at a place that is stated."""

import os
import signal
import time

from lightning.pytorch import Callback


class Fault(Callback):
    """Signals this process once.

    Args:
        number: of the signal.
        at: batch of the run, from 0, in whose backward pass it comes; with `validation`, behind which it comes.
        rank: of the process that it comes to.
        validation: within the first batch of the next validation instead.
    """

    def __init__(self, number: int, at: int, rank: int = 0, validation: bool = False) -> None:
        self.number, self.at, self.rank, self.validation = number, at, rank, validation

    def _signal(self, trainer, validating):
        batch = trainer.fit_loop.epoch_loop.total_batch_idx
        if trainer.global_rank == self.rank and batch == self.at and validating == self.validation:
            os.kill(os.getpid(), signal.Signals(self.number))
            self.at = -1

    def on_after_backward(self, trainer, module):
        self._signal(trainer, False)

    def on_validation_batch_start(self, trainer, module, *_):
        if not trainer.sanity_checking:
            self._signal(trainer, True)


class Slow(Callback):
    """Takes a while for each step, unless its job was queued again, and writes a letter after it.

    Args:
        path: where to; the number of the process is put behind it.
        seconds: of a step.
    """

    def __init__(self, path: str, seconds: float = 0.3) -> None:
        self.path, self.seconds = path, seconds

    def on_train_batch_end(self, trainer, *_):
        if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
            time.sleep(self.seconds)
        with open(f"{self.path}.{trainer.global_rank}", "a") as file:
            file.write(".")
