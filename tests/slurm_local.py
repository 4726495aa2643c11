"""SLURM on this host for tests: a controller and two nodes of two cores, started where its programs are installed.

@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_local.started(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "experiments" / "cluster"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sinfo", "scontrol", "munged")
# Of a test's jobs: this checkout's `melisma`, one thread each, and processes that meet on this host.
JOB_ENVIRONMENT = {
    "MELISMA": f"{Path(sys.executable).parent}/melisma",
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "MASTER_ADDR": "127.0.0.1",
}

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
SchedulerParameters=sched_interval=5,bf_interval=2
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


@contextmanager
def started(folder):
    """SLURM runs within it: the environment in which its commands speak to it. One at a time, its ports are fixed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no SLURM on this machine: {', '.join(missing)} not found")
    if os.geteuid() != 0:
        pytest.skip("starting SLURM's daemons needs root")
    with FileLock(Path(tempfile.gettempdir()) / "melisma-slurm.lock"):
        (folder / "state").mkdir()
        start_munge()
        configuration = folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(host=socket.gethostname(), user="root", folder=folder))
        environment = {**os.environ, **JOB_ENVIRONMENT, "SLURM_CONF": str(configuration)}
        daemons = [["slurmctld", "-D", "-f", configuration]]
        daemons += [["slurmd", "-D", "-f", configuration, "-N", node] for node in ("n1", "n2")]
        processes = [
            subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for words in daemons
        ]
        try:
            assert wait_for(lambda: states_of_nodes(environment) == ["idle", "idle"], 30), (
                folder / "ctld.log"
            ).read_text()[-2000:]
            yield environment
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(20)


def states_of_nodes(environment):
    shown = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], env=environment, capture_output=True, text=True)
    return shown.stdout.split()


def state_of(job, environment):
    shown = subprocess.run(["scontrol", "show", "job", job], env=environment, capture_output=True, text=True).stdout
    return shown.split("JobState=")[1].split()[0] if "JobState=" in shown else "UNKNOWN"


def submitted(slurm, folder, script, words, *options, **environment):
    """Submit a script of experiments/cluster with words for it, options for sbatch and more variables; the job's id."""
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["sbatch", "--parsable", *options, SCRIPTS / script, *map(str, words)],
        cwd=folder, env={**slurm, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def log_of(folder):
    """What the jobs of a folder printed."""
    return "".join(path.read_text() for path in sorted((folder / "runs").glob("*.out")))


def finish(job, slurm, folder, *expected, seconds=240):
    """Wait until a job has ended in one of these states."""
    ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
    assert wait_for(lambda: state_of(job, slurm) in ended, seconds), log_of(folder)[-4000:]
    assert state_of(job, slurm) in expected, log_of(folder)[-4000:]
