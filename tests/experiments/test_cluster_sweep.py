"""A sweep as an array of jobs on a real SLURM of two nodes: one meets its time limit, another is queued again."""

import json
import subprocess

import pytest
import yaml

from experiments.sweeping.points import read_points
from tests import slurm_local
from tests.slurm_local import finish, log_of, state_of, submitted, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.long]

OPTIONS = ("--array=0-1", "--exclusive", "--cpus-per-task=1")  # a node each
STEPS = 160


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_local.started(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


def sent(*words, slurm):
    subprocess.run(words, env=slurm, check=True)


def at_once(job, slurm):
    """A job that is queued again begins two minutes later."""
    assert wait_for(lambda: state_of(job, slurm) == "PENDING", 60)
    sent("scontrol", "update", f"JobId={job}", "StartTime=now", slurm=slurm)


def events(point):
    return [json.loads(line) for line in (point.folder / "point.jsonl").read_text().splitlines()]


def begun(folder):
    """Points that have a checkpoint and go on."""
    points = read_points(folder)
    return [
        point
        for point in points
        if events(point)[-1]["event"] == "began" and (point.folder / "checkpoints" / "last.ckpt").exists()
    ]


def test_every_point_is_made_once_and_those_of_interrupted_jobs_go_on(slurm, small_recipe, tmp_path):
    (tmp_path / "small.yaml").write_text(
        yaml.safe_dump({
            "method": "grid",
            "metric": {"name": "val/mine/raw_pitch_accuracy", "goal": "maximize"},
            "parameters": {"model.init_args.optimizer.init_args.lr": {"values": [0.001, 0.002, 0.003, 0.004]}},
            "command": ["${env}", "melisma", "fit", f"--config={small_recipe}", "${args}"],
        })
    )  # fmt: skip
    folder = tmp_path / "runs" / "sweeps" / "small"
    words = [f"--trainer.max_steps={STEPS}", "--trainer.val_check_interval=40", "--resume.every_n_train_steps=5"]
    job = submitted(slurm, tmp_path, "sweep.sbatch", ["small.yaml", "--", *words], *OPTIONS)
    assert wait_for(lambda: len(begun(folder)) == 2, 240), log_of(tmp_path)[-4000:]
    interrupted = {point.name for point in begun(folder)}
    sent("scancel", "--batch", "--signal=USR1", f"{job}_0", slurm=slurm)  # as before the time limit
    sent("scontrol", "requeue", f"{job}_1", slurm=slurm)  # as after a preemption
    for task in ("0", "1"):
        at_once(f"{job}_{task}", slurm)
    for task in ("0", "1"):
        finish(f"{job}_{task}", slurm, tmp_path, "COMPLETED", seconds=400)
    points = read_points(folder)
    assert [point.outcomes[-1] for point in points] == ["finished"] * 4
    assert {point.name for point in points if point.attempts > 1} == interrupted
    for point in points:
        record = json.loads((point.folder / "record.json").read_text())
        assert record["finished"] and [each["step"] for each in record["validations"]] == list(range(40, STEPS + 1, 40))
        starts = [json.loads(line) for line in (point.folder / "curves.jsonl").read_text().splitlines()]
        steps = [line["step"] for line in starts if line.get("event") == "fit"]
        assert steps[0] == 0 and all(step > 0 for step in steps[1:]) and len(steps) == point.attempts
    assert "the time limit is near" in log_of(tmp_path)
