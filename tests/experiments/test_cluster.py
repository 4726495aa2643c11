"""The batch scripts on a real SLURM: two nodes on this host, one task on each."""

import subprocess

import pytest
import torch

from tests import slurm_local
from tests.slurm_local import SCRIPTS, finish, log_of, submitted, wait_for

pytestmark = pytest.mark.cluster

TWO_NODES = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_local.started(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


def submit(slurm, recipe, folder, *words):
    words = ("--config", recipe, "--data.batch_size=4", f"--trainer.default_root_dir={folder}", *words)
    return submitted(slurm, folder, "train.sbatch", words, *TWO_NODES)


def test_two_nodes_train_one_run(slurm, small_recipe, tmp_path):
    job = submit(slurm, small_recipe, tmp_path)
    finish(job, slurm, tmp_path, "COMPLETED")
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in log_of(tmp_path)
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    assert (folder / "checkpoints" / "best.ckpt").exists()
    assert len(list(folder.glob("validation/mine/f0/*.csv"))) == 3


def test_the_signal_before_the_time_limit_leaves_a_checkpoint_that_is_resumed(slurm, small_recipe, tmp_path):
    endless = ["--trainer.max_steps=1000000", "--trainer.val_check_interval=5", "--trainer.max_epochs=-1"]
    job = submit(slurm, small_recipe, tmp_path, *endless)
    assert wait_for(lambda: list((tmp_path / "runs").glob("*/checkpoints/best.ckpt")), 120), log_of(tmp_path)[-4000:]
    subprocess.run(["scancel", "--signal=TERM", job], env=slurm, check=True)
    finish(job, slurm, tmp_path, "COMPLETED", "FAILED", "CANCELLED")
    (last,) = (tmp_path / "runs").glob("*/checkpoints/last.ckpt")
    steps = torch.load(last, weights_only=True)["global_step"]
    assert steps > 0
    job = submit(slurm, small_recipe, tmp_path, "--ckpt_path", last, f"--trainer.max_steps={steps + 3}")
    finish(job, slurm, tmp_path, "COMPLETED")
    assert torch.load(last, weights_only=True)["global_step"] == steps + 3


CORPUS = """
corpus:
  class_path: datamodules.SyntheticMelody
  init_args: {recordings: {train: 40, validation: 5}, seconds: 4.0, rate: 8000, lowest_note: 48, highest_note: 72}
directory: DIRECTORY
rate: 8000
hop: 80
segment: 1.0
context: 0.1
records_per_shard: 4
"""


def test_an_array_of_jobs_of_which_one_is_killed_prepares_the_same_bytes(slurm, tmp_path):
    for name in ("array", "alone"):
        (tmp_path / f"{name}.yaml").write_text(CORPUS.replace("DIRECTORY", str(tmp_path / name)))
    options = ("--array=3-7:2", "--cpus-per-task=1")
    array = submitted(slurm, tmp_path, "prepare.sbatch", [tmp_path / "array.yaml"], *options)
    assert wait_for(lambda: list((tmp_path / "array").glob("*.json")), 120)
    subprocess.run(["scancel", "--signal=KILL", f"{array}_5"], env=slurm, check=True)
    assert wait_for(lambda: (tmp_path / "array" / "dataset.json").exists(), 120)
    subprocess.run([slurm["MELISMA"], "prepare", tmp_path / "alone.yaml"], check=True, capture_output=True)

    def content(name):
        return {path.name: path.read_bytes() for path in (tmp_path / name).glob("[!.]*")}

    assert content("array") == content("alone")


def test_the_script_refuses_to_run_outside_a_job():
    done = subprocess.run(["bash", SCRIPTS / "train.sbatch"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "without SLURM run: melisma fit" in done.stderr
