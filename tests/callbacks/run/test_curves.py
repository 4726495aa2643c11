"""The curves of a fit: what is written when, with whatever trainer, and what a resumed fit adds."""

import json
import shutil

import pytest
import torch
from torch.utils.data import DataLoader

from callbacks import ResumeCheckpoint, RunCurves, RunFolder, run_folder
from callbacks.run.curve_file import read_curves


@pytest.fixture
def module(toy_tracker):
    """A toy that logs its loss, the number of the batch, with a learning rate that a schedule halves at every step."""

    class Logging(toy_tracker):
        groups = 1

        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.log("train/loss", float(self.trainer.fit_loop.epoch_loop.total_batch_idx))
            return loss

        def configure_optimizers(self):
            more = [torch.nn.Parameter(torch.zeros(1)) for _ in range(self.groups - 1)]
            groups = [{"params": [each]} for each in (self.weight, *more)]
            optimizer = torch.optim.SGD(groups, lr=0.5)
            scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    return Logging


@pytest.fixture
def run(quiet):
    """Fits with curves; gives the folder."""

    def fit(module, checkpoint=None, every=2, fails=None, **options):
        trainer = quiet(
            RunFolder(),
            RunCurves(),
            *([ResumeCheckpoint(every_n_train_steps=3)] if options.get("enable_checkpointing") else []),
            log_every_n_steps=every,
            **options,
        )
        if fails is None:
            trainer.fit(module, ckpt_path=checkpoint)
        else:
            with pytest.raises(fails):
                trainer.fit(module, ckpt_path=checkpoint)
        return run_folder(trainer)

    return fit


def lines(folder):
    return [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]


def test_a_fit_leaves_its_limits_losses_rates_validations_and_end(run, module):
    found = lines(run(module([0.25, 0.75]), max_epochs=2))
    assert found[0] == {"step": 0, "epoch": 0, "event": "fit", "max_steps": None, "max_epochs": 2, "batches": 4}
    seconds = [line.pop("seconds") for line in found[1:]]
    assert seconds == sorted(seconds) and seconds[0] > 0
    assert found[1:] == [
        # The rate that a step was made with, which is not that after it.
        {"step": 2, "epoch": 0, "metrics": {"train/loss": 1.0, "lr": 0.25}},
        {"step": 4, "epoch": 0, "metrics": {"train/loss": 3.0, "lr": 0.0625}},
        {"step": 4, "epoch": 0, "metrics": {"val/toy/accuracy": 0.25}},
        {"step": 6, "epoch": 1, "metrics": {"train/loss": 5.0, "lr": 0.5**6}},
        {"step": 8, "epoch": 1, "metrics": {"train/loss": 7.0, "lr": 0.5**8}},
        {"step": 8, "epoch": 1, "metrics": {"val/toy/accuracy": 0.75}},
        {"step": 8, "epoch": 2, "event": "end"},
    ]


def test_accumulated_gradients_are_one_step(run, module):
    folder = run(module(), every=1, accumulate_grad_batches=2, max_steps=4, max_epochs=-1, limit_val_batches=0)
    curves = read_curves(folder / "curves.jsonl")
    steps, losses = curves.series("train/loss")
    assert steps.tolist() == [1, 2, 3, 4] and losses.tolist() == [1, 3, 5, 7]
    (start,) = curves.starts
    assert (start.max_steps, start.max_epochs) == (4, None)


def test_several_optimisers_and_groups_have_a_rate_each(run, module, toy_tracker):
    class Both(toy_tracker):
        automatic_optimization = False

        def training_step(self, batch, index):
            for optimizer in self.optimizers():
                optimizer.zero_grad()
                self.manual_backward((self.weight - 1).square().sum())
                optimizer.step()

        def configure_optimizers(self):
            first = torch.optim.SGD([{"params": [self.weight], "name": "network"}], lr=0.5)
            return first, torch.optim.SGD([self.weight], lr=0.25)

    module.groups = 2
    (point, *_) = read_curves(run(module()) / "curves.jsonl").points
    assert point.metrics == {"train/loss": 1.0, "lr/1": 0.25, "lr/2": 0.25}
    # Two optimisers count as two steps of a batch.
    folder = run(Both(), every=3, limit_val_batches=0)
    found = read_curves(folder / "curves.jsonl").points
    assert [(point.step, point.metrics) for point in found] == [
        (4, {"lr/network": 0.5, "lr/2": 0.25}),
        (6, {"lr/network": 0.5, "lr/2": 0.25}),
    ]


def test_what_is_not_finite_is_null(run, module):
    class Diverging(module):
        def training_step(self, batch, index):
            self.log("train/loss", [float("nan"), float("inf"), 1.0, -float("inf")][index])
            return self.weight.sum()

    folder = run(Diverging(), every=1, limit_val_batches=0)
    assert [line["metrics"]["train/loss"] for line in lines(folder) if "metrics" in line] == [None, None, 1.0, None]


def test_a_fit_that_fails_says_of_what(run, module):
    curves = read_curves(run(module(fail_at_step=3), every=1, fails=ArithmeticError) / "curves.jsonl")
    assert curves.exception == "ArithmeticError" and not curves.finished
    assert curves.series("train/loss")[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("end", [b"", b'{"step": 9, "epo'])
def test_a_resumed_fit_goes_on_with_its_curves(run, module, tmp_path, end):
    """Saved at step 3, killed at step 5, perhaps while it wrote a line."""
    saved = tmp_path / "last.ckpt"

    class Killed(module):
        def on_train_batch_end(self, outputs, batch, index):
            if self.global_step == 5 and not saved.exists():
                shutil.copy(run_folder(self.trainer) / "checkpoints" / "last.ckpt", saved)  # none is saved at a kill -9
                raise KeyboardInterrupt

    options = {"every": 1, "max_epochs": 2, "enable_checkpointing": True}
    folder = run(Killed(), fails=(KeyboardInterrupt, SystemExit), **options)
    assert read_curves(folder / "curves.jsonl").exception == "KeyboardInterrupt"
    with (folder / "curves.jsonl").open("ab") as file:
        file.write(end)
    before = (folder / "curves.jsonl").read_bytes().removesuffix(end)
    checkpoint = saved.replace(folder / "checkpoints" / "last.ckpt")
    seconds = torch.load(checkpoint)["callbacks"]["RunCurves"]["seconds"]
    saved.touch()
    assert run(Killed(), checkpoint=str(checkpoint), **options) == folder
    assert (folder / "curves.jsonl").read_bytes().startswith(before)
    found, whole = read_curves(folder / "curves.jsonl"), read_curves(run(module(), **options) / "curves.jsonl")
    assert [start.step for start in found.starts] == [0, 3]
    of_both = [[(point.step, point.metrics) for point in each.points] for each in (found, whole)]
    assert of_both[0] == of_both[1]
    assert found.finished and found.exception is None
    assert min(point.seconds for point in found.points if point.step > 3) > seconds > 0


def test_trial_runs_other_passes_and_sanity_checks_write_nothing(run, quiet, module, tmp_path):
    run(module(), fast_dev_run=True)
    for stage in ("validate", "test", "predict"):
        getattr(quiet(RunCurves()), stage)(module())
    assert not list(tmp_path.rglob("curves.jsonl"))
    folder = run(module(), num_sanity_val_steps=2, check_val_every_n_epoch=2)
    assert read_curves(folder / "curves.jsonl").names == ["train/loss", "lr"]


def test_no_logging_at_all_leaves_validations(run, module):
    folder = run(module(), every=0)
    assert read_curves(folder / "curves.jsonl").names == ["val/toy/accuracy"]


def test_a_loader_of_unknown_length_has_no_number_of_batches(quiet, module):
    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(3))

    trainer = quiet(RunCurves())
    trainer.fit(module(), DataLoader(Endless()))
    (start,) = read_curves(run_folder(trainer) / "curves.jsonl").starts
    assert start.batches is None
