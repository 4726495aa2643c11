"""What a command loads before it begins, and what other libraries print meanwhile."""

import json
import logging
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from experiments import quiet

ROOT = Path(__file__).parents[2]
COMMANDS = (
    *("browser", "catalogue", "compare", "completion", "demo", "diff", "evaluate", "inspect", "prepare", "release"),
    *("report", "rerun", "schema", "sweep", "transcribe", "verify"),
)
HEAVY = ("torch", "lightning", "torchaudio", "torchmetrics", "wandb", "scipy", "matplotlib")
SCRIPT = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps([name for name in {HEAVY} if name in sys.modules])))
from experiments.cli import main
main()
"""


def loaded(*words):
    """What `melisma` printed, and which heavy packages it had loaded at its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    *lines, last = printed.splitlines()
    return "\n".join(lines), json.loads(last)


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        *(f"{name} --help" for name in COMMANDS),
    ],
)
def test_help_needs_neither_torch_nor_lightning(words):
    text, heavy = loaded(*words.split())
    assert "usage: melisma " in text
    assert heavy == []


def test_shards_are_inspected_and_verified_without_torch(melody_shards):
    for command, line in (("inspect", "train: 4 tracks, 12 records"), ("verify", "0 with a problem")):
        text, heavy = loaded(command, melody_shards)
        assert line in text
        assert heavy == []


def test_tables_are_scored_without_torch(tmp_path):
    times = np.arange(100) / 100
    for folder in ("truth", "guess"):
        (tmp_path / folder).mkdir()
        write_f0(tmp_path / folder / "one.csv", F0Series(times, np.full(100, 220.0)))
    text, heavy = loaded("evaluate", tmp_path / "truth", tmp_path / "guess")
    assert re.search(r"^overall_accuracy +1\.0000$", text, re.MULTILINE)
    assert heavy == []


def test_runs_are_compared_without_torch(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(json.dumps({"config": {"seed_everything": 0}, "metrics": {}}))
    text, heavy = loaded("diff", tmp_path / "one", tmp_path / "other")
    assert text == "alike: configuration, data, code, hardware, figures"
    assert heavy == []


def test_help_lists_every_command_by_the_first_line_of_its_module(melisma):
    outcome = melisma("--help")
    assert outcome.code == 0
    for word in ("fit", "validate", "test", "predict", "demo"):
        assert re.search(rf"^  {word} ", outcome.out, re.MULTILINE)
    assert "  prepare    Turn a corpus into shards, as in `melisma prepare" in outcome.out
    assert "__init__" not in outcome.out


def test_what_advertises_or_repeats_is_left_out_and_nothing_else(caplog):
    quiet.silence()
    with caplog.at_level(logging.INFO), warnings.catch_warnings(record=True) as warned:
        Trainer(logger=False, accelerator="cpu", enable_checkpointing=False)
        rank_zero_warn("`isinstance(treespec, LeafSpec)` is deprecated")
        rank_zero_warn("a warning of another kind")
    assert "GPU available" in caplog.text
    assert "Tip" not in caplog.text and "TPU" not in caplog.text
    assert [str(each.message) for each in warned if "deprecated" in str(each.message)] == []
    assert [str(each.message) for each in warned if "another kind" in str(each.message)] != []
    assert os.environ["WANDB_QUIET"] == "true"
