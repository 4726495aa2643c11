"""Sweep files, and fits that only pretend: they leave what a fit leaves."""

import json

import pytest
import yaml

from datamodules.files import write_atomically
from experiments.sweeping import worker
from experiments.sweeping.sweep_file import read_sweep
from experiments.sweeping.sweep_folder import SweepFolder

METRIC = "val/mine/raw_pitch_accuracy"
GRID = {
    "method": "grid",
    "metric": {"name": METRIC, "goal": "maximize"},
    "parameters": {"model.width": {"values": [1, 2]}, "model.lr": {"values": [0.1, 0.01, 1e-5]}},
    "command": ["${env}", "melisma", "fit", "--config=r.yaml", "--trainer.logger.init_args.offline=false", "${args}"],
}
RANDOM = {**GRID, "method": "random", "parameters": {"model.lr": {"distribution": "uniform", "min": 0.0, "max": 1.0}}}


@pytest.fixture
def write_sweep(tmp_path):
    """Writes a sweep file, a grid of six points, with other values at some keys; None leaves a key out."""

    def write(**changes):
        path = tmp_path / "small.yaml"
        content = {key: value for key, value in {**GRID, **changes}.items() if value is not None}
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def sweep_of(write_sweep, tmp_path):
    """The folder of such a sweep."""

    def make(repeats=1, seed=0, words=(), **changes):
        return SweepFolder(tmp_path / "runs" / "small", read_sweep(write_sweep(**changes)), repeats, seed, words)

    return make


def leave_run(folder, history, finished=True, metric=METRIC, exception=None, every=10):
    """What a fit leaves: its curves, a validation every 10 steps, and its record."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"step": 0, "epoch": 0, "event": "fit", "max_steps": 30, "max_epochs": None, "batches": None}]
    for number, value in enumerate(history, start=1):
        lines.append({"step": every * number, "epoch": 0, "seconds": 36.0 * number, "metrics": {metric: value}})
    if finished:
        lines.append({"step": every * len(history), "epoch": 0, "event": "end", "seconds": 1.0})
    if exception:
        lines.append({"step": every * len(history), "epoch": 0, "event": "exception", "seconds": 1, "type": exception})
    with (folder / "curves.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    record = {"seed": 3, "finished": finished, "config": {"seed_everything": 3}}
    with write_atomically(folder / "record.json") as file:  # as a fit does: another job may read it
        file.write(json.dumps(record).encode())


class PretendedFit:
    """A process that has ended, or one that goes on until it is ended."""

    def __init__(self, exitcode, endless=False):
        self._endless, self.exitcode, self.terminated = endless, exitcode, False

    def is_alive(self):
        return self._endless

    def join(self, timeout=None):
        pass

    def terminate(self):
        self._endless, self.terminated = False, True

    kill = terminate


class Pretended:
    """Stands in for CommandProcesses: `behave(folder, words)` is the fit, and gives its exit code or a process."""

    def __init__(self, behave):
        self.behave, self.started, self.environments = behave, [], []

    def start(self, words, log, environment):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.started.append(list(words))
        self.environments.append(environment)
        code = self.behave(log.parent, words)
        return code if isinstance(code, PretendedFit) else PretendedFit(code)

    def started_points(self):
        return [name_of(words) for words in self.started]


def name_of(words):
    """The name of the run, whose logger is the only one and needs no network."""
    (logger,) = [json.loads(word.partition("=")[2]) for word in words if word.startswith("--trainer.logger")]
    assert logger["class_path"] == "lightning.pytorch.loggers.CSVLogger"
    assert logger["init_args"]["name"] == "small"
    (name,) = [word.partition("=")[2] for word in words if word.startswith("--resume.run=")]
    return name


def value_of(words, key):
    return next(float(word.partition("=")[2]) for word in words if word.startswith(f"--{key}="))


@pytest.fixture
def pretend(monkeypatch):
    """Makes all fits pretended ones."""

    def use(behave):
        pretended = Pretended(behave)
        monkeypatch.setattr(worker, "CommandProcesses", lambda threads: pretended)
        return pretended

    return use


def good_fit(folder, words):
    """Better with a larger learning rate."""
    leave_run(folder, [0.1, value_of(words, "model.lr")])
    return 0
