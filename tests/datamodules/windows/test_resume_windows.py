"""Windows of real shards, on any number of processes and workers: together the steps are slices of one sequence."""

import copy
from types import SimpleNamespace

import pytest
from lightning.pytorch import Trainer

from datamodules import MelodyData


class Process:
    """What one of several processes holds of a fit: its data module, and Lightning's progress."""

    def __init__(self, shards, rank, ranks, batch_size, workers, checkpoint=None):
        trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
        self.progress, self.fit_loop = trainer.fit_loop.epoch_loop.batch_progress, trainer.fit_loop
        self.data = MelodyData(window=256, train=[str(shards)], batch_size=batch_size, workers=workers)
        self.data.trainer = SimpleNamespace(
            global_rank=rank, world_size=ranks, fit_loop=trainer.fit_loop, accumulate_grad_batches=1,
            limit_train_batches=1.0,
        )  # fmt: skip
        if checkpoint is None:
            trainer.fit_loop.epoch_progress.increment_ready()
            trainer.fit_loop.epoch_progress.increment_started()
        else:
            state, loops = copy.deepcopy(checkpoint)
            self.data.load_state_dict(state)
            self.data.continue_from(self.data.trainer, loops)
            trainer.fit_loop.load_state_dict(loops)
        self.loader = self.data.train_dataloader()

    def train(self, steps=None):
        """Windows of each batch, for so many steps or to the end of the epoch."""
        left = len(self.loader) - self.progress.current.ready
        seen = []
        for number, batch in enumerate(self.loader, 1):
            seen.append(set(zip(batch.track.tolist(), batch.frame.tolist(), strict=True)))
            for event in ("ready", "started", "processed", "completed"):
                getattr(self.progress, f"increment_{event}")()
            if number == steps:
                break
        assert len(seen) == (steps or left)
        return seen

    def checkpoint(self):
        return self.data.state_dict(), self.fit_loop.state_dict()


def processes(shards, ranks, *options):
    return [Process(shards, rank, ranks, *options) for rank in range(ranks)]


def together(group, steps=None):
    """Windows of each step, of which no two processes have any in common."""
    merged = []
    for parts in zip(*(process.train(steps) for process in group), strict=True):
        merged.append(set().union(*parts))
        assert len(merged[-1]) == sum(map(len, parts)) == group[0].data.step_size
    return merged


def cut(windows, first, size):
    return [set(windows[low : low + size]) for low in range(first, len(windows) - size + 1, size)]


def sequence(shards, epoch):
    loader = MelodyData(window=256, train=[str(shards)], batch_size=1200).train_dataloader()
    for _ in range(epoch + 1):
        (batch,) = loader
    return list(zip(batch.track.tolist(), batch.frame.tolist(), strict=True))


@pytest.mark.parametrize(
    "legs",
    [
        [(2, 30, 0), (1, 45, 0)],
        [(1, 50, 0), (3, 16, 2)],
        [(1, 70, 2), (2, 9, 0), (1, 64, 2)],
    ],
)
def test_what_is_left_is_dealt_anew(melody_shards, legs):
    windows, following = sequence(melody_shards, 0), sequence(melody_shards, 1)
    checkpoint, items = None, 0
    for ranks, batch_size, workers in legs[:-1]:
        group = processes(melody_shards, ranks, batch_size, workers, checkpoint)
        size = ranks * batch_size
        assert together(group, steps=4) == cut(windows, items, size)[:4]
        items += 4 * size
        checkpoint, *others = [process.checkpoint() for process in group]
        assert checkpoint[0]["items"] == items
        assert all(other == checkpoint for other in others)
    ranks, batch_size, workers = legs[-1]
    group = processes(melody_shards, ranks, batch_size, workers, checkpoint)
    rest = together(group)
    assert rest == cut(windows, items, ranks * batch_size)
    assert 0 <= len(windows) - items - sum(map(len, rest)) < ranks * batch_size
    for process in group:
        process.progress.reset_on_run()
    assert together(group) == cut(following, 0, ranks * batch_size)
