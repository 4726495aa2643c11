"""A metric that no validation will log, refused before the training."""

import lightning
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.cli import ReduceLROnPlateau
from torch.utils.data import DataLoader

from callbacks import BestCheckpoint


class Sets(lightning.LightningDataModule):
    """What `ShardedData` says of its sets."""

    def __init__(self, *names):
        super().__init__()
        self.evaluated = {"validation": dict.fromkeys(names, "data/mine")}

    def train_dataloader(self):
        return DataLoader(range(4))

    val_dataloader = train_dataloader


@pytest.fixture
def module(toy_tracker):
    class Counting(toy_tracker):
        """Logs nothing in the sanity check, as our modules do, but says what it would."""

        steps, patience = 0, None

        @property
        def score_names(self):
            return frozenset({"val/toy/accuracy", "val/toy/loss"})

        def training_step(self, batch, index):
            self.steps += 1
            return super().training_step(batch, index)

        def on_validation_epoch_end(self):
            if not self.trainer.sanity_checking:
                super().on_validation_epoch_end()

        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            if self.patience is None:
                return optimizer
            scheduler = ReduceLROnPlateau(optimizer, monitor=self.patience)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": self.patience}}

    return Counting()


@pytest.fixture
def refused(quiet, module):
    """Fits; the message, and that no step was made."""

    def fit(monitor, *more, data=None, **options):
        trainer = quiet(BestCheckpoint(monitor), *more, enable_checkpointing=True, **options)
        with pytest.raises(MisconfigurationException) as error:
            trainer.fit(module, datamodule=data or Sets("toy"))
        assert module.steps == 0
        return str(error.value)

    return fit


@pytest.mark.parametrize("sanity", [0, 2])
def test_a_set_that_there_is_not_is_refused_with_what_to_say(refused, sanity):
    told = refused("val/demo/accuracy", data=Sets("toy", "other"), num_sanity_val_steps=sanity)
    assert told == (
        "The best checkpoint monitors 'val/demo/accuracy', but data.validation has only the sets other, toy; "
        "say --checkpoint.monitor=val/other/accuracy"
    )


def test_a_metric_that_there_is_not_is_refused_after_the_sanity_check(refused):
    assert refused("val/toy/acuracy") == (
        "The best checkpoint monitors 'val/toy/acuracy', which a validation does not log; "
        "say --checkpoint.monitor=val/toy/accuracy; logged are: val/toy/accuracy, val/toy/loss"
    )


@pytest.mark.parametrize("sanity", [0, 2])
def test_what_stops_early_and_what_lowers_the_rate_are_asked_too(refused, module, sanity):
    right = "val/toy/accuracy"
    told = refused(right, EarlyStopping("val/demo/loss"), num_sanity_val_steps=sanity)
    assert told.startswith("trainer.callbacks: EarlyStopping monitors 'val/demo/loss', but data.validation has only")
    module.patience = "val/demo/loss"
    told = refused(right, num_sanity_val_steps=sanity)
    assert told.startswith("model.scheduler: ReduceLROnPlateau monitors 'val/demo/loss', but data.validation has only")


@pytest.mark.parametrize("sanity", [0, 2])
def test_what_is_logged_is_taken(quiet, module, sanity):
    module.patience = "val/toy/accuracy"
    stopping = EarlyStopping("train/loss", strict=False, check_on_train_epoch_end=False)  # nobody knows what is logged
    trainer = quiet(
        BestCheckpoint("val/toy/accuracy"), stopping, enable_checkpointing=True, num_sanity_val_steps=sanity
    )
    trainer.fit(module, datamodule=Sets("toy"))
    assert module.steps == 4 and torch.isfinite(module.weight).all()
