import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPT = """
import importlib.util, pathlib, sys
from lightning.pytorch.loggers import WandbLogger
from callbacks import Pianorolls

spec = importlib.util.spec_from_file_location("toy", sys.argv[1])
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)
root = pathlib.Path(sys.argv[2])
two = dict(devices=2, strategy="ddp", max_epochs=2, pictures=Pianorolls(seconds=1.0), use_distributed_sampler=False)

logger = WandbLogger(project="toy", save_dir=root / "logged", offline=True)
try:
    toy.trainer(root, logger=logger, every=1000, **two).fit(toy.ToyTracker(fail_at_step=5))
except ArithmeticError:
    sys.stdout.write("failed as made\\n")
toy.trainer(root, **two).validate(toy.ToyTracker())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    own = {f"WANDB_{place}_DIR": str(folder / "elsewhere") for place in ("CONFIG", "CACHE", "DATA")}
    own |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
            *("script.py", str(Path(__file__).with_name("conftest.py")), "root"),
        ],
        env=os.environ | own,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("failed as made") == 2
    assert result.stdout.count("Run folder:") == 1  # of validate; a failed fit has no end to say it at
    assert sorted(path.name for path in folder.iterdir() if path.name != "elsewhere") == ["root", "script.py"]
    return folder / "root"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_there_is_one_folder_with_the_tracks_of_both_processes(root):
    (validated,) = (root / "runs").iterdir()
    assert names(validated / "validate" / "toy" / "f0") == ["a.csv", "b.csv", "c.csv", "d.csv"]
    # Track a is completed by the first process, b by the second.
    assert names(validated / "validate" / "toy" / "pictures") == ["a.png", "b.png"]


def test_the_processes_that_fail_leave_one_checkpoint_and_do_not_hang(root):
    (fitted,) = (root / "logged" / "toy").iterdir()
    assert names(fitted / "checkpoints") == ["best.ckpt", "last.ckpt"]
    assert torch.load(fitted / "checkpoints" / "last.ckpt")["global_step"] == 5


def test_wandb_gets_the_pictures_of_both_processes(root):
    (media,) = (root / "logged" / "wandb").glob("offline-run-*/files/media/images/val/toy")
    assert [name[0] for name in names(media)] == ["a", "b"]
