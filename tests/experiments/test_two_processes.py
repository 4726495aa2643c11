"""Two gloo processes: one run folder, one set of files, and the figures of one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from datamodules import AudioFolder, ShardRecipe
from datamodules.preparation.prepare import prepare

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
    assert done.returncode == 0, done.stderr[-9000:]
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


PHONES = ["AA", "B", "K"]
RECOGNIZER = {
    "class_path": "lightning_modules.PhonemeRecognizer",
    "init_args": {
        "network": {"class_path": "architectures.ConvLSTM", "init_args": {"hidden": 8, "layers": 1, "dropout": 0.0}},
        "front_end": {"class_path": "architectures.MFCC", "init_args": {"rate": 8000}},
        "decoder": {"class_path": "lightning_modules.PrefixBeam", "init_args": {"beam_size": 5}},
    },
}
CLASSIFIER = {
    "class_path": "lightning_modules.ClipClassifier",
    "init_args": {
        "network": {"class_path": "architectures.MelCNN"},
        "front_end": {"class_path": "architectures.HTKMelSpectrogram", "init_args": {"rate": 8000, "bins": 20}},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        (
            RECOGNIZER,
            {"class_path": "datamodules.PhonemeData", "init_args": {"phones": PHONES}},
            "levenshtein_distance",
        ),
        (
            CLASSIFIER,
            {"class_path": "datamodules.ClipData", "init_args": {"classes": ["x", "y"], "seconds": 0.6}},
            "macro_f1",
        ),
    ],
    ids=["phones", "clips"],
)
def test_two_processes_score_utterances_as_one(tmp_path, model, data, expected):
    generator = np.random.default_rng(0)
    rows = ["audio\tword\tphones"]
    (tmp_path / "sounds").mkdir()
    for number in range(7):  # no multiple of the processes, and of different lengths
        noise = generator.uniform(-0.5, 0.5, 3000 + 700 * number)
        soundfile.write(tmp_path / "sounds" / f"{number}.wav", noise, 8000)
        rows.append(f"{number}.wav\t{'xy'[number % 2]}\t{' '.join(generator.choice(PHONES, 2 + number))}")
    (tmp_path / "sounds" / "list.tsv").write_text("\n".join(rows))
    corpus = AudioFolder(str(tmp_path / "sounds"), manifest="list.tsv", label_column="word", transcript_column="phones")
    prepare(
        ShardRecipe(
            corpus, str(tmp_path / "shards"), rate=8000, hop=80, segment=None, context=0.0, splits={"validation": 1.0},
            classes=["x", "y"], phones=PHONES,
        ),
        progress=False,
    )  # fmt: skip
    data["init_args"] |= {"validation": {"mine": str(tmp_path / "shards")}, "batch_size": 2}
    configuration = {"model": model, "data": data, "checkpoint": {"monitor": "val/mine/loss"}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(configuration))
    words = ["validate", "--config", tmp_path / "recipe.yaml", f"--trainer.default_root_dir={tmp_path}"]
    words += ["--trainer.logger=false", "--trainer.accelerator=cpu"]
    two, one = melisma(tmp_path, *words, processes=2), melisma(tmp_path, *words)
    assert expected in one and len(one) >= 5
    assert two == pytest.approx(one, abs=1e-6)
    alone = melisma(tmp_path, *words, "--data.batch_size=1")
    assert alone == pytest.approx(one, abs=2e-6)
