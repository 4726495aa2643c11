"""What two processes write: the same as one, and no less where they fail."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import WandbLogger

from callbacks import (
    AlignmentPictures,
    ClipPictures,
    ErrorPictures,
    ItemScores,
    MultiPitchPianorolls,
    PhoneConfusions,
    Pianorolls,
    PredictedClasses,
    PredictedF0,
    PredictedMultiF0,
    PredictedPhonemes,
    RunCurves,
    RunFolder,
    Submission,
    TrackFrames,
    WindowGaps,
)

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# As torch.distributed.run starts them, but what both import is imported once.
SCRIPT = """
import importlib.util, multiprocessing, os, pathlib, sys
from lightning.pytorch.utilities import rank_zero_only

def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded

toy, test = module("toy", sys.argv[1]), module("test", sys.argv[2])
options = dict(devices=2, strategy="ddp", use_distributed_sampler=False)

def one(rank):
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank}
    rank_zero_only.rank = int(rank)
    test.evaluate(toy, pathlib.Path("root"), **options)
    test.fail(toy, pathlib.Path("failed"), **options)

ranks = [multiprocessing.get_context("fork").Process(target=one, args=(rank,)) for rank in "01"]
for rank in ranks:
    rank.start()
for rank in ranks:
    rank.join()
sys.exit(any(rank.exitcode for rank in ranks))
"""


def evaluate(toy, root, **options):
    """Validates a tracker, whose every track has another pitch, a classifier and a recogniser."""

    class Tracker(toy.ToyTracker):
        def validation_step(self, batch, index):
            pitch = np.random.default_rng(int(batch[0])).uniform(100, 500, 400).astype(np.float32)
            return {"tracks": [toy.made_up_track("dbac"[int(batch[0])], pitch=pitch)]}

    pianorolls = Pianorolls(tracks=1, seconds=1.0, excerpts={"c": (1.0, 1.5)})
    chords, frames = MultiPitchPianorolls(tracks=1, seconds=0.5), (TrackFrames(excerpts=2, seconds=0.5),)
    callbacks = {
        Tracker: (RunFolder(), ItemScores(), *frames, PredictedF0(), ErrorPictures(), pianorolls, WindowGaps()),
        toy.ToyMultiPitchTracker: (ItemScores(), *frames, PredictedMultiF0(), chords),
        toy.ToyClassifier: (ClipPictures(wrong=2), ItemScores(), PredictedClasses()),
        toy.ToyRecognizer: (
            ItemScores(),
            PredictedPhonemes(),
            Submission({"AH": "h", "T": "t", "SIL": "."}),
            AlignmentPictures(2),
            PhoneConfusions(),
        ),
    }
    for module, its in callbacks.items():
        toy.quiet_trainer(root / module.__name__, *its, **options).validate(module())


def fail(toy, root, **options):
    """Fits until one step fails on both processes."""
    logger = WandbLogger(project="toy", save_dir=root, offline=True)
    options |= {"every": 1000, "max_epochs": 2, "pictures": Pianorolls(seconds=1.0)}
    trainer = toy.trainer(root, RunCurves(), logger=logger, **options)
    try:
        trainer.fit(toy.ToyTracker(fail_at_step=5))
    except ArithmeticError:
        sys.stdout.write("failed as made\n")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder in which both were run on two processes."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    own = {f"WANDB_{place}_DIR": str(folder / "elsewhere") for place in ("CONFIG", "CACHE", "DATA")}
    own |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    own |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "none"}
    # The service that an earlier test started would write relative paths below its own directory.
    inherited = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    result = subprocess.run(
        [sys.executable, "script.py", Path(__file__).with_name("conftest.py"), __file__],
        env=inherited | own,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("failed as made") == 2
    assert result.stdout.count("Run folder:") == 1  # of the evaluation; a failed fit has no end to say it at
    assert set(names(folder)) - {"elsewhere"} == {"failed", "root", "script.py"}
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def files(root):
    """Contents by module and path in its run, of which there is one."""
    found = {}
    for module in root.iterdir():
        (run,) = (module / "runs").iterdir()
        found |= {f"{module.name}/{path.relative_to(run)}": path.read_bytes() for path in run.rglob("*.*")}
    return found


@pytest.fixture
def toys(toy_tracker, toy_multi_pitch_tracker, toy_classifier, toy_recognizer):
    return {cls.__name__: cls for cls in (toy_tracker, toy_multi_pitch_tracker, toy_classifier, toy_recognizer)}


@pytest.mark.long
def test_one_and_two_processes_write_the_same(two, quiet, toys, track, tmp_path):
    evaluate(SimpleNamespace(quiet_trainer=quiet.func, made_up_track=track, **toys), tmp_path / "one")
    of_one, of_two = files(tmp_path / "one"), files(two / "root")
    written = {
        "ToyClassifier": [
            "classes.tsv",
            *(f"pictures/{name}.png" for name in ("confusion", "wrong_1", "wrong_2")),
            *(f"pictures/{name}" for name in ("confusion.tsv", "wrong.tsv", "wrong_1.wav", "wrong_2.wav")),
        ],
        "ToyRecognizer": [
            *("phone_confusions.tsv", "phones.ctm", "phones.tsv", "submission.csv"),
            *(f"pictures/{name}.png" for name in ("a", "b", "phone_confusions")),
        ],
        "ToyMultiPitchTracker": [*(f"multi_f0/{track}.tsv" for track in "abcd"), "pictures/a.png"],
        "Tracker": [
            *(
                f"errors/{picture}.{kind}"
                for picture in ("confusion", "error_histogram", "note_accuracy")
                for kind in ("png", "tsv")
            ),
            *(f"f0/{track}.csv" for track in "abcd"),
            *("pictures/a.png", "pictures/c.png", "windows/positions.png", "windows/positions.tsv", "gaps.tsv"),
            *(f"sounds/{track}_{of}.wav" for track in "ac" for of in ("reference", "estimate")),
            *("sounds.tsv", "frames.npz"),
        ],
    }
    assert set(of_one) == {
        f"{module}/validate/toy/{name}" for module in written for name in (*written[module], "scores.tsv")
    }
    assert of_one == of_two


@pytest.mark.long
def test_the_processes_that_fail_leave_one_checkpoint_and_do_not_hang(two):
    (fitted,) = (two / "failed" / "toy").iterdir()
    assert names(fitted / "checkpoints") == ["best.ckpt", "last.ckpt"]
    assert torch.load(fitted / "checkpoints" / "last.ckpt")["global_step"] == 5


def test_the_processes_that_fail_have_written_their_curves_once(two):
    (fitted,) = (two / "failed" / "toy").iterdir()
    lines = [json.loads(line) for line in (fitted / "curves.jsonl").read_text().splitlines()]
    kinds = [line.get("event", *line.get("metrics", {})) for line in lines]
    assert kinds == ["fit", "lr", "lr", "lr", "lr", "val/toy/accuracy", "lr", "exception"]
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 4, 4, 5, 5]
    assert lines[0]["batches"] == 4 and lines[-1]["type"] == "ArithmeticError"


def test_wandb_gets_the_pictures_of_both_processes(two):
    # Track a is completed by the first process, b by the second.
    (media,) = (two / "failed" / "wandb").glob("offline-run-*/files/media/images/val/toy")
    assert [name[0] for name in names(media)] == ["a", "b"]
