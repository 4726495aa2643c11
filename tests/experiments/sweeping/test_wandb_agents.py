"""A run that an agent of Weights & Biases started, preempted and given to the next; offline, the agent pretended."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from tests.wandb_log import records as records_of

ROOT = Path(__file__).parents[3]
STEPS = 36
pytestmark = pytest.mark.long(seconds=40)


@pytest.fixture
def command(small_recipe, tmp_path):
    """`command` of a sweep file; the words that need an account are those of the catalogue."""
    logger = "lightning.pytorch.loggers.WandbLogger"
    return [
        *("${env}", "melisma", "fit", f"--config={small_recipe}", f"--trainer.logger.class_path={logger}"),
        *("--trainer.logger.init_args.project=mine", f"--trainer.logger.init_args.save_dir={tmp_path}"),
        *(f"--trainer.max_steps={STEPS}", "--trainer.logger.init_args.offline=false", "${args}"),
    ]


@pytest.fixture
def agent(command, tmp_path):
    """Starts a run as wandb's agent does: the same variables, files, process group and words."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "melisma").write_text(f'#!/bin/sh\nexec {sys.executable} -m experiments "$@"\n')
    (programs / "melisma").chmod(0o755)
    started = []

    def start(run, values):
        place = tmp_path / "wandb" / "sweep-abc"
        place.mkdir(parents=True, exist_ok=True)
        parameters = {key: {"value": value} for key, value in values.items()}
        path = place / f"config-{run}.yaml"
        path.write_text(yaml.safe_dump({"wandb_version": 1, **parameters}))
        macros = {**create_sweep_command_args({"args": parameters}), "env": ["/usr/bin/env"]}
        words = [
            word
            for each in create_sweep_command(list(command))
            for word in (macros[each[2:-1]] if each.startswith("${") else [each])
        ]
        environment = {
            **os.environ, "WANDB_SWEEP_ID": "abc", "WANDB_RUN_ID": run, "WANDB_SWEEP_PARAM_PATH": str(path),
            "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}",
        }  # fmt: skip
        with (tmp_path / f"{run}.log").open("a") as log:
            started.append(
                subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=log, stderr=log, process_group=0)
            )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def sent_to_wandb(folder):
    """Records of all transaction logs of a run, the oldest first."""
    return [each for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")) for each in records_of(path)]


def kinds(records):
    return [record.WhichOneof("record_type") for record in records]


def exit_codes(records):
    return [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"]


def begun(folder):
    path = folder / "curves.jsonl"
    return path.exists() and '"val/' in path.read_text()


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_preempted_run_is_given_back_and_goes_on_under_its_id(agent, tmp_path):
    values = {"model.init_args.optimizer.init_args.lr": 0.004}
    folder = tmp_path / "mine" / "run1"
    first = agent("run1", values)
    wait_for(lambda: begun(folder))
    first.terminate()
    assert first.wait(60) == 143
    records = sent_to_wandb(tmp_path)
    # wandb queues the run again if it was marked and its exit code is not 0.
    assert "preempting" in kinds(records) and exit_codes(records) == [143]
    assert {record.run.run_id for record in records if record.HasField("run")} == {"run1"}
    stopped = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert 0 < stopped < STEPS

    second = agent("run1", values)
    assert second.wait(120) == 0, (tmp_path / "run1.log").read_text()[-2000:]
    records = sent_to_wandb(tmp_path)
    assert exit_codes(records) == [143, 0] and kinds(records).count("preempting") == 1
    assert {record.run.run_id for record in records if record.HasField("run")} == {"run1"}
    assert list(tmp_path.rglob("record.json")) == [folder / "record.json"]
    record = json.loads((folder / "record.json").read_text())
    assert record["finished"] and [each["step"] for each in record["validations"]] == list(range(6, STEPS + 1, 6))
    assert record["config"]["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.004
    lines = [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line.get("event") == "fit"] == [0, stopped]
