"""A fit on clips, from a checkpoint: what is left of the epoch, in the same order or not at all."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from datamodules.classification import ClipData
from datamodules.errors import DataError
from tests.datamodules.clip_shards import CLASSES


class Recorder(LightningModule):
    """Remembers what it was trained on."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = torch.nn.Parameter(torch.zeros(())), []

    def training_step(self, batch, batch_idx):
        self.seen.append((batch.item.tolist(), batch.seed.tolist(), batch.label.tolist()))
        return self.weight * batch.audio.float().mean()

    def validation_step(self, batch, batch_idx):
        assert batch.evaluation.labels == tuple(CLASSES)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(data, folder, start=None, **options):
    module = Recorder()
    values = {"max_epochs": 3, "num_sanity_val_steps": 0, "enable_progress_bar": False, **options}
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
        default_root_dir=folder, **values,
    )  # fmt: skip
    trainer.fit(module, datamodule=data, ckpt_path=start)
    trainer.save_checkpoint(folder / "last.ckpt")
    return module.seen


@pytest.mark.filterwarnings("ignore")  # of Lightning, about loaders without workers
@pytest.mark.parametrize("stop", [7, 11, 13])
def test_a_fit_continues_with_the_batches_that_are_left(clip_shards, tmp_path, stop):
    def data():
        return ClipData(CLASSES, 0.2, train=[clip_shards], validation={"a": clip_shards}, batch_size=4, block=2)

    whole = fit(data(), tmp_path)
    assert len(whole) == 33 and whole[:11] != whole[11:22]
    first = fit(data(), tmp_path, max_steps=stop)
    assert first == whole[:stop]
    assert fit(data(), tmp_path, tmp_path / "last.ckpt") == whole[stop:]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("key", "value"), [("seconds", 0.1), ("batch_size", 5), ("batch_seconds", 2.0), ("buckets", 3), ("block", 4)]
)
def test_a_fit_continues_in_no_other_order(clip_shards, tmp_path, key, value):
    options = {"train": [clip_shards], "validation": {"a": clip_shards}, "batch_size": 4, "block": 2}
    fit(ClipData(CLASSES, **options), tmp_path, max_steps=3)
    with pytest.raises(DataError, match=rf"data\.{key}: {value}, but the checkpoint was trained with"):
        fit(ClipData(CLASSES, **{**options, key: value}), tmp_path, tmp_path / "last.ckpt")
