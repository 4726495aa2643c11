"""Excerpts that are looked at between validations: when, what is logged, and that training does not notice."""

import lightning
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger

from architectures import CREPE
from callbacks import ExcerptValidation, Pianorolls, RunFolder
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from lightning_modules import LocalAverage, MelodyTracker, PitchGrid, SalienceBCE

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=2)


class Counted(Pianorolls):
    """Pianorolls that note the step of every pass, and of the items that they draw."""

    def __init__(self):
        super().__init__(tracks=1)
        self.passes = []

    def begin(self, trainer):
        super().begin(trainer)
        self.passes.append((trainer.global_step, []))

    def collect(self, trainer, item):
        super().collect(trainer, item)
        self.passes[-1][1].append((item["dataset"], item["track"]))


@pytest.fixture
def fit(melody_shards, tmp_path):
    """Fit six steps with these callbacks and excerpts: the module and the trainer."""

    def run(*callbacks, **options):
        torch.manual_seed(0)
        module = MelodyTracker(CREPE(GRID.bins, 256, 1), GRID, SalienceBCE(), LocalAverage())
        sets = {"mine": str(melody_shards)}
        data = MelodyData(256, 1, [str(melody_shards)], sets, excerpts={"few": str(melody_shards)}, batch_size=4)
        trainer = lightning.Trainer(
            **{
                "accelerator": "cpu", "max_steps": 6, "val_check_interval": 6, "check_val_every_n_epoch": None,
                "limit_val_batches": 1, "num_sanity_val_steps": 0, "enable_progress_bar": False,
                "enable_model_summary": False, "enable_checkpointing": False, "callbacks": [RunFolder(), *callbacks],
                "logger": CSVLogger(tmp_path), "default_root_dir": tmp_path,
            } | options,
        )  # fmt: skip
        trainer.fit(module, data)
        return module, trainer

    return run


def test_excerpts_are_scored_and_drawn_at_an_interval_of_their_own(fit, tmp_path):
    pictures = Counted()
    _, trainer = fit(ExcerptValidation(2, [pictures]))
    assert [step for step, _ in pictures.passes] == [2, 4, 6]
    assert all(len(items) == 3 and {name for name, _ in items} == {"few"} for _, items in pictures.passes)
    (table,) = tmp_path.rglob("metrics.csv")
    trainer.logger.save()
    header, *rows = table.read_text().splitlines()
    column = header.split(",").index("excerpts/few/raw_pitch_accuracy")
    step = header.split(",").index("step")
    scores = {int(row.split(",")[step]): float(row.split(",")[column]) for row in rows if row.split(",")[column]}
    assert list(scores) == [2, 4, 6] and all(0 <= score <= 1 for score in scores.values())
    assert list(tmp_path.rglob("validation/few/pictures/*.png"))


@pytest.mark.slow
def test_training_and_full_validation_do_not_notice(fit):
    without, plain = fit()
    looked, trainer = fit(ExcerptValidation(1, [Counted()]))
    for name, weight in without.state_dict().items():
        theirs = looked.state_dict()[name]
        assert torch.equal(theirs, weight) if isinstance(weight, torch.Tensor) else theirs == weight, name
    assert set(looked.thresholds.tuned) == {"mine"}
    assert plain.callback_metrics.keys() == trainer.callback_metrics.keys()
    for key, value in plain.callback_metrics.items():  # some are undefined in the one batch
        torch.testing.assert_close(trainer.callback_metrics[key], value, rtol=0, atol=0, equal_nan=True)


def test_parts_that_were_in_evaluation_mode_stay_so(fit):
    frozen = []

    class Freeze(lightning.Callback):
        def on_train_batch_start(self, trainer, module, *_):
            module.network.get_submodule("").eval() if trainer.global_step == 0 else None
            frozen.append(module.network.training)

    fit(Freeze(), ExcerptValidation(2))
    assert not any(frozen[1:])


def test_gradients_of_several_batches_are_one_step_and_one_look(fit):
    pictures = Counted()
    fit(ExcerptValidation(2, [pictures]), accumulate_grad_batches=2, max_steps=4)
    assert [step for step, _ in pictures.passes] == [2, 4]


def test_a_trial_run_has_no_looks(fit):
    pictures = Counted()
    fit(ExcerptValidation(1, [pictures]), fast_dev_run=True)
    assert not pictures.passes


def test_what_cannot_be_looked_at_is_refused(melody_shards, tmp_path):
    with pytest.raises(ValueError, match="every_n_train_steps: 0"):
        ExcerptValidation(0)
    with pytest.raises(ValueError, match="such as Pianorolls"):
        ExcerptValidation(1, [RunFolder()])
    sets = {"mine": str(melody_shards)}
    with pytest.raises(DataError, match=r"data\.excerpts: mine is the name"):
        MelodyData(256, 1, validation=sets, excerpts=sets)
    with pytest.raises(DataError, match=r"data\.excerpts: no set is given"):
        MelodyData(256, 1, validation=sets).excerpt_loaders()

    class Other(lightning.LightningModule):
        pass

    with pytest.raises(MisconfigurationException, match="which Other does not score"):
        ExcerptValidation(1).on_fit_start(None, Other())
