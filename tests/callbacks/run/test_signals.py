"""Signals while training: the batch is finished, the checkpoint saved, the former handlers back in place."""

import logging
import multiprocessing
import os
import signal

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset

from callbacks import ResumeCheckpoint, RunFolder, StopOnSignal
from callbacks.run.signals import StoppedBySignal

KINDS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class At(Callback):
    """Does something within a batch, once."""

    def __init__(self, batch, do, hook="on_train_batch_start"):
        self.finished, self.validated = [], 0

        def act(trainer, *_):
            if not trainer.sanity_checking and trainer.fit_loop.epoch_loop.total_batch_idx == batch and not self.done:
                self.done = True
                do()

        self.done = False
        setattr(self, hook, act)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.finished.append(batch_idx)

    def on_validation_batch_end(self, *_):
        self.validated += 1


def send(*numbers):
    return lambda: [os.kill(os.getpid(), number) for number in numbers]


@pytest.fixture
def made(tmp_path):
    def made(*callbacks, every=100, **options):
        options = {"max_steps": 20, "limit_val_batches": 0, **options}
        return Trainer(
            accelerator="cpu", logger=False, default_root_dir=tmp_path, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, **options,
            callbacks=[*callbacks, RunFolder(), StopOnSignal(), ResumeCheckpoint(every_n_train_steps=every)],
        )  # fmt: skip

    return made


def saved(tmp_path):
    (last,) = tmp_path.glob("runs/*/checkpoints/last.ckpt")
    return torch.load(last, weights_only=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_the_batch_is_finished_and_the_checkpoint_saved(made, tmp_path, caplog, number, code):
    before, at = [signal.getsignal(kind) for kind in KINDS], At(3, send(number))
    with pytest.raises(StoppedBySignal) as stopped, caplog.at_level(logging.INFO):
        made(at).fit(BoringModel())
    assert stopped.value.code == code
    assert at.finished == [0, 1, 2, 3]
    assert saved(tmp_path)["global_step"] == 4
    assert f"Stopped by {number.name} after step 4; go on with --ckpt_path {tmp_path}" in caplog.text
    assert [signal.getsignal(kind) for kind in KINDS] == before


def test_a_second_ctrl_c_interrupts_at_once(made, tmp_path):
    at = At(3, send(signal.SIGINT, signal.SIGINT))
    with pytest.raises(SystemExit) as stopped:  # Lightning's answer to KeyboardInterrupt
        made(at).fit(BoringModel())
    assert stopped.value.code == 1
    assert at.finished == [0, 1, 2]
    assert saved(tmp_path)["global_step"] == 3


@pytest.fixture
def in_the_last_save(monkeypatch):
    """Sends signals when the checkpoint of the stopped fit, of step 4, is half written."""
    whole_save = torch.save

    def during(*numbers):
        def save(content, file):
            if content["global_step"] == 4:
                file.write(b"half")
                send(*numbers)()
                file.seek(0)
            whole_save(content, file)

        monkeypatch.setattr(torch, "save", save)

    return during


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGUSR1])
def test_a_second_signal_waits_for_the_checkpoint(made, tmp_path, in_the_last_save, capsys, first, second):
    before = [signal.getsignal(kind) for kind in KINDS]
    in_the_last_save(second, second)
    with pytest.raises(StoppedBySignal) as stopped:
        made(At(3, send(first))).fit(BoringModel())
    assert stopped.value.name == first.name and saved(tmp_path)["global_step"] == 4
    assert f"melisma: {second.name}: saving what was trained" in capsys.readouterr().err
    assert [signal.getsignal(kind) for kind in KINDS] == before


def test_ctrl_c_while_the_checkpoint_is_saved_leaves_the_one_before(made, tmp_path, in_the_last_save):
    in_the_last_save(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        made(At(3, send(signal.SIGINT)), every=2).fit(BoringModel())
    assert saved(tmp_path)["global_step"] == 2
    assert [path.name for path in tmp_path.rglob("*ckpt*")] == ["last.ckpt"]


def test_a_validation_within_a_fit_is_stopped_too(made, tmp_path):
    options = {"limit_val_batches": 5, "val_check_interval": 4}
    at = At(3, send(signal.SIGTERM), "on_validation_batch_start")
    with pytest.raises(StoppedBySignal):
        made(at, **options).fit(BoringModel())
    assert at.validated == 1 and saved(tmp_path)["global_step"] == 4


def test_gradients_that_wait_for_more_are_waited_for(made, tmp_path):
    at = At(3, send(signal.SIGTERM))
    with pytest.raises(StoppedBySignal):
        made(at, accumulate_grad_batches=3).fit(BoringModel())
    assert at.finished == [0, 1, 2, 3, 4, 5] and saved(tmp_path)["global_step"] == 2


def validate(trainer):
    trainer.validate(BoringModel(), verbose=False)


def test_a_validation_alone_ends_at_once(made):
    trainer = made(limit_val_batches=50)
    trainer.callbacks.insert(0, At(-1, send(signal.SIGTERM), "on_validation_batch_start"))
    process = multiprocessing.get_context("fork").Process(target=validate, args=(trainer,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGTERM


class Normalised(BoringModel):
    """Its running mean changes in each forward pass."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Sequential(torch.nn.BatchNorm1d(32), torch.nn.Linear(32, 2))

    def train_dataloader(self):
        return torch.utils.data.DataLoader(RandomDataset(32, 64), batch_size=4)


class HalfUpdated(Normalised):
    """Fails in the update of its sixth step."""

    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if batch_idx == 5:
            broken()


def broken():
    raise ArithmeticError("made to fail")


@pytest.mark.parametrize("accumulate", [1, 3])
def test_an_error_within_a_batch_saves_the_step_before_as_it_was(made, tmp_path, accumulate):
    options = {"accumulate_grad_batches": accumulate}
    with pytest.raises(ArithmeticError):
        torch.manual_seed(1)
        made(At(4, broken, "on_after_backward"), **options).fit(Normalised())
    failed = saved(tmp_path)
    steps = 4 // accumulate
    assert failed["global_step"] == steps
    torch.manual_seed(1)
    model = Normalised()
    trainer = made(max_steps=steps, **options)
    trainer.fit(model)
    assert torch.equal(failed["state_dict"]["layer.0.running_mean"], model.layer[0].running_mean)


def test_an_error_within_the_update_leaves_the_checkpoint_that_is_there(made, tmp_path, caplog):
    with pytest.raises(ArithmeticError), caplog.at_level(logging.INFO):
        made(every=2).fit(HalfUpdated())
    assert saved(tmp_path)["global_step"] == 4
    assert "Interrupted in the update of step 5; the last checkpoint stays" in caplog.text
