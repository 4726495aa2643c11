"""`melisma sweep` with real fits: workers of which one is killed, and what a signal leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from callbacks.run.curve_file import read_curves
from experiments.sweeping.points import read_points

ROOT = Path(__file__).parents[3]
STEPS = 24
pytestmark = pytest.mark.long(seconds=60)


@pytest.fixture
def sweep_file(small_recipe, tmp_path):
    """A grid of four points."""
    path = tmp_path / "small.yaml"
    command = ["${env}", "melisma", "fit", f"--config={small_recipe}", "--trainer.logger.init_args.offline=false"]
    content = {
        "method": "grid",
        "metric": {"name": "val/mine/raw_pitch_accuracy", "goal": "maximize"},
        "parameters": {
            "model.init_args.optimizer.init_args.lr": {"values": [0.003, 0.01]},
            "model.init_args.network.init_args.capacity": {"values": [1, 2]},
        },
        "command": [*command, "${args}"],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def start(sweep_file, tmp_path):
    """Starts a worker of its own process; those that are left are killed."""
    workers = []

    def worker():
        # A step takes a while, so that something can happen within a fit.
        slow = ["--trainer.callbacks+=faults.Slow", f"--trainer.callbacks.path={tmp_path / 'steps'}"]
        words = [sys.executable, "-m", "experiments", "sweep", str(sweep_file), "--", f"--trainer.max_steps={STEPS}"]
        with (tmp_path / f"worker{len(workers)}.log").open("w") as log:
            workers.append(
                subprocess.Popen(
                    [*words, "--resume.every_n_train_steps=1", *slow],
                    cwd=tmp_path,
                    env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'experiments'}"},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return workers[-1]

    yield worker
    for each in workers:
        each.kill()
        each.wait()


def sweep_folder(tmp_path):
    return tmp_path / "runs" / "sweeps" / "small"


def wait_for(condition, seconds=200):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := condition()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def point_in_training(tmp_path, worker):
    """The point that a worker is at, if it has validated."""
    for point in read_points(sweep_folder(tmp_path)):
        events = [json.loads(line) for line in (point.folder / "point.jsonl").read_text().splitlines()]
        curves = point.folder / "curves.jsonl"
        if events[-1]["event"] == "began" and events[-1]["process"] == worker.pid and curves.exists():
            if any(each.step < STEPS for each in read_curves(curves).points):
                return point
    return None


def descendants(pid):
    """Of a process, all that run."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(status.parent.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def events_of(point, kind):
    lines = (point.folder / "point.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def check_all_points_once(tmp_path):
    points = read_points(sweep_folder(tmp_path))
    assert [point.name for point in points] == [f"p{number:04d}" for number in range(4)]
    assert Counter(json.dumps(point.values, sort_keys=True) for point in points).most_common(1)[0][1] == 1
    for point in points:
        assert point.outcomes[-1] == "finished" and point.outcomes.count("finished") == 1
        record = json.loads((point.folder / "record.json").read_text())
        assert record["finished"] and [each["step"] for each in record["validations"]] == list(range(6, STEPS + 1, 6))
        assert record["config"]["model"]["init_args"]["network"]["init_args"]["capacity"] in point.values.values()
        assert list(point.folder.glob("config*.yaml")) == [point.folder / "config.yaml"]
    record = json.loads((sweep_folder(tmp_path) / "sweep.json").read_text())
    assert [each["status"] for each in record["points"]] == ["finished"] * 4
    assert sorted(path.name for path in (tmp_path / "runs").rglob("record.json")) == ["record.json"] * 4
    return points


def test_a_worker_that_is_killed_leaves_its_point_to_the_other_which_goes_on_with_it(start, tmp_path):
    first = start()
    point = wait_for(lambda: point_in_training(tmp_path, first))
    second = start()
    wait_for(lambda: point_in_training(tmp_path, second))
    point = wait_for(lambda: point_in_training(tmp_path, first))
    of_first = descendants(first.pid)
    assert len(of_first) >= 2  # the process that the fits are forked from, and a fit
    first.kill()
    first.wait()
    wait_for(lambda: None if any(map(runs, of_first)) else True, 5)  # no fit goes on without its worker
    assert second.wait(200) == 0
    (killed,) = [each for each in check_all_points_once(tmp_path) if each.name == point.name]
    begun = events_of(killed, "began")
    assert [each["process"] for each in begun] == [first.pid, second.pid] and killed.attempts == 2
    starts = read_curves(killed.folder / "curves.jsonl").starts
    assert len(starts) == 2 and starts[1].step > 0  # from last.ckpt, not from the beginning
    assert sum(len(events_of(each, "began")) for each in read_points(sweep_folder(tmp_path))) == 5


def test_a_sweep_that_is_stopped_goes_on_by_the_same_command(start, tmp_path):
    worker = start()
    point = wait_for(lambda: point_in_training(tmp_path, worker))
    of_worker = descendants(worker.pid)
    for pid in (worker.pid, *of_worker):  # as SLURM does
        os.kill(pid, signal.SIGTERM)
    assert worker.wait(60) == 128 + signal.SIGTERM
    wait_for(lambda: None if any(map(runs, of_worker)) else True, 20)
    assert "stopped by SIGTERM; the same command goes on" in (tmp_path / "worker0.log").read_text()
    stopped = read_points(sweep_folder(tmp_path))[-1]
    assert stopped.name == point.name and stopped.outcomes == ["interrupted"]
    assert (stopped.folder / "checkpoints" / "last.ckpt").exists()
    worker = start()
    assert worker.wait(200) == 0
    check_all_points_once(tmp_path)
