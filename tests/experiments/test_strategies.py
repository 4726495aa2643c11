"""Strategies: sharded weights train, are saved and are resumed like whole ones; what does not go is refused."""

import json

import pytest
import torch

from callbacks.run.curve_file import read_curves
from tests.experiments.test_two_processes import melisma

FSDP = "{class_path: tests.experiments.fsdp_on_cpu.FSDPOnCPU}"
OPTIONS = ["--data.batch_size=4", "--trainer.log_every_n_steps=1", "--trainer.gradient_clip_val=0.05"]


def fit(folder, recipe, strategy, *words, **options):
    """The folder of a run on two processes."""
    folder.mkdir(exist_ok=True)
    words = ["fit", "--config", recipe, f"--trainer.default_root_dir={folder}", *OPTIONS, *words]
    melisma(folder, *words, processes=2, strategy=strategy, **options)
    (run,) = (folder / "runs").iterdir()
    return run


def checkpoint(run, name="last"):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def runs(small_recipe, tmp_path_factory):
    """The same fit with whole and with sharded weights."""
    return {
        name: fit(tmp_path_factory.mktemp(name), small_recipe, strategy)
        for name, strategy in (("whole", "ddp"), ("sharded", FSDP))
    }


@pytest.mark.slow(seconds=30)
def test_sharded_weights_train_and_score_as_whole_ones(runs):
    whole, sharded = (read_curves(run / "curves.jsonl") for run in runs.values())
    for name in ("train/loss", "val/mine/loss", "val/mine/raw_pitch_accuracy"):
        (steps, values), (others, found) = whole.series(name), sharded.series(name)
        assert steps.tolist() == others.tolist() and len(steps)
        assert found.tolist() == pytest.approx(values.tolist(), abs=1e-5), name
    records = [json.loads((run / "record.json").read_text()) for run in runs.values()]
    assert records[0]["parameters"] == records[1]["parameters"] > 0


@pytest.mark.slow
def test_a_checkpoint_of_sharded_weights_is_like_any_other(runs, tmp_path):
    whole, sharded = (checkpoint(run, "best") for run in runs.values())
    assert list(whole["state_dict"]) == list(sharded["state_dict"])
    for name, value in whole["state_dict"].items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(sharded["state_dict"][name], value, rtol=0, atol=1e-4)
        else:
            assert sharded["state_dict"][name] == value
    run = runs["sharded"]
    words = ["validate", "--config", run / "config.yaml", "--ckpt_path", run / "checkpoints" / "best.ckpt"]
    alone = melisma(tmp_path, *words, "--trainer.devices=1", "--trainer.strategy=auto")
    best = json.loads((run / "record.json").read_text())["best"]
    assert alone["raw_pitch_accuracy"] == pytest.approx(best["value"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "sharded"])
def test_a_run_of_sharded_weights_goes_on_as_if_it_had_not_stopped(runs, small_recipe, tmp_path, kind):
    strategy = FSDP.replace("}", f", init_args: {{state_dict_type: {kind}}}}}")
    run = fit(tmp_path, small_recipe, strategy, "--trainer.max_steps=7")
    last = run / "checkpoints" / "last.ckpt"
    assert last.is_dir() == (kind == "sharded")
    fit(tmp_path, small_recipe, strategy, "--ckpt_path", last)
    (whole_steps, whole), (steps, found) = (
        read_curves(each / "curves.jsonl").series("train/loss") for each in (runs["sharded"], run)
    )
    assert steps.tolist() == whole_steps.tolist()
    assert found.tolist() == pytest.approx(whole.tolist(), abs=1e-6)
