"""Killed, and resumed with other workers, processes or batch size: nothing is lost and nothing is repeated."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from datamodules import MelodyData
from experiments.cli import run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def step_log(monkeypatch):
    """The module of the callback, which a configuration names."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import step_log

    return step_log


@pytest.fixture(autouse=True)
def one_thread():
    """With more, the libraries under torch divide a sum by how busy the machine is, and floats add up differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def words_of(recipe, root, *words, **log):
    """Of `fit`: what is done is logged to `root/log`."""
    root.mkdir(parents=True)
    log = {"path": root / "log", **log}
    logging = ["--trainer.callbacks+=step_log.StepLog", *(f"--trainer.callbacks.{key}={log[key]}" for key in log)]
    return ["fit", "--config", str(recipe), "--trainer.default_root_dir", str(root), *map(str, words), *logging]


def launch(words, processes):
    """Run in processes that torch's launcher starts."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "experiments", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def last_of(root):
    """The checkpoint that the fit left there, or one that continued from it."""
    (path,) = root.glob("runs/*/checkpoints/last.ckpt")
    return path


def weights(root):
    state = torch.load(last_of(root), weights_only=True)["state_dict"]
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


CYCLE = [
    "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR",
    "--model.scheduler.max_lr=0.003",
    "--model.scheduler.total_steps=40",
]
KILLED = {
    "one cycle": (CYCLE, 16, []),
    "accumulated gradients": (["--trainer.accumulate_grad_batches=2", "--trainer.max_steps=11"], 14, []),
    "other workers": ([], 16, ["--data.workers=2"]),
}


@pytest.mark.long
@pytest.mark.parametrize("case", KILLED)
def test_a_killed_fit_resumed_is_the_fit_that_was_not_killed(small_recipe, tmp_path, step_log, case):
    """1200 windows in steps of 120 are ten batches an epoch; the last checkpoint is not at an epoch's end."""
    options, kill_at, then = KILLED[case]
    options = [
        "--data.batch_size=120", "--model.network.dropout=0.25", "--resume.every_n_train_steps=3",
        "--trainer.max_steps=22", *options,
    ]  # fmt: skip
    whole, killed, resumed = (tmp_path / name for name in ("whole", "killed", "resumed"))
    run(words_of(small_recipe, whole, *options))
    words = words_of(small_recipe, killed, *options, kill_at=kill_at)
    process = multiprocessing.get_context("fork").Process(target=run, args=(words,))  # imports nothing anew
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    state = torch.load(last_of(killed), weights_only=True)["MelodyData"]
    assert 0 < state["items"] < 1200 and state["batches"] <= kill_at
    run(words_of(small_recipe, resumed, *options, *then, "--ckpt_path", last_of(killed)))

    expected = step_log.read(whole / "log")
    assert step_log.read(killed / "log") == [entry for entry in expected if entry["batch"] <= kill_at]
    (saved,) = (n for n, entry in enumerate(expected) if "loss" in entry and entry["batch"] == state["batches"] - 1)
    assert step_log.read(resumed / "log") == expected[saved + 1 :]
    one, other = weights(whole), weights(killed)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.long
def test_processes_and_batch_size_may_change_in_the_middle_of_an_epoch(small_recipe, melody_shards, tmp_path, step_log):
    """One process, then two, then one: steps of 60, 100 and 90 windows."""
    epochs = [sequence(melody_shards, epoch) for epoch in range(3)]
    legs = [
        (1, 60, 7, [(0, 0, 7)]),
        (2, 50, 18, [(0, 420, 7), (1, 0, 4)]),
        (1, 90, 28, [(1, 400, 8), (2, 0, 2)]),
    ]
    start, batch = [], 0
    for processes, size, max_steps, parts in legs:
        root = tmp_path / f"until_{max_steps}"
        words = words_of(
            small_recipe, root, *start, f"--data.batch_size={size}", f"--trainer.max_steps={max_steps}",
            "--trainer.check_val_every_n_epoch=1", "--trainer.val_check_interval=1.0",
            *(["--trainer.devices=2", "--trainer.strategy=ddp"] if processes > 1 else []),
        )  # fmt: skip
        if processes == 1:
            run(words)
        else:
            launch(words, processes)
        logs = [step_log.read(root / "log", rank) for rank in range(processes)]
        expected = []
        for number, (epoch, first, steps) in enumerate(parts):
            whole = 1200 // (processes * size)
            for step in range(steps):
                low = first + step * processes * size
                place = step if first == 0 else whole - steps + step
                expected.append((batch, place, place == whole - 1, set(epochs[epoch][low : low + processes * size])))
                batch += 1
            if number < len(parts) - 1:
                expected.append((batch - 1, "validation", epoch))
        assert merged(logs) == expected
        start = start or ["--ckpt_path", last_of(root)]


def sequence(shards, epoch):
    """(track, frame) of all windows of an epoch, in order."""
    data = MelodyData(window=256, train=[str(shards)], batch_size=1200)
    loader = data.train_dataloader()
    for _ in range(epoch + 1):
        (batch,) = loader
    return list(zip(batch.track.tolist(), batch.frame.tolist(), strict=True))


def merged(logs):
    """Steps with the windows of all processes, and validations."""
    entries = []
    for parts in zip(*logs, strict=True):
        assert len({part["batch"] for part in parts}) == 1
        one = parts[0]
        if "validation" in one:
            entries.append((one["batch"], "validation", one["validation"]))
        else:
            windows = {tuple(window) for part in parts for window in part["windows"]}
            assert len(windows) == sum(len(part["windows"]) for part in parts)
            entries.append((one["batch"], one["place"], one["last"], windows))
    return entries
