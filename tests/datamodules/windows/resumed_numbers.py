"""Numbers instead of audio for a real Trainer, a journal of what happened in a fit, and checkpoints at any moment."""

from types import SimpleNamespace

import torch
from lightning.pytorch import Callback, LightningModule
from torch.utils.data import DataLoader

from datamodules.base import ShardedData
from datamodules.loading import ResumableLoader


class Numbers(ShardedData):
    """The sequence of epoch e is 1000 e, 1000 e + 1, ...; a batch is a tensor of them."""

    def __init__(self, batch_size=5, total=50, identity="numbers", seed=0, **plan):
        super().__init__(batch_size=batch_size, seed=seed)
        self.total, self._plan = total, plan
        self._training_index = SimpleNamespace(identity=identity, directory="numbers")

    items_per_epoch = property(lambda self: self.total)
    plan = property(lambda self: self._plan)

    def train_dataloader(self):
        self.report_training()
        return Sequence(self)

    def evaluation_indexes(self, stage):
        return {"zeros": None}

    def evaluation_loader(self, name, index):
        return DataLoader([0.0] * 3)


class Sequence(ResumableLoader):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return self.data.total // self.data.batch_size

    def __iter__(self):
        epoch, start = self.data.begin_epoch()
        for low in range(start, self.data.total - self.data.batch_size + 1, self.data.batch_size):
            yield 1000.0 * epoch + torch.arange(low, low + self.data.batch_size)


class Toy(LightningModule):
    def __init__(self, cycle):
        super().__init__()
        self.weight, self.cycle = torch.nn.Parameter(torch.zeros(1)), cycle

    def training_step(self, batch, batch_idx):
        return (self.weight * batch.mean() - 1).square()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        if not self.cycle:
            return optimizer
        steps = self.trainer.estimated_stepping_batches  # builds the loader, before any progress is restored
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Stopped(Exception):
    pass


class Journal(Callback):
    """What happened, in order; at the chosen moment a checkpoint is written and the fit ends."""

    def __init__(self, path, moment, batch):
        self.path, self.moment, self.batch, self.entries = path, moment, batch, []

    def reach(self, moment, trainer):
        if moment == self.moment and trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            if not moment.startswith("in a"):  # such are saved by on_exception, as ResumeCheckpoint does
                trainer.save_checkpoint(self.path)
            raise Stopped

    def on_before_backward(self, trainer, module, loss):
        self.reach("in a step", trainer)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        loop = trainer.fit_loop.epoch_loop
        last, logged = loop.batch_progress.is_last_batch, loop._batches_that_stepped
        weight = module.weight.item()
        self.entries.append(("step", loop.total_batch_idx, batch_idx, last, logged, batch.tolist(), weight))
        self.reach("end of a step", trainer)

    def on_validation_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if batch_idx == 1:
            self.reach("in a validation", trainer)

    def on_validation_end(self, trainer, module):
        self.entries.append(("validation", trainer.fit_loop.epoch_loop.total_batch_idx, trainer.current_epoch))
        self.reach("end of a validation", trainer)

    def on_train_epoch_end(self, trainer, module):
        self.entries.append(("epoch", trainer.current_epoch))
        self.reach("end of an epoch", trainer)

    def on_exception(self, trainer, module, exception):
        if self.moment is not None and self.moment.startswith("in a"):
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer, module):
        if self.moment == "end of fit":
            trainer.save_checkpoint(self.path)


def place(path):
    """What a checkpoint knows of its place in the sequence."""
    return torch.load(path, weights_only=True)["Numbers"]


def numbers_of(entries, epoch):
    """All numbers of an epoch in the order in which they were trained on."""
    numbers = [int(number) for entry in entries if entry[0] == "step" for number in entry[5]]
    return [number - 1000 * epoch for number in numbers if number // 1000 == epoch]
