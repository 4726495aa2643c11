"""Strategies: sharded weights train, are saved and are resumed like whole ones; what does not go is refused."""

import json

import pytest
import torch

from callbacks.run.curve_file import read_curves
from experiments.cli import run
from tests.experiments.test_two_processes import melisma as two_processes

FSDP = "{class_path: tests.experiments.fsdp_on_cpu.FSDPOnCPU}"
PERCEPTRON = ["--model.network=architectures.Perceptron", "--model.network.window=256"]
OPTIONS = ["--data.batch_size=4", "--trainer.log_every_n_steps=1", "--trainer.gradient_clip_val=0.05"]


def fit(folder, recipe, strategy, *words):
    """The folder of a run on two processes."""
    folder.mkdir(exist_ok=True)
    words = ["fit", "--config", recipe, f"--trainer.default_root_dir={folder}", *OPTIONS, *words]
    two_processes(folder, *words, processes=2, strategy=strategy)
    (made,) = (folder / "runs").iterdir()
    return made


def checkpoint(run, name="last"):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def runs(small_recipe, tmp_path_factory):
    """The same fit with whole and with sharded weights."""
    return {
        name: fit(tmp_path_factory.mktemp(name), small_recipe, strategy)
        for name, strategy in (("whole", "ddp"), ("sharded", FSDP))
    }


@pytest.mark.long(seconds=30)
def test_sharded_weights_train_and_score_as_whole_ones(runs):
    whole, sharded = (read_curves(run / "curves.jsonl") for run in runs.values())
    for name in ("train/loss", "val/mine/loss", "val/mine/raw_pitch_accuracy"):
        (steps, values), (others, found) = whole.series(name), sharded.series(name)
        assert steps.tolist() == others.tolist() and len(steps)
        assert found.tolist() == pytest.approx(values.tolist(), abs=1e-5), name
    records = [json.loads((run / "record.json").read_text()) for run in runs.values()]
    assert records[0]["parameters"] == records[1]["parameters"] > 0


@pytest.mark.long
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
    alone = two_processes(tmp_path, *words, "--trainer.devices=1", "--trainer.strategy=auto")
    best = json.loads((run / "record.json").read_text())["best"]
    assert alone["raw_pitch_accuracy"] == pytest.approx(best["value"], abs=1e-6)


@pytest.mark.long
def test_a_run_of_sharded_weights_goes_on_as_if_it_had_not_stopped(runs, small_recipe, tmp_path):
    run = fit(tmp_path, small_recipe, FSDP, "--trainer.max_steps=7")
    fit(tmp_path, small_recipe, FSDP, "--ckpt_path", run / "checkpoints" / "last.ckpt")
    (whole_steps, whole), (steps, found) = (
        read_curves(each / "curves.jsonl").series("train/loss") for each in (runs["sharded"], run)
    )
    assert steps.tolist() == whole_steps.tolist()
    assert found.tolist() == pytest.approx(whole.tolist(), abs=1e-6)


@pytest.mark.long
@pytest.mark.bfloat16
def test_mixed_precision_of_sharded_weights_rounds_nothing_but_what_autocast_does(runs, small_recipe, tmp_path):
    """FSDP's own would round weights and the annotation of a batch to 8 bits; its autocast is for GPUs."""
    run = fit(tmp_path, small_recipe, FSDP, "--trainer.precision=bf16-mixed", "--trainer.max_steps=4")
    losses = [read_curves(each / "curves.jsonl").series("train/loss")[1] for each in (runs["sharded"], run)]
    assert losses[1].tolist() == pytest.approx(losses[0][:4].tolist(), abs=1e-6)


PENALTY = "{class_path: lightning_modules.L2Penalty, init_args: {weight: 0.1, parameters: [classifier.*]}}"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--trainer.sync_batchnorm=true", "--trainer.strategy=ddp"], "trainer.sync_batchnorm"),
        (["--trainer.strategy=fsdp"], "strategy `fsdp` requires a GPU"),
        ([f"--trainer.strategy={FSDP}", "--trainer.callbacks+=callbacks.AveragedWeights"], "AveragedWeights"),
        ([f"--trainer.strategy={FSDP}", "--compile.mode=default"], "compile.mode"),
        ([f"--trainer.strategy={FSDP[:-1]}, init_args: {{state_dict_type: sharded}}}}"], "state_dict_type"),
        (
            [f"--trainer.strategy={FSDP[:-1]}, init_args: {{wrap: true}}}}", f"--model.penalty={PENALTY}"],
            "model.penalty",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(melisma, small_recipe, tmp_path, words, named):
    outcome = melisma("fit", "--config", small_recipe, f"--trainer.default_root_dir={tmp_path}", *words)
    assert outcome.code in (1, 2) and "Traceback" not in outcome.err
    (line,) = (line for line in outcome.err.splitlines() if line.startswith("melisma:"))
    assert named in line
    assert not any(tmp_path.iterdir())


def test_accumulated_batches_are_one_of_their_size(small_recipe, tmp_path):
    """Up to rounding, of a network whose normalisation does not know of batches: without one."""
    weights = []
    for size, batches in ((24, 1), (8, 3)):
        root = tmp_path / str(size)
        words = ["fit", "--config", small_recipe, f"--trainer.default_root_dir={root}", f"--data.batch_size={size}"]
        words += [f"--trainer.accumulate_grad_batches={batches}", "--trainer.max_steps=6", *PERCEPTRON]
        run(list(map(str, words)))
        (folder,) = (root / "runs").iterdir()
        weights.append(checkpoint(folder)["state_dict"])
    for name, value in weights[0].items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(weights[1][name], value, rtol=0, atol=1e-5)
