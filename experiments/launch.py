"""Whether the processes that were started are those that the configuration is about, before anything is built.

Lightning believes the configuration. Two processes that were each told that they are alone train two runs, and one that
was told of another waits for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import torch
from jsonargparse import Namespace
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, StrategyRegistry

from datamodules.errors import DataError, shown

# How long a process waits for another one that is lost, before it ends with an error. Longer than anything that one
# process does alone: drawing, uploading, writing a large checkpoint.
TIMEOUT = timedelta(minutes=10)
_ALONE = ("bash", "interactive")  # names of jobs in which Lightning takes no notice of SLURM


class StartedProcesses(NamedTuple):
    """What a launcher has started.

    Attributes:
        launcher: its name.
        nodes: how many hosts.
        on_each: processes of each.
    """

    launcher: str
    nodes: int
    on_each: int


def wait_no_longer() -> None:
    """Let strategies that are named in one word, as `ddp`, give up after `TIMEOUT` and not after half an hour."""
    for name in StrategyRegistry.available_strategies():
        known = StrategyRegistry[name]
        if known["strategy"] in (DDPStrategy, FSDPStrategy):
            known["init_params"].setdefault("timeout", TIMEOUT)


def check_launch(trainer: Namespace, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a configuration of the trainer for other processes than were started.

    Args:
        trainer: of the configuration: `devices`, `num_nodes` and `accelerator`.
        environment: variables of this process.

    Raises:
        DataError: numbers differ, or SLURM's tasks were not started by srun, or this machine would be asked for many
            more processes than it has cores; both numbers and the keys are named.
    """
    started = launched(environment)
    if started is None:
        _refuse_crowd(trainer)
        return
    devices, nodes = _devices(trainer), int(trainer.num_nodes)
    if (devices, nodes) == (started.on_each, started.nodes):
        return
    hosts = f"on each of {started.nodes} nodes" if started.nodes > 1 else "on one node"
    raise DataError(
        f"{started.launcher} started {started.on_each} processes {hosts}, but trainer.devices is {devices} and "
        f"trainer.num_nodes {nodes}; say --trainer.devices={started.on_each} --trainer.num_nodes={started.nodes} "
        "--trainer.strategy=ddp, or start as many"
    )


def launched(environment: Mapping[str, str]) -> StartedProcesses | None:
    """The processes that torchrun or SLURM has started; None where this one was started by neither.

    Raises:
        DataError: SLURM has several tasks for the job and this process is not one of them, or nodes have different
            numbers of tasks.
    """
    if "TORCHELASTIC_RUN_ID" in environment and "WORLD_SIZE" in environment:  # also within a SLURM job
        world, on_each = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        if world % on_each:
            raise DataError(f"torchrun started {world} processes, {on_each} on this host; start as many on each")
        return StartedProcesses("torchrun", world // on_each, on_each)
    if "SLURM_JOB_ID" not in environment or environment.get("SLURM_JOB_NAME") in _ALONE:
        return None
    if "SLURM_STEP_ID" not in environment:
        _refuse_lonely(environment)
        return StartedProcesses("SLURM", 1, 1) if "SLURM_NTASKS" in environment else None
    tasks = _numbers(environment["SLURM_STEP_TASKS_PER_NODE"])
    if len(set(tasks)) > 1:
        raise DataError(f"SLURM started {tasks} processes on the nodes of the job; give sbatch --ntasks-per-node")
    return StartedProcesses("srun", len(tasks), tasks[0])


def _refuse_crowd(trainer: Namespace) -> None:
    """Of processes that Lightning starts on CPUs one after the other, whatever becomes of the machine."""
    if trainer.accelerator not in ("auto", "cpu") or (trainer.accelerator == "auto" and torch.cuda.is_available()):
        return
    stated, cores = trainer.devices, os.cpu_count() or 1
    if stated != "auto" and not re.fullmatch(r"-?\d+", str(stated)):
        raise DataError(f"trainer.devices: {shown(stated)}; on CPUs it is a number of processes")
    if (devices := _devices(trainer)) > max(16, 2 * cores):
        raise DataError(f"trainer.devices: {devices} processes, but this machine has {cores} cores; take fewer")


def _refuse_lonely(environment: Mapping[str, str]) -> None:
    tasks, nodes = (int(environment.get(f"SLURM_{name}", 1)) for name in ("NTASKS", "NNODES"))
    if max(tasks, nodes) > 1:
        of = f"{tasks} tasks" if tasks > 1 else f"{nodes} nodes"
        raise DataError(
            f"SLURM gave this job {of}, but melisma was started once, not by srun, and would wait for the others or "
            "train alone; put `srun` before it (as experiments/cluster/train.sbatch does), or ask for one task"
        )


def _numbers(stated: str) -> list[int]:
    """Of SLURM's `2(x3),1`."""
    found = []
    for each in stated.split(","):
        number, times = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", each).groups()  # type: ignore[union-attr]
        found += [int(number)] * int(times or 1)
    return found


def _devices(trainer: Namespace) -> int:
    """How many processes the trainer would have on a node."""
    stated = trainer.devices
    if isinstance(stated, str) and "," in stated:
        stated = [each for each in stated.split(",") if each]
    if isinstance(stated, list):
        return len(stated)
    if stated in ("auto", -1, "-1"):
        on_gpus = trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        return torch.cuda.device_count() if on_gpus else 1
    return int(stated)
