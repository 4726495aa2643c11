"""A run that is stopped in the middle of an epoch and resumed is the run that was not stopped."""

import functools

import pytest
import torch

from experiments.cli import run


def weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def fit(recipe, root, *words):
    run(["fit", "--config", str(recipe), "--trainer.default_root_dir", str(root), *words])
    (folder,) = (root / "runs").iterdir()
    return folder


SCHEDULE = (
    "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR",
    "--model.scheduler.max_lr=0.003",
    "--model.scheduler.total_steps=200",
    "--model.network.dropout=0.25",
)
# 1200 windows in steps of 120 are ten steps an epoch.
EPOCHS = ("--data.batch_size=120", "--trainer.max_steps=24", "--trainer.limit_val_batches=0")


@pytest.fixture(scope="module")
def whole(small_recipe, tmp_path_factory):
    """The weights of the run with some options that was not stopped; each is trained once."""

    @functools.cache
    def trained(options):
        return weights(fit(small_recipe, tmp_path_factory.mktemp("whole"), *options))

    return trained


def assert_the_same_after_resuming(recipe, root, options, stop, expected):
    part = fit(recipe, root, *options, f"--trainer.max_steps={stop}")
    fit(recipe, root, *options, "--ckpt_path", str(part / "checkpoints" / "last.ckpt"))
    resumed = weights(part)
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, resumed[name]), name


@pytest.mark.sampled(1)
@pytest.mark.parametrize("stop", [5, pytest.param(6, marks=pytest.mark.slow)])
def test_resumed_weights_are_those_of_the_uninterrupted_run(small_recipe, whole, tmp_path, stop):
    assert_the_same_after_resuming(small_recipe, tmp_path, SCHEDULE, stop, whole(SCHEDULE))


@pytest.mark.long
@pytest.mark.sampled(1)
@pytest.mark.parametrize("stop", [10, *(pytest.param(each, marks=pytest.mark.slow) for each in (12, 20))])
def test_epochs_go_on_behind_each_other_after_resuming(small_recipe, whole, tmp_path, stop):
    """Stopped at the end of an epoch, within one, and at the second end."""
    assert_the_same_after_resuming(small_recipe, tmp_path, EPOCHS, stop, whole(EPOCHS))


@pytest.mark.long
def test_another_sequence_of_training_examples_is_refused(small_recipe, make_recipe, tmp_path, melisma):
    from datamodules.preparation.prepare import prepare

    part = fit(small_recipe, tmp_path / "part", "--trainer.max_steps=5")
    prepare(make_recipe(tmp_path / "other", seed=7), progress=False)
    last = part / "checkpoints" / "last.ckpt"
    for words, message in (
        ([f"--data.train=[{tmp_path / 'other'}]"], "not the training data of the checkpoint"),
        (["--data.seed=3"], "data.seed: 3"),
        (["--data.stride=2"], "data.stride: 2, but the checkpoint was trained with 1"),
        (["--data.voiced_only=true"], "data.voiced_only: True, but the checkpoint was trained with False"),
        (["--data.streams=16"], "data.streams: 16, but the checkpoint was trained with 64"),
        (["--data.group=2"], "data.group: 2, but the checkpoint was trained with 8"),
    ):
        outcome = melisma("fit", "--config", small_recipe, "--ckpt_path", last, *words)
        assert outcome.code == 1
        assert message in outcome.err
