"""The batch script on a real SLURM: two nodes on this host, one task on each."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sinfo", "scontrol", "munged")

pytestmark = pytest.mark.cluster

CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldPort=16817
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17001 CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port=17002 CPUs=2 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def start_munge():
    """The authentication daemon, as its own user; one that runs already is used."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        return
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", "munged"], check=True)
    assert wait_for(lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0, 10)


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment in which the SLURM commands speak to a controller and two nodes of this test."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no SLURM on this machine: {', '.join(missing)} not found")
    if os.geteuid() != 0:
        pytest.skip("starting SLURM's daemons needs root")
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    start_munge()
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=socket.gethostname(), user="root", folder=folder))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    daemons = [["slurmctld", "-D", "-f", configuration]]
    daemons += [["slurmd", "-D", "-f", configuration, "-N", node] for node in ("n1", "n2")]
    processes = [
        subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for words in daemons
    ]

    def idle():
        states = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], env=environment, capture_output=True, text=True)
        return states.stdout.split() == ["idle", "idle"]

    assert wait_for(idle, 30), (folder / "ctld.log").read_text()[-2000:]
    yield environment
    for process in reversed(processes):
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(20)


def state_of(job, environment):
    shown = subprocess.run(["scontrol", "show", "job", job], env=environment, capture_output=True, text=True).stdout
    return shown.split("JobState=")[1].split()[0] if "JobState=" in shown else "UNKNOWN"


def submit(slurm, recipe, folder, *words):
    """Submit the batch script for two nodes with one task each; the job's number."""
    (folder / "runs").mkdir(exist_ok=True)
    environment = {
        **slurm,
        "MELISMA": f"{Path(sys.executable).parent}/melisma",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
    }
    submitted = subprocess.run(
        ["sbatch", "--parsable", "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1",
         ROOT / "experiments" / "cluster" / "train.sbatch",
         "--config", recipe, "--data.batch_size=4", f"--trainer.default_root_dir={folder}", *words],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stderr
    return submitted.stdout.strip()


def log_of(folder):
    return "".join(path.read_text() for path in sorted((folder / "runs").glob("slurm-*.out")))


def finish(job, slurm, folder, *expected):
    ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
    assert wait_for(lambda: state_of(job, slurm) in ended, 240), log_of(folder)[-4000:]
    assert state_of(job, slurm) in expected, log_of(folder)[-4000:]


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
    (tmp_path / "runs").mkdir()
    for name in ("array", "alone"):
        (tmp_path / f"{name}.yaml").write_text(CORPUS.replace("DIRECTORY", str(tmp_path / name)))
    environment = {**slurm, "MELISMA": f"{Path(sys.executable).parent}/melisma"}
    submitted = subprocess.run(
        ["sbatch", "--parsable", "--array=3-7:2", "--cpus-per-task=1",
         ROOT / "experiments" / "cluster" / "prepare.sbatch", tmp_path / "array.yaml"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stderr
    array = submitted.stdout.strip()
    assert wait_for(lambda: list((tmp_path / "array").glob("*.json")), 120)
    subprocess.run(["scancel", "--signal=KILL", f"{array}_5"], env=slurm, check=True)
    assert wait_for(lambda: (tmp_path / "array" / "dataset.json").exists(), 120)
    subprocess.run([environment["MELISMA"], "prepare", tmp_path / "alone.yaml"], check=True, capture_output=True)

    def content(name):
        return {path.name: path.read_bytes() for path in (tmp_path / name).glob("[!.]*")}

    assert content("array") == content("alone")


def test_the_script_refuses_to_run_outside_a_job():
    done = subprocess.run(["bash", ROOT / "experiments" / "cluster" / "train.sbatch"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "without SLURM run: melisma fit" in done.stderr
