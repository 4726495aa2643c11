"""A disk that fills up at any write: one line that names the file, nothing half-written, and the same command goes on."""

import math
import random
import shutil

import pytest

from tests.experiments.machine_faults.conftest import one_line
from tests.experiments.machine_faults.forked import melisma
from tests.experiments.machine_faults.places import can_mount, contents, disk

pytestmark = [pytest.mark.faults]

PAGE = 4096
FULL = "No space left on device"

COMMANDS = {
    "prepare": lambda w: ["prepare", w.preparing],
    "prepare in jobs": lambda w: ["prepare", w.preparing, "-j", "2", "--backend", "threading"],
    "prepare with a cache": lambda w: ["prepare", w.preparing, "--cache", "cache"],
    "transcribe": lambda w: ["transcribe", w.recordings, "--model", w.released, "--out", "answers", "--format",
                             "csv,sv,pitchtier,npz"],
    "release": lambda w: ["release", w.run, "--out", "released"],
    "export": lambda w: ["export", w.released, "--out", "model.pt2"],
    "evaluate": lambda w: ["evaluate", w.recordings, f"one={w.recordings}", f"two={w.recordings}", "--out", "scores"],
    "compare": lambda w: ["compare", f"{w.shards}:validation", "--methods", f"mine={w.released},other={w.released}", "--out", "judged"],
    "report": lambda w: ["report", w.run, "--out", "page/report.html"],
    "probe": lambda w: ["probe", f"mine={w.released}", "--out", "probed"],
    "validate": lambda w: ["validate", "--config", w.run / "config.yaml", "--ckpt_path", w.run / "checkpoints/best.ckpt"],
    "fit": lambda w: ["fit", "--config", w.small_recipe, "--resume.run=mine", "--resume.every_n_train_steps=2"],
}  # fmt: skip
