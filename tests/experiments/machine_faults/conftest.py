"""What the commands of these tests work on: recordings with f0, and the command lines themselves."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from tests.experiments.machine_faults.forked import Ended, melisma
from tests.experiments.machine_faults.places import contents

RATE, COUNT = 8000, 6
PREPARE = """
corpus:
  class_path: datamodules.AudioFolder
  init_args: {{folder: {recordings}, table_suffix: .csv}}
directory: shards
rate: 8000
hop: 80
segment: 1.0
context: 0.1
records_per_shard: 3
splits: {{train: 0.6, validation: 0.4}}
"""


@pytest.fixture(scope="session", autouse=True)
def warmed():
    """What every command would load before it begins; processes with threads must not be forked."""
    import experiments.lightning_cli  # noqa: F401

    torch.set_num_threads(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of WAV files with f0 tables; read-only."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(COUNT):
        f0 = 180.0 + 20 * number
        noise = np.random.default_rng(number).normal(size=2 * RATE)
        soundfile.write(folder / f"r{number}.wav", 0.3 * np.sin(2 * np.pi * f0 * np.arange(2 * RATE) / RATE)
                        + 0.02 * noise, RATE)  # fmt: skip
        (folder / f"r{number}.csv").write_text("".join(f"{frame / 100:.2f},{f0}\n" for frame in range(200)))
    return folder


@pytest.fixture(scope="session")
def preparing(recordings, tmp_path_factory):
    """A recipe that makes shards of them, in `shards` of the current folder."""
    path = tmp_path_factory.mktemp("preparing") / "recipe.yaml"
    path.write_text(PREPARE.format(recordings=recordings))
    return path


class World(NamedTuple):
    """Paths of what is there already."""

    recordings: Path
    preparing: Path
    small_recipe: Path
    run: Path
    released: Path
    shards: Path


@pytest.fixture(scope="session")
def world(recordings, preparing, small_recipe, trained_run, released_folder, melody_shards):
    """All of it."""
    return World(recordings, preparing, small_recipe, trained_run, released_folder, melody_shards)


@pytest.fixture(scope="session")
def prepared(preparing, tmp_path_factory):
    """The files that an undisturbed `prepare` writes, by their names."""
    folder = tmp_path_factory.mktemp("prepared")
    ended = melisma(["prepare", preparing], folder)
    assert ended.code == 0, ended.output
    found = contents(folder)
    shutil.rmtree(folder)
    return found


def one_line(ended: Ended, *words: str) -> str:
    """The message of a command that a fault ended: one, with these words in it, and no traceback."""
    assert ended.code == 1, f"exit code {ended.code}\n{ended.output}"
    assert "Traceback" not in ended.output, ended.output
    assert ended.orphans == 0, f"{ended.orphans} processes were left\n{ended.output}"
    assert len(ended.told) == 1, ended.output
    for word in words:
        assert word in ended.told[0], ended.output
    return ended.told[0]
