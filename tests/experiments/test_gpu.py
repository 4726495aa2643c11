"""Training and scoring on GPUs beside the CPU; what needs several is skipped where there is one."""

import json
import os
import subprocess
import sys
import time

import pytest
import torch

from callbacks import RunCurves
from callbacks.run.curve_file import read_curves
from callbacks.run.waiting import DataWait
from datamodules.batches import PitchBatch
from datamodules.loading import pinned
from experiments.cli import run
from tests.experiments.catalogue import ROOT

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA begins; for trainer.deterministic

pytestmark = pytest.mark.gpu

# Without random numbers, which are others on a GPU, and with an optimiser that does not divide by small gradients.
SAME = ["--model.network.dropout=0", "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=0.05"]
several = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")


@pytest.fixture(autouse=True)
def whole_floats(monkeypatch):
    """Convolutions, other than matrix products, are computed in TF32 by default, which rounds to 10 bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def fit(small_recipe, tmp_path):
    """Fits the small recipe; gives the folder of the run."""

    def made(name, *words):
        root = tmp_path / name
        given = ["fit", "--config", str(small_recipe), f"--trainer.default_root_dir={root}"]
        run([*given, "--trainer.log_every_n_steps=1", "--trainer.accelerator=gpu", *map(str, words)])
        return max((root / "runs").iterdir(), key=lambda each: each.stat().st_mtime_ns)

    return made


def losses(folder, name="train/loss"):
    return read_curves(folder / "curves.jsonl").series(name)[1].tolist()


def weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")["state_dict"]


def test_the_loss_falls_as_on_the_cpu(fit):
    on_gpu, on_cpu = fit("gpu", *SAME), fit("cpu", *SAME, "--trainer.accelerator=cpu")
    assert len(losses(on_gpu)) == 12
    assert losses(on_gpu) == pytest.approx(losses(on_cpu), abs=1e-4)
    assert losses(on_gpu, "val/mine/loss") == pytest.approx(losses(on_cpu, "val/mine/loss"), abs=1e-4)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_in_16_bits_it_falls_nearly_so(fit, precision):
    if precision == "bf16-mixed" and not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this GPU does not compute in bfloat16")
    full, mixed = fit("full", *SAME), fit("mixed", *SAME, f"--trainer.precision={precision}")
    assert losses(mixed) == pytest.approx(losses(full), abs=0.02)


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compiled_it_falls_as_before(fit, mode):
    plain, compiled = fit("plain", *SAME), fit("compiled", *SAME, f"--compile.mode={mode}")
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-3)
    assert list(weights(compiled)) == list(weights(plain))


def test_a_stopped_run_goes_on_bit_for_bit(fit):
    options = ["--trainer.deterministic=true", "--model.network.dropout=0.25"]
    whole = fit("whole", *options)
    part = fit("part", *options, "--trainer.max_steps=7")
    resumed = fit("part", *options, "--ckpt_path", part / "checkpoints" / "last.ckpt")
    assert resumed == part
    for name, value in weights(whole).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, weights(resumed)[name]), name


def test_figures_of_a_checkpoint_are_those_of_the_cpu(fit):
    folder = fit("gpu")
    found = []
    for accelerator in ("gpu", "cpu"):
        words = ["validate", "--config", folder / "config.yaml", "--ckpt_path", folder / "checkpoints" / "best.ckpt"]
        run([*map(str, words), f"--trainer.accelerator={accelerator}"])
        found.append(json.loads((folder / "validate" / "record.json").read_text())["metrics"])
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def batch(size=64, samples=1 << 18):
    zeros = torch.zeros(size, dtype=torch.int64)
    f0 = torch.zeros(size, 1)
    return PitchBatch(torch.zeros(size, samples, dtype=torch.int16), f0, f0 >= 0, zeros, zeros)


def test_a_pinned_batch_is_copied_while_the_host_goes_on():
    ready = pinned(batch())
    assert all(each.is_pinned() for each in ready if isinstance(each, torch.Tensor))
    ready.signal.to("cuda", non_blocking=True)  # memory is there from now on
    torch.cuda.synchronize()
    done = torch.cuda.Event()
    torch.cuda._sleep(2_000_000_000)  # about a second in front of the copy
    ready.signal.to("cuda", non_blocking=True)
    done.record()
    assert not done.query()
    torch.cuda.synchronize()


def test_memory_does_not_grow_and_integers_are_moved(fit, monkeypatch):
    memory, types = [], set()

    def look(self, trainer, module, outputs, batch, index):
        types.add((batch.signal.device.type, batch.signal.dtype))
        torch.cuda.synchronize()
        memory.append(torch.cuda.memory_allocated())

    monkeypatch.setattr(RunCurves, "on_train_batch_end", look)
    fit("memory", "--trainer.max_steps=60", "--trainer.limit_val_batches=0")
    assert types == {("cuda", torch.int16)}
    assert max(memory[30:]) <= max(memory[5:30])


def test_waiting_is_time_in_which_the_gpu_has_nothing_to_do():
    wait = DataWait(torch.device("cuda"))
    torch.cuda.synchronize()
    torch.cuda._sleep(1_000_000_000)
    wait._begin()  # the GPU is still busy
    wait._end()
    torch.cuda.synchronize()
    busy = wait.take()
    wait._begin()  # it is not
    time.sleep(0.25)
    wait._end()
    torch.cuda.synchronize()
    assert busy < 0.05 < 0.2 <= wait.take()


def test_throughput_knows_the_memory_and_the_rate_of_the_gpu(fit):
    folder = fit("rate", "--throughput.warm_up=2")
    found = json.loads((folder / "record.json").read_text())["throughput"]
    assert 0 < found["memory_gib"] < torch.cuda.get_device_properties(0).total_memory / 2**30
    assert found["matrix_rate"] > 1e12 and 0 < found["matrix_rate_share"] < 1


def launched(recipe, root, *words):
    """Two processes of torch's launcher, as a user starts them; gives the folder of the run."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "experiments"]
    command += ["fit", "--config", recipe, f"--trainer.default_root_dir={root}", "--trainer.log_every_n_steps=1"]
    command += ["--trainer.accelerator=gpu", "--trainer.devices=2", "--data.batch_size=4", *words]
    finished = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr[-4000:]
    (made,) = (root / "runs").iterdir()
    return made


@several
def test_two_gpus_share_weights_or_hold_them_and_train_the_same(small_recipe, tmp_path):
    whole, shared = (launched(small_recipe, tmp_path / kind, f"--trainer.strategy={kind}") for kind in ("ddp", "fsdp"))
    assert losses(shared) == pytest.approx(losses(whole), abs=1e-3)
    assert list(weights(shared)) == list(weights(whole))


@several
def test_with_statistics_of_all_gpus_two_train_as_one(small_recipe, tmp_path, fit):
    words = [*SAME, "--trainer.strategy=ddp", "--trainer.sync_batchnorm=true"]
    two = launched(small_recipe, tmp_path / "two", *words)
    one = fit("one", *SAME)  # batches of 8 in place of two of 4
    assert losses(two, "val/mine/loss") == pytest.approx(losses(one, "val/mine/loss"), abs=1e-2)
