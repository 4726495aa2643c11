"""A training that diverges: the step is named, and the checkpoints that were good stay as they were."""

import math
import multiprocessing
import os
import re
import socket

import pytest
import torch

from callbacks import FiniteTraining, ResumeCheckpoint, RunFolder, run_folder
from callbacks.guards.finite import Diverged, finite_weights
from lightning_modules.outputs import NotANumber


@pytest.fixture
def module(toy_tracker):
    """A toy that does something in the training step of a batch, counted from 1, to its loss or its weight."""

    class Diverging(toy_tracker):
        def __init__(self, batch, loss=None, weight=None, error=None, rank=None):
            super().__init__()
            self.batch, self.loss, self.changed, self.error, self.rank = batch, loss, weight, error, rank

        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            if index + 1 == self.batch and self.rank in (None, self.global_rank):
                if self.changed is not None:
                    self.weight.data.fill_(self.changed)
                if self.error is not None:
                    raise self.error
                if self.loss is not None:
                    return loss * self.loss
            return loss

    return Diverging


class LookingLater(FiniteTraining):
    """As on a GPU."""

    def on_train_start(self, trainer, pl_module):
        super().on_train_start(trainer, pl_module)
        self._at_once = False


def fitted(quiet, module, guard=None, every=2, **options):
    saving = ResumeCheckpoint(every_n_train_steps=every)
    trainer = quiet(RunFolder(), guard or FiniteTraining(), saving, enable_checkpointing=True, **options)
    with pytest.raises((Diverged, ArithmeticError, NotANumber)) as caught:
        trainer.fit(module)
    return trainer, caught.value


def last(trainer):
    path = run_folder(trainer) / "checkpoints" / "last.ckpt"
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize(("loss", "word"), [(math.nan, "nan"), (math.inf, "infinite")])
@pytest.mark.parametrize("guard", [FiniteTraining, LookingLater])
def test_the_step_is_named_and_the_good_checkpoint_stays(quiet, module, guard, loss, word):
    trainer, error = fitted(quiet, module(3, loss=loss), guard())
    path = run_folder(trainer) / "checkpoints" / "last.ckpt"
    told = f"the loss of step 3 is {word}; learning rate 0.1. The last good checkpoint is {path}, of step 2."
    assert told in str(error)
    assert last(trainer)["global_step"] == 2


def test_before_the_first_checkpoint_it_is_said_that_there_is_none(quiet, module):
    trainer, error = fitted(quiet, module(2, loss=math.nan), every=100)
    assert "the loss of step 2 is nan" in str(error) and "No checkpoint was saved before" in str(error)
    assert not list(run_folder(trainer).rglob("*.ckpt"))


def test_a_step_of_several_batches_is_counted_as_one(quiet, module):
    _, error = fitted(quiet, module(4, loss=math.nan), accumulate_grad_batches=2)
    assert "the loss of step 2 is nan" in str(error)


@pytest.mark.parametrize("every", [2, 3, 100])
def test_losses_that_are_looked_at_later_have_their_step(quiet, module, every):
    trainer, error = fitted(quiet, module(2, loss=math.nan), LookingLater(every), every=3, limit_val_batches=0)
    assert "the loss of step 2 is nan" in str(error)
    assert not list(run_folder(trainer).rglob("*.ckpt"))  # looked at before step 3 was saved, at the latest


def test_weights_that_are_not_finite_are_not_saved(quiet, module):
    # An infinite weight has an infinite loss only in the next step; this one is saved before.
    trainer, error = fitted(quiet, module(3, weight=math.inf), every=1)
    assert "the weights after step 3 are not finite" in str(error) and "of step 2." in str(error)
    assert last(trainer)["global_step"] == 2


def test_weights_that_are_not_finite_are_not_validated(quiet, module):
    validated = []

    class Watched(module):
        def on_validation_batch_start(self, *_):
            validated.append(self.global_step)

    _, error = fitted(quiet, Watched(4, weight=math.inf), every=100)
    assert "the weights after step 4 are not finite" in str(error) and set(validated) == {0}  # before the training


def test_a_last_step_that_spoils_the_weights_is_no_success(quiet, module):
    trainer, error = fitted(quiet, module(3, weight=math.nan), max_steps=3, every=2, limit_val_batches=0)
    assert "the weights after step 3 are not finite" in str(error)
    assert last(trainer)["global_step"] == 2


def test_another_error_does_not_save_weights_that_are_not_finite(quiet, module, capsys):
    broken = ArithmeticError("made to fail")
    trainer, error = fitted(quiet, module(4, weight=math.nan, error=broken))
    assert error is broken and last(trainer)["global_step"] == 2
    assert "step 3 is not saved: the training has diverged: the weights after step 3" in capsys.readouterr().err


def test_outputs_that_are_no_numbers_save_nothing(quiet, module):
    error = NotANumber("made to fail")
    trainer, caught = fitted(quiet, module(4, error=error))
    assert caught is error and last(trainer)["global_step"] == 2


def test_statistics_of_normalisation_have_to_be_finite_and_other_buffers_not():
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    network.register_buffer("mask", torch.tensor(-math.inf))
    assert finite_weights(network)
    network[0].running_var[1] = math.inf
    assert not finite_weights(network)


def test_a_look_at_no_batch_is_refused():
    with pytest.raises(ValueError, match="every_n_train_batches: 0"):
        FiniteTraining(0)


def in_process(rank, port, module, quiet, path):
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "NODE_RANK": "0"}
    os.environ |= {**environment, "LOCAL_RANK": str(rank), "RANK": str(rank)}
    torch.set_num_threads(1)
    options = {"strategy": "ddp", "devices": 2, "num_sanity_val_steps": 0, "max_epochs": 20, "limit_val_batches": 0}
    trainer, error = fitted(quiet, module, FiniteTraining(4), every=4, default_root_dir=path, **options)
    (path / f"{rank}").write_text(f"{trainer.global_step}: {error}")


@pytest.mark.slow(seconds=10)
def test_all_processes_end_where_one_diverges(quiet, module, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    fork = multiprocessing.get_context("fork")
    arguments = [(rank, port, module(2, loss=math.nan, rank=1), quiet, tmp_path) for rank in range(2)]
    ranks = [fork.Process(target=in_process, args=each) for each in arguments]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(100)
        if rank.is_alive():
            rank.kill()
    told = [(tmp_path / str(rank)).read_text() for rank in range(2)]
    assert told[0] == told[1] and re.search("the loss of step 2 is nan; .*No checkpoint was saved", told[0])
