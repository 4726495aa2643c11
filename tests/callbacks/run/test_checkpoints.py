import os
import shutil
import signal
import socket
import subprocess

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks import BestCheckpoint, ResumeCheckpoint, run_folder
from datamodules.errors import DataError


def checkpoint(trainer, name):
    return run_folder(trainer) / "checkpoints" / f"{name}.ckpt"


def step_of(path):
    return torch.load(path)["global_step"]


def names(trainer):
    return sorted(path.name for path in (run_folder(trainer) / "checkpoints").iterdir())


def test_best_stays_one_file_and_the_best(made_trainer, toy_tracker):
    trainer = made_trainer(max_epochs=4, num_sanity_val_steps=0)
    trainer.fit(toy_tracker(scores=[0.2, 0.6, 0.9, 0.4]))
    assert names(trainer) == ["best.ckpt", "last.ckpt"]
    assert step_of(checkpoint(trainer, "best")) == 12
    assert step_of(checkpoint(trainer, "last")) == 16
    assert trainer.checkpoint_callback.best_model_path == str(checkpoint(trainer, "best"))


def test_the_best_of_another_set_does_not_keep_the_monitored_one_from_being_saved(made_trainer, toy_tracker):
    class TwoSets(toy_tracker):
        def on_validation_epoch_end(self):
            super().on_validation_epoch_end()
            self.log("val/other/accuracy", 0.99 if self.current_epoch == 0 else 0.1)

    trainer = made_trainer(max_epochs=3, num_sanity_val_steps=0)
    trainer.fit(TwoSets(scores=[0.2, 0.6, 0.4]))
    assert step_of(checkpoint(trainer, "best")) == 8


def test_the_end_of_fit_is_saved_between_two_regular_saves(made_trainer, toy_tracker):
    trainer = made_trainer(every=1000, max_steps=3, max_epochs=-1)
    trainer.fit(toy_tracker())
    assert step_of(checkpoint(trainer, "last")) == 3


@pytest.mark.parametrize("every", [1000, 2])
def test_an_exception_leaves_a_checkpoint_to_resume_from(made_trainer, toy_tracker, every):
    trainer = made_trainer(every=every, max_epochs=2)
    with pytest.raises(ArithmeticError):
        trainer.fit(toy_tracker(fail_at_step=3))
    last = checkpoint(trainer, "last")
    assert step_of(last) == 3
    assert names(trainer) == ["last.ckpt"]
    resumed = made_trainer(max_epochs=2)
    resumed.fit(toy_tracker(), ckpt_path=last)
    assert resumed.global_step == 8
    assert run_folder(resumed) == run_folder(trainer)


def test_what_a_batch_that_failed_did_to_buffers_is_not_saved(made_trainer, toy_tracker):
    class Counting(toy_tracker):
        """Counts its batches in a buffer, as batch normalisation does."""

        def __init__(self, **options):
            super().__init__(**options)
            self.register_buffer("batches", torch.zeros(1))

        def training_step(self, batch, index):
            self.batches += 1
            return super().training_step(batch, index)

    trainer = made_trainer(every=100, max_epochs=2)
    with pytest.raises(ArithmeticError):
        trainer.fit(Counting(fail_at_step=3))
    saved = torch.load(checkpoint(trainer, "last"))
    assert saved["global_step"] == 3 and saved["state_dict"]["batches"] == 3


def test_sigterm_leaves_a_checkpoint(made_trainer, toy_tracker):
    class Killed(Callback):
        def on_train_batch_start(self, trainer, *_):
            if trainer.global_step == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    trainer = made_trainer(Killed(), every=1000)
    with pytest.raises(SIGTERMException):
        trainer.fit(toy_tracker())
    assert step_of(checkpoint(trainer, "last")) == 2


def test_a_failure_before_the_first_step_does_not_replace_a_good_checkpoint(made_trainer, toy_tracker):
    class OtherOptimizer(toy_tracker):
        def configure_optimizers(self):
            groups = [{"params": [self.weight]}, {"params": [torch.nn.Parameter(torch.zeros(1))]}]
            return torch.optim.SGD(groups, lr=0.1)

    first = made_trainer()
    first.fit(toy_tracker())
    last = checkpoint(first, "last")
    before = last.stat().st_mtime_ns
    # The progress is restored by then, so there seems to be something new to save.
    with pytest.raises(ValueError, match="parameter groups"):
        made_trainer(max_epochs=2).fit(OtherOptimizer(), ckpt_path=last)
    assert last.stat().st_mtime_ns == before


def test_a_save_that_dies_half_way_leaves_the_old_checkpoint(made_trainer, toy_tracker, monkeypatch):
    trainer = made_trainer(every=2, num_sanity_val_steps=0)
    whole_save = torch.save

    def dying_save(content, file):
        if content["global_step"] == 4:
            file.write(b"half")
            raise KeyboardInterrupt
        whole_save(content, file)

    monkeypatch.setattr(torch, "save", dying_save)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trainer.fit(toy_tracker())
    assert step_of(checkpoint(trainer, "last")) == 2
    assert names(trainer) == ["last.ckpt"]


def test_half_a_checkpoint_of_a_run_that_was_killed_is_removed_by_the_next_save(made_trainer, toy_tracker):
    first = made_trainer()
    first.fit(toy_tracker())
    folder = checkpoint(first, "last").parent
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    for pid in (dead.pid, os.getpid()):  # the latter may still be writing
        (folder / f".last.ckpt.melisma-{socket.gethostname()}.{pid}-1.tmp").write_bytes(b"half")
    made_trainer(max_epochs=2).fit(toy_tracker(), ckpt_path=checkpoint(first, "last"))
    assert names(first) == [f".last.ckpt.melisma-{socket.gethostname()}.{os.getpid()}-1.tmp", "best.ckpt", "last.ckpt"]


def test_a_checkpoint_is_checked_before_a_fit_goes_on_from_it(made_trainer, toy_tracker):
    first = made_trainer()
    first.fit(toy_tracker())
    path = checkpoint(first, "last")
    saved = torch.load(path)
    saved["state_dict"]["weight"].fill_(torch.nan)
    torch.save(saved, path)
    with pytest.raises(DataError, match=r"last\.ckpt: weight has a value that is not finite: the training diverged"):
        made_trainer(max_epochs=2).fit(toy_tracker(), ckpt_path=path)


@pytest.mark.parametrize("moved", [False, True])
def test_resuming_from_before_the_best_does_not_lose_it(made_trainer, toy_tracker, tmp_path, moved):
    # last.ckpt of step 4 is written before the validation of step 4, so it knows of no best.
    trainer = made_trainer(every=4, num_sanity_val_steps=0)
    trainer.fit(toy_tracker(scores=[0.9]))
    folder = run_folder(trainer)
    if moved:
        folder = shutil.move(folder, tmp_path / "moved")
    resumed = made_trainer(max_epochs=2, num_sanity_val_steps=0)
    resumed.fit(toy_tracker(scores=[0.5]), ckpt_path=folder / "checkpoints" / "last.ckpt")
    assert run_folder(resumed) == folder
    assert resumed.global_step == 8
    assert step_of(checkpoint(resumed, "best")) == 4
    assert resumed.checkpoint_callback.best_model_score == pytest.approx(0.9)


def test_an_unknown_metric_is_refused_with_the_known_ones(made_trainer, toy_tracker):
    trainer = made_trainer(monitor="val/toy/acuracy")
    with pytest.raises(MisconfigurationException, match=r"'val/toy/acuracy'.*: val/toy/accuracy$"):
        trainer.fit(toy_tracker())


def test_several_best_need_names_that_differ():
    with pytest.raises(ValueError, match=r"best-\{step\}"):
        BestCheckpoint("loss", save_top_k=3)
    BestCheckpoint("loss", save_top_k=3, filename="best-{step}")


@pytest.mark.parametrize("name", ["../best", "/best", "deep/best-{step}", "", "best-{", "best\0"])
def test_a_best_checkpoint_stands_in_the_folder_of_its_run(name):
    with pytest.raises(ValueError, match="no name of a file"):
        BestCheckpoint("loss", filename=name)
    BestCheckpoint("loss", filename="best {val/toy/accuracy:.3f}")


def test_minutes_take_the_place_of_steps(made_trainer, toy_tracker):
    assert ResumeCheckpoint(minutes=10)._every_n_train_steps == 0
    assert ResumeCheckpoint(minutes=10)._train_time_interval.total_seconds() == 600
    assert ResumeCheckpoint().state_key != ResumeCheckpoint(minutes=1).state_key
