"""A configuration for other processes than were started is refused, with both numbers."""

import multiprocessing
import os
import re
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy

from datamodules import DataError
from experiments import launch

ROOT = Path(__file__).parents[2]
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
JOB = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "melisma"}
STEP = {**JOB, "SLURM_STEP_ID": "0"}


def trainer(devices=1, num_nodes=1, accelerator="cpu"):
    return Namespace(devices=devices, num_nodes=num_nodes, accelerator=accelerator)


@pytest.mark.parametrize(
    ("environment", "configured"),
    [
        ({}, trainer(8, 4)),
        (TORCHRUN, trainer(2, 2)),
        (TORCHRUN, trainer("2", 2)),
        (TORCHRUN, trainer([0, 1], 2)),
        (TORCHRUN, trainer("0,1", 2)),
        ({**TORCHRUN, **JOB, "SLURM_NTASKS": "2"}, trainer(2, 2)),  # torchrun, started once a node by srun
        ({**TORCHRUN, "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, trainer("auto")),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}, trainer(2, 2)),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "1"}, trainer(-1)),
        ({**JOB, "SLURM_NTASKS": "1", "SLURM_NNODES": "1"}, trainer()),
        ({**JOB, "SLURM_JOB_NAME": "interactive", "SLURM_NTASKS": "2"}, trainer()),
        ({**JOB, "SLURM_NNODES": "1"}, trainer(2)),  # Lightning starts the other one
    ],
)
def test_what_agrees_is_taken(environment, configured):
    launch.check_launch(configured, environment)


@pytest.mark.parametrize(
    ("environment", "configured", "message"),
    [
        (
            TORCHRUN,
            trainer(),
            r"started 2 processes on each of 2 nodes, but trainer.devices is 1 and .*_nodes 1",
        ),
        (TORCHRUN, trainer(2), r"--trainer.devices=2 --trainer.num_nodes=2"),
        (TORCHRUN, trainer(4, 1), r"trainer.devices is 4"),
        ({**TORCHRUN, "WORLD_SIZE": "3"}, trainer(), r"3 processes, 2 on this host"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "2"}, trainer(), r"srun started 2 processes on one node, .* is 1 and"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, trainer(), r"1 processes on each of 2 nodes.*num_nodes 1;"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "2(x2),1"}, trainer(2, 3), r"\[2, 2, 1\].*--ntasks-per-node"),
        ({**JOB, "SLURM_NTASKS": "2", "SLURM_NNODES": "1"}, trainer(), r"this job 2 tasks, but .* not by srun"),
        ({**JOB, "SLURM_NTASKS": "2", "SLURM_NNODES": "1"}, trainer(2), r"this job 2 tasks, but .* not by srun"),
        ({**JOB, "SLURM_NNODES": "2"}, trainer(), r"this job 2 nodes, but .* not by srun"),
        ({}, trainer(1_000_000), r"trainer.devices: 1000000 processes, but this machine has \d+ cores"),
        ({}, trainer([0, 0]), r"trainer.devices: \[0, 0\]; on CPUs it is a number of processes"),
        ({}, trainer("two"), r"trainer.devices: 'two'; on CPUs it is a number of processes"),
        ({**JOB, "SLURM_NTASKS": "1"}, trainer(2), r"SLURM started 1 processes on one node, but trainer.devices is 2"),
    ],
)
def test_what_differs_is_refused_with_the_numbers(environment, configured, message):
    with pytest.raises(DataError, match=message):
        launch.check_launch(configured, environment)


def test_a_strategy_gives_a_lost_process_up_within_the_stated_time():
    launch.wait_no_longer()
    waiting = Trainer(strategy="ddp", devices=2, accelerator="cpu", logger=False).strategy
    assert isinstance(waiting, DDPStrategy) and waiting._timeout == launch.TIMEOUT == timedelta(minutes=10)


@pytest.mark.long(seconds=10)
def test_torchrun_with_the_default_devices_trains_no_two_runs(small_recipe, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         "-m", "experiments", "fit", "--config", small_recipe, "--trainer.devices=1",
         f"--trainer.default_root_dir={tmp_path}"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "melisma: torchrun started 2 processes on one node, but trainer.devices is 1" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def differing(rank, port, difference, printed):
    """One of two processes that differ; prints why it does not begin."""
    from lightning.pytorch.demos.boring_classes import BoringModel
    from lightning.pytorch.utilities import rank_zero_only

    from callbacks import AlikeProcesses
    from callbacks.run import processes

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "none", "GROUP_RANK": "0"}
    rank_zero_only.rank = rank
    alike = AlikeProcesses()
    if rank == 1:
        if difference == "precision":
            alike.refusal = "trainer.precision: bf16-mixed, but this CPU has no kernels"
        if difference == "commit":
            processes.commit_of_code = lambda: "another"
        if difference == "step":
            alike.on_train_start = lambda trainer, module: AlikeProcesses.on_train_start(alike, Shifted(), module)
    with open(printed, "w") as sys.stderr:
        try:
            Trainer(
                accelerator="cpu", devices=2, strategy="ddp", max_steps=2, logger=False, enable_checkpointing=False,
                limit_val_batches=0, callbacks=[alike], enable_progress_bar=False, enable_model_summary=False,
            ).fit(BoringModel())  # fmt: skip
        except Exception as error:
            print(type(error).__name__, error, file=sys.stderr)


class Shifted:
    """A trainer whose process did not see the checkpoint."""

    world_size, global_step = 2, 1


@pytest.mark.parametrize(
    ("difference", "message"),
    [
        ("precision", r"MisconfigurationException process 1 on \S+: trainer.precision: bf16-mixed, but this CPU"),
        (
            "commit",
            r"the processes of this run differ: code \(commit\): .* 'another' in process 1",
        ),
        ("step", r"differ: step to go on from, .* 0 in process 0 on \S+, 1 in process 1"),
        ("nothing", "^$"),
    ],
)
def test_processes_that_differ_end_with_one_message(tmp_path, difference, message, free_port):
    fork = multiprocessing.get_context("fork")
    ranks = [
        fork.Process(target=differing, args=(rank, free_port, difference, tmp_path / str(rank))) for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(60)
        assert rank.exitcode == 0
    lines = [(tmp_path / str(rank)).read_text().splitlines() for rank in range(2)]
    said = ["".join(line for line in each if "Exception" in line) for each in lines]
    assert said[0] == said[1] and re.search(message, said[0])
