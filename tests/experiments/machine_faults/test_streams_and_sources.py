"""Streams that are closed or take nothing, and data that go away while they are read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.machine_faults.conftest import one_line
from tests.experiments.machine_faults.forked import melisma
from tests.experiments.machine_faults.places import contents

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[3]


def started(arguments: str, shards) -> subprocess.CompletedProcess:
    """A shell's `melisma inspect SHARDS` with something behind it."""
    command = f"{sys.executable} -m experiments inspect {shards} {arguments}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=120)


def test_standard_output_that_is_full_is_named(melody_shards):
    ended = started(">/dev/full", melody_shards)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr and "Exception" not in ended.stderr
    assert ended.stderr.startswith("melisma: ") and ended.stderr.count("\n") == 1
    assert "No space left on device" in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize(("closed", "code"), [("| head -1", 0), ("<&-", 0), (">&-", 0), ("2>&-", 0)])
def test_streams_that_are_closed_end_nothing_in_a_traceback(melody_shards, closed, code):
    ended = started(closed, melody_shards)
    assert ended.returncode == code and "Traceback" not in ended.stderr + ended.stdout
    assert "Exception" not in ended.stderr


def when_opened(name: str, act):
    """Do something, once, when a file with this in its name is opened."""

    def prepare():
        done = []

        def hear(event, values):
            if event == "open" and not done and name in str(values[0]):
                done.append(True)
                act()

        sys.addaudithook(hear)

    return prepare


@pytest.mark.long
def test_a_recording_that_goes_away_during_prepare_is_left_out_with_its_name(world, tmp_path):
    copy = tmp_path / "recordings"
    shutil.copytree(world.recordings, copy)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(world.preparing.read_text().replace(str(world.recordings), str(copy)))
    ended = melisma(["prepare", recipe], tmp_path / "here", when_opened("r1.wav", (copy / "r3.wav").unlink))
    assert ended.code == 1 and "Traceback" not in ended.output and "r3.wav" in "".join(ended.told)


@pytest.mark.long
def test_a_recording_that_goes_away_during_transcribe_is_named_and_the_others_are_answered(world, tmp_path):
    copy = tmp_path / "recordings"
    shutil.copytree(world.recordings, copy)
    words = ["transcribe", copy, "--model", world.released, "--out", "out"]
    ended = melisma(words, tmp_path / "here", when_opened("r0.csv", (copy / "r3.wav").unlink))
    assert ended.code == 1 and "Traceback" not in ended.output and "r3.wav" in ended.output
    assert len([name for name in contents(tmp_path / "here") if name.endswith(".csv")]) == 5


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("gone", ["shards", "train-000001*"])
def test_shards_that_go_away_during_a_fit_are_named(world, tmp_path, gone, workers):
    copy = tmp_path / "shards"
    shutil.copytree(world.shards, copy)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(world.small_recipe.read_text().replace(str(world.shards), str(copy)))

    def remove():
        for path in [copy] if gone == "shards" else list(copy.glob(gone)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    words = ["fit", "--config", recipe, f"--data.workers={workers}", "--trainer.max_steps=400"]
    ended = melisma(words, tmp_path / "here", when_opened("curves.jsonl", remove))
    if ended.code:  # files that are open may still be read
        one_line(ended, str(copy))
