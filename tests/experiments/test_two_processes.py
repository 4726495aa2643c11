"""Two gloo processes: one run folder, one set of files, and the figures of one process."""

import multiprocessing
import os
import re
import socket
import sys

import numpy as np
import pytest
import soundfile
import torch
import yaml
from lightning.pytorch.utilities import rank_zero_only

from datamodules import AudioFolder, ShardRecipe
from datamodules.preparation.prepare import prepare
from experiments.cli import main


def start(rank, folder, words, environment):
    """Run `melisma` in a forked process, which prints to a file."""
    os.chdir(folder)
    os.environ |= environment | {"COLUMNS": "200"}
    rank_zero_only.rank = rank  # read from the environment when Lightning is imported
    torch.set_num_threads(1)
    sys.argv = ["melisma", *map(str, words)]
    with open(f"printed_{rank}", "w") as sys.stdout, open(f"errors_{rank}", "w") as sys.stderr:
        main()


def melisma(folder, *words, processes=1, strategy="ddp"):
    """Run in processes with the variables of torch's launcher; the figures that the validation's table printed.

    They are forked, which imports nothing anew. The launcher itself starts those of `test_resume_elsewhere`.
    """
    environment = {}
    if processes > 1:
        words += (f"--trainer.devices={processes}", f"--trainer.strategy={strategy}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        environment |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "GROUP_RANK": "0"}
        environment |= {"TORCHELASTIC_RUN_ID": "none"}
    ranks = []
    for rank in range(processes):
        own = environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if environment else {}
        ranks.append(multiprocessing.get_context("fork").Process(target=start, args=(rank, folder, words, own)))
        ranks[-1].start()
    for rank in ranks:
        rank.join(300)
        rank.kill()
    assert [rank.exitcode for rank in ranks] == [0] * processes, (folder / "errors_0").read_text()[-9000:]
    printed = (folder / "printed_0").read_text()
    return {key: float(value) for key, value in re.findall(r"^(\w+) +(-?\d+\.\d{6})$", printed, re.MULTILINE)}


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
        "curves.jsonl",
        "frames.npz",
        "last.ckpt",
        "record.json",
        "scores.tsv",
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


@pytest.mark.long
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
