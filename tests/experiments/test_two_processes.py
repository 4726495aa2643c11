"""Two gloo processes: one run folder, one set of files, and the figures of one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def melisma(folder, *words, processes=1):
    """Run in processes of its own, as a user would; the figures that the validation's table printed."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    start = [*launcher, "-m", "experiments"] if processes > 1 else [sys.executable, "-m", "experiments"]
    options = [f"--trainer.devices={processes}", "--trainer.strategy=ddp"] if processes > 1 else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [*start, *map(str, words), *options], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {key: float(value) for key, value in re.findall(r"^(\w+) +(-?\d+\.\d{6})$", done.stdout, re.MULTILINE)}


@pytest.mark.slow
def test_two_processes_train_and_score_as_one(small_recipe, tmp_path):
    root = f"--trainer.default_root_dir={tmp_path}"
    melisma(tmp_path, "fit", "--config", small_recipe, root, "--data.batch_size=4", processes=2)
    (folder,) = (tmp_path / "runs").iterdir()
    written = sorted(path.name for path in folder.rglob("*") if path.is_file())
    tables = [name for name in written if name.endswith(".csv")]
    assert tables == [f"validation_0000{number}.csv" for number in range(3)]
    assert [name for name in written if not name.endswith(".csv")] == [
        "best.ckpt",
        "config.yaml",
        "last.ckpt",
        "record.json",
    ]
    again = ["validate", "--config", folder / "config.yaml", "--ckpt_path", folder / "checkpoints" / "best.ckpt"]
    again += ["--trainer.devices=1", "--trainer.strategy=auto"]
    two, one = melisma(tmp_path, *again, processes=2), melisma(tmp_path, *again)
    assert len(one) >= 12
    assert two == pytest.approx(one, abs=1e-6)
