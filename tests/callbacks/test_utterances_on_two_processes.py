import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from callbacks import (
    AlignmentPictures,
    ClipPictures,
    PhoneConfusions,
    PredictedClasses,
    PredictedPhonemes,
    Submission,
)

SCRIPT = """
import importlib.util, pathlib, sys

def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded

toy, test = module("toy", sys.argv[1]), module("test", sys.argv[2])
test.run(toy, pathlib.Path("root"), devices=2, strategy="ddp", use_distributed_sampler=False)
"""


def run(toy, root, **options):
    pictures = ClipPictures(wrong=2), PredictedClasses()
    toy.quiet_trainer(root / "clips", *pictures, **options).validate(toy.ToyClassifier())
    phonemes = (
        PredictedPhonemes(),
        Submission({"AH": "h", "T": "t", "SIL": "."}),
        AlignmentPictures(2),
        PhoneConfusions(),
    )
    toy.quiet_trainer(root / "phonemes", *phonemes, **options).validate(toy.ToyRecognizer())


def files(root):
    found = {}
    for task in ("clips", "phonemes"):
        (folder,) = (root / task / "runs").iterdir()
        found |= {f"{task}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    return found


def test_one_and_two_processes_write_the_same(quiet, toy_classifier, toy_recognizer, tmp_path):
    toy = SimpleNamespace(quiet_trainer=quiet.func, ToyClassifier=toy_classifier, ToyRecognizer=toy_recognizer)
    run(toy, tmp_path / "one")
    two = tmp_path / "two"
    two.mkdir()
    (two / "script.py").write_text(SCRIPT)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "script.py"),
            *(str(Path(__file__).with_name("conftest.py")), __file__),
        ],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        cwd=two,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    of_one, of_two = files(tmp_path / "one"), files(two / "root")
    assert sorted(of_one) == [
        "clips/validate/toy/classes.tsv",
        *(f"clips/validate/toy/pictures/{name}.png" for name in ("confusion", "wrong_1", "wrong_2")),
        *(f"phonemes/validate/toy/{name}" for name in ("phone_confusions.tsv", "phones.ctm", "phones.tsv")),
        *(f"phonemes/validate/toy/pictures/{name}.png" for name in ("a", "b", "phone_confusions")),
        "phonemes/validate/toy/submission.csv",
    ]
    assert of_one == of_two
