"""Stopped from outside and started again by the same command: the run that was not stopped, to the last bit."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only

from experiments import launch
from experiments.cli import main

TIMEOUT = 15  # s, after which a process that does not answer is given up

pytestmark = pytest.mark.slow(seconds=30)


@pytest.fixture(autouse=True)
def helpers(monkeypatch):
    """The modules of the callbacks, which a configuration names."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import step_log

    return step_log


def start(rank, words, printed, environment):
    os.environ |= environment | {"RANK": str(rank), "LOCAL_RANK": str(rank), "COLUMNS": "200"}
    rank_zero_only.rank = rank  # read from the environment when Lightning is imported
    torch.set_num_threads(1)
    launch.TIMEOUT = timedelta(seconds=TIMEOUT)
    sys.argv = ["melisma", *map(str, words)]
    with open(f"{printed}.{rank}", "a") as sys.stdout, open(f"{printed}.{rank}", "a") as sys.stderr:
        main()


def launched(words, printed, processes):
    """Run `melisma` in processes with the variables of torch's launcher; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    environment |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "GROUP_RANK": "0"}
    environment |= {"TORCHELASTIC_RUN_ID": "none"}
    words += [f"--trainer.devices={processes}", "--trainer.strategy=ddp"]
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=start, args=(rank, words, printed, environment)) for rank in range(processes)]
    for rank in ranks:
        rank.start()
    deadline = time.monotonic() + 120
    while any(rank.exitcode is None for rank in ranks) and time.monotonic() < deadline:
        if any(rank.exitcode for rank in ranks):  # one has failed: how long the others may stay
            deadline = min(deadline, time.monotonic() + TIMEOUT + 10)
        time.sleep(0.2)
    codes = [rank.exitcode for rank in ranks]
    for rank in ranks:
        rank.kill()
    return codes


def fit(recipe, root, *words, processes=1):
    root.mkdir(exist_ok=True)
    options = [
        "--data.batch_size=60", "--model.network.dropout=0.25", "--resume.every_n_train_steps=4", "--resume.run=mine",
        "--trainer.max_steps=22", "--trainer.val_check_interval=5", f"--trainer.default_root_dir={root}",
        "--trainer.callbacks+=step_log.StepLog", f"--trainer.callbacks.path={root / 'log'}",
    ]  # fmt: skip
    words = ["fit", "--config", recipe, *options, *words]
    return launched(words, root / "printed", processes)


def weights(root):
    state = torch.load(root / "runs" / "mine" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


STOPPED = {  # the fault, and the exit codes of both processes
    "SIGTERM to one": ([signal.SIGTERM, 7, 1], [143, 0]),
    "SIGUSR1 to one": ([signal.SIGUSR1, 7, 0], [75, 0]),
    "SIGTERM in validation": ([signal.SIGTERM, 9, 1, True], [143, 0]),
    "kill -9 of one": ([signal.SIGKILL, 7, 1], [1, -9]),
    "one stands still": ([signal.SIGSTOP, 7, 1], [1, None]),
}


LONG = ("SIGTERM to one", "SIGUSR1 to one", "one stands still")


@pytest.fixture(scope="module")
def undisturbed(small_recipe, tmp_path_factory):
    """The folder of the run of two processes that nothing happened to."""
    sys.path.insert(0, str(Path(__file__).parent))
    root = tmp_path_factory.mktemp("undisturbed")
    assert fit(small_recipe, root, processes=2) == [0, 0]
    yield root
    sys.path.remove(str(Path(__file__).parent))


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.long(seconds=30)) if case in LONG else case for case in STOPPED],
)
def test_two_processes_go_on_as_if_nothing_had_happened(small_recipe, undisturbed, tmp_path, helpers, case):
    (number, at, rank, *more), codes = STOPPED[case]
    fault = ["--trainer.callbacks+=faults.Fault", f"--trainer.callbacks.number={int(number)}"]
    fault += [f"--trainer.callbacks.at={at}", f"--trainer.callbacks.rank={rank}"]
    fault += ["--trainer.callbacks.validation=true"] if more else []
    stopped = tmp_path / "stopped"
    assert fit(small_recipe, stopped, *fault, processes=2) == codes, (stopped / "printed.0").read_text()[-3000:]
    (folder,) = (stopped / "runs").iterdir()
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert 0 < saved["global_step"] < 22
    assert fit(small_recipe, stopped, processes=2) == [0, 0]
    assert same(weights(stopped), weights(undisturbed))
    for rank in range(2):  # what was done twice gave the same, and nothing was left out but by the process that died
        expected = {keyed(entry): entry for entry in helpers.read(undisturbed / "log", rank)}
        found = {keyed(entry): entry for entry in helpers.read(stopped / "log", rank)}
        assert expected | found == expected and len(found) >= len(expected) - (codes[rank] in (-9, None))


def keyed(entry):
    return entry["batch"], "validation" in entry
