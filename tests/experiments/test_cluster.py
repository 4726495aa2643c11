"""The batch script of trainings on a real SLURM: two nodes on this host, one task on each."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from experiments.cli import run
from tests import slurm_local
from tests.slurm_local import SCRIPTS, finish, log_of, state_of, submitted, wait_for

pytestmark = pytest.mark.cluster

TWO_NODES = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1")
WAVENET = {  # without normalisation: the batches of two processes are not those of one
    "class_path": "architectures.WaveNet",
    "init_args": {
        "hop": 80, "frames": 1, "context": 128, "channels": 4, "skip_channels": 4, "max_dilation": 16,
        "postprocessing": [
            {"class_path": "architectures.wavenet.AveragePool", "init_args": {"size": 80}},
            {"class_path": "architectures.wavenet.Convolution", "init_args": {"filters": 32, "kernel": 1}},
        ],
    },
}  # fmt: skip
PICTURES = [
    {"class_path": "callbacks.PredictedF0"},
    {"class_path": "callbacks.Pianorolls", "init_args": {"tracks": 2, "seconds": 1.0}},
    {"class_path": "callbacks.ErrorPictures"},
    {"class_path": "step_log.StepLog", "init_args": {"path": "log"}},
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_local.started(tmp_path_factory.mktemp("slurm")) as environment:
        environment["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parent}"
        environment["MELISMA_TRUST"] = "step_log"
        yield environment


def submit(slurm, recipe, folder, *words, options=TWO_NODES):
    words = ("--config", recipe, f"--trainer.default_root_dir={folder}", *words)
    return submitted(slurm, folder, "train.sbatch", words, *options)


def losses(*logs):
    """Of each of 30 steps, the mean over its two batches, which one process counts half each."""
    found = [
        [float.fromhex(entry["loss"]) for entry in map(json.loads, log.read_text().splitlines()) if "loss" in entry]
        for log in logs
    ]
    return np.array(found).T.reshape(30, 2).mean(axis=1)


def scores(folder):
    validations = json.loads((folder / "record.json").read_text())["validations"]
    return [{name: value for name, value in each["metrics"].items() if name.startswith("val/")} for each in validations]


def written(folder):
    """Tables and pictures; what a picture shows in its last bits is not compared."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".csv", ".tsv", ".png")}


def test_two_nodes_give_the_curve_of_one_process_that_accumulates_two_batches(
    slurm, small_recipe, tmp_path, monkeypatch
):
    recipe = yaml.safe_load(small_recipe.read_text())
    recipe["model"]["init_args"]["network"] = WAVENET
    recipe["trainer"] |= {"callbacks": PICTURES, "log_every_n_steps": 1, "max_steps": 30, "val_check_interval": 10}
    recipe["data"]["init_args"]["batch_size"] = 16
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    job = submit(slurm, tmp_path / "recipe.yaml", tmp_path / "two")
    recipe["trainer"] |= {"accumulate_grad_batches": 2, "val_check_interval": 20}  # batches, of which two are a step
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(recipe))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("MELISMA_TRUST", slurm["MELISMA_TRUST"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run(["fit", "--config", str(tmp_path / "one.yaml"), f"--trainer.default_root_dir={tmp_path}", "--resume.run=one"])
    torch.set_num_threads(threads)
    finish(job, slurm, tmp_path / "two", "COMPLETED")
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in log_of(tmp_path / "two")
    two, one = tmp_path / "two" / "runs" / f"slurm-local-{job}", tmp_path / "runs" / "one"
    ours, theirs = losses(tmp_path / "two" / "log.0", tmp_path / "two" / "log.1"), 2 * losses(tmp_path / "log.0")
    assert np.abs(ours - theirs).max() < 1e-5 and np.ptp(theirs) > 0.05
    assert len(scores(two)) == len(scores(one)) == 3
    for ours, theirs in zip(scores(two), scores(one), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert written(two) == written(one) and len(written(two)) >= 3 + 2 + 3
    ours, theirs = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for folder in (two, one)
    )
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs if "weight" in name)


FIT = [
    "--data.batch_size=60", "--model.network.dropout=0.25", "--resume.every_n_train_steps=4",
    "--trainer.val_check_interval=10", "--trainer.max_steps=60",
]  # fmt: skip


def fault(number, at, rank=0, validation=False):
    values = {"number": int(number), "at": at, "rank": rank, "validation": str(validation).lower()}
    return ["--trainer.callbacks+=faults.Fault", *(f"--trainer.callbacks.{key}={values[key]}" for key in values)]


def weights(folder):
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 60
    return {name: value for name, value in state["state_dict"].items() if isinstance(value, torch.Tensor)}


@pytest.fixture(scope="module")
def undisturbed(slurm, small_recipe, tmp_path_factory):
    """Weights of two nodes that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(submit(slurm, small_recipe, folder, *FIT), slurm, folder, "COMPLETED")
    (run_folder,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    return weights(run_folder)


def assert_undisturbed(folder, undisturbed):
    (run_folder,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    found = weights(run_folder)
    assert found.keys() == undisturbed.keys()
    assert all(torch.equal(value, undisturbed[name]) for name, value in found.items())


def sent(*words, slurm):
    subprocess.run(words, env=slurm, check=True, capture_output=True)


def at_once(job, slurm):
    """SLURM lets a job that is queued again wait for two minutes; the nodes need a few seconds to forget it."""
    words = ["scontrol", "update", f"JobId={job}", "StartTime=now+5"]
    assert wait_for(lambda: state_of(job, slurm) == "PENDING", 60)
    # It refuses while the nodes are not yet given back.
    assert wait_for(lambda: subprocess.run(words, env=slurm, capture_output=True).returncode == 0, 60)


def begun(folder, steps=8):
    """Wait until so many steps are made."""

    def far_enough():
        (log,) = [*(folder / "runs").glob("*/slow.0")] or [None]
        return log is not None and len(log.read_text()) >= steps

    assert wait_for(far_enough, 120), log_of(folder)[-4000:]


def slow(folder):
    """A step takes a while, so that something can happen within the training."""
    return ["--trainer.callbacks+=faults.Slow", f"--trainer.callbacks.path={folder}/runs/x/slow"]


def test_a_requeued_job_goes_on_with_its_run(slurm, small_recipe, undisturbed, tmp_path):
    (tmp_path / "runs" / "x").mkdir(parents=True)
    job = submit(slurm, small_recipe, tmp_path, *FIT, *slow(tmp_path))
    begun(tmp_path)
    sent("scontrol", "requeue", job, slurm=slurm)
    shutil.move(tmp_path / "runs" / "x", tmp_path / "before")
    (tmp_path / "runs" / "x").mkdir()
    at_once(job, slurm)
    assert wait_for(lambda: "Restoring states from the checkpoint" in log_of(tmp_path), 180), log_of(tmp_path)[-4000:]
    finish(job, slurm, tmp_path, "COMPLETED")
    assert "Stopped by SIGTERM after step" in log_of(tmp_path)
    shutil.rmtree(tmp_path / "runs" / "x")
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("validation", [False, True], ids=["training", "validation"])
def test_the_signal_before_the_time_limit_queues_the_job_again(slurm, small_recipe, undisturbed, tmp_path, validation):
    # One process gets it here, as all do from SLURM; the fault does not come again, for its batch is behind.
    job = submit(slurm, small_recipe, tmp_path, *FIT, *fault(signal.SIGUSR1, 19 if validation else 13, 1, validation))
    assert wait_for(lambda: f"job {job} is queued again" in log_of(tmp_path), 120), log_of(tmp_path)[-4000:]
    at_once(job, slurm)
    finish(job, slurm, tmp_path, "COMPLETED")
    assert "Stopped by SIGUSR1 after step" in log_of(tmp_path)
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.long
def test_a_job_that_is_cancelled_is_not_queued_again_but_its_run_goes_on_by_its_name(
    slurm, small_recipe, undisturbed, tmp_path
):
    job = submit(slurm, small_recipe, tmp_path, *FIT, *fault(signal.SIGTERM, 13))
    finish(job, slurm, tmp_path, "FAILED")
    assert "queued again" not in log_of(tmp_path) and exit_code(job, slurm) == "143:0"
    job = submit(slurm, small_recipe, tmp_path, *FIT, f"--resume.run=slurm-local-{job}")
    finish(job, slurm, tmp_path, "COMPLETED")
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.long
def test_a_lost_task_ends_the_job_and_the_run_goes_on(slurm, small_recipe, undisturbed, tmp_path):
    job = submit(slurm, small_recipe, tmp_path, *FIT, *fault(signal.SIGKILL, 13, 1))
    finish(job, slurm, tmp_path, "FAILED", seconds=90)
    assert exit_code(job, slurm) != "0:0"
    job = submit(slurm, small_recipe, tmp_path, *FIT, f"--resume.run=slurm-local-{job}")
    finish(job, slurm, tmp_path, "COMPLETED")
    assert_undisturbed(tmp_path, undisturbed)


def exit_code(job, slurm):
    shown = subprocess.run(["scontrol", "show", "job", job], env=slurm, capture_output=True, text=True).stdout
    return shown.split("ExitCode=")[1].split()[0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "srun MELISMA fit",
            "srun started 1 processes on each of 2 nodes, but trainer.devices is 1 and trainer.num_nodes 1",
        ),
        ("MELISMA fit", "SLURM gave this job 2 tasks, but melisma was started once, not by srun"),
    ],
)
def test_launches_that_do_not_agree_are_refused(slurm, small_recipe, tmp_path, script, message):
    script = script.replace("MELISMA", slurm["MELISMA"])
    (tmp_path / "job.sh").write_text(
        f"#!/bin/sh\n{script} --config {small_recipe} --trainer.default_root_dir={tmp_path}\n"
    )
    options = ["--wait", "--nodes=2", "--ntasks-per-node=1", f"--output={tmp_path}/printed"]
    done = subprocess.run(["sbatch", *options, tmp_path / "job.sh"], env=slurm, cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert f"melisma: {message}" in (tmp_path / "printed").read_text()
    assert not (tmp_path / "runs").exists()


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


@pytest.mark.long
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
