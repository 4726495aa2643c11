"""Who may import whom; what an import must not load; one name, one class."""

import ast
import importlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("architectures", "datamodules", "lightning_modules", "callbacks", "experiments")
# What a folder may take from its siblings: whole packages, or single modules of one.
ALLOWED = {
    "architectures": (),
    "datamodules": (),
    "lightning_modules": ("architectures", "datamodules.batches"),
    "callbacks": (
        "datamodules.annotations",
        "datamodules.documents",
        "datamodules.errors",
        "datamodules.files",
        "lightning_modules.outputs",
    ),
    "experiments": ("architectures", "datamodules", "lightning_modules", "callbacks"),
}
FORBIDDEN = {
    "architectures": ("lightning", "webdataset", "wandb", "soundfile"),
    "datamodules": ("wandb",),
    "lightning_modules": ("wandb", "webdataset", "soundfile"),
    "callbacks": (),
    "experiments": (),
}

# The rooms of datamodules and what each may import. Nobody imports a data module.
GROUND = ("errors", "files", "batches", "resume")
DATA_ROOMS = {
    "errors": (),
    "batches": (),
    "resume": (),
    "files": ("errors",),
    "documents": ("errors", "files"),
    "loading": ("errors",),
    "annotations": ("errors", "files", "documents"),
    "acoustics": ("errors",),
    "corpora": ("errors", "files", "documents", "annotations", "acoustics"),
    "storage": ("errors", "files"),
    "shards": ("errors", "files", "documents", "storage"),
    "preparation": ("errors", "files", "documents", "annotations", "corpora", "storage", "shards"),
    "augment": ("errors", "acoustics"),
    "windows": (*GROUND, "loading", "shards", "augment"),
    "utterances": (*GROUND, "loading", "shards", "augment"),
}
ABOVE_ALL_ROOMS = ("__init__", "base", "speech", "melody", "classification", "phonemes")

# What must not be loaded, by the code that is run: who only looks at shards or f0 tables pays for nothing else.
LIGHT = {
    "import datamodules.shards, datamodules.shards.index, datamodules.shards.verify": (
        *("torch", "torchaudio", "lightning", "librosa", "soxr", "mir_eval", "datamodules.preparation"),
        "datamodules.corpora",
        *("fsspec", "aiohttp"),
    ),
    "import datamodules.annotations.f0_tables": ("torch", "lightning", "librosa", "soxr", "datamodules.corpora"),
    "import callbacks.pictures": ("torch", "lightning", "wandb", "scipy", "matplotlib.pyplot"),
    "import callbacks.predictions.set_frames": ("torch", "lightning", "wandb", "matplotlib"),
    "import callbacks.run.curve_file": ("torch", "lightning", "wandb", "matplotlib"),
    "import lightning_modules.outputs": ("torch", "lightning"),
    "import experiments.released": ("torch", "lightning"),
    "import experiments.transcription.jobs": (
        *("lightning", "torchmetrics", "librosa", "wandb", "webdataset", "numba", "mido"),
    ),
    "import experiments": ("torch", "lightning", "numpy"),
    "import architectures": ("lightning", "librosa", "torchvision"),
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield node.module


def within(module, prefix):
    return module == prefix or module.startswith(prefix + ".")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_between_folders_point_one_way(package):
    for path in (ROOT / package).rglob("*.py"):
        for module in imported(path):
            assert not any(within(module, name) for name in FORBIDDEN[package]), f"{path} imports {module}"
            if module.split(".")[0] in PACKAGES and not within(module, package):
                assert any(within(module, name) for name in ALLOWED[package]), f"{path} imports {module}"


@pytest.mark.parametrize("room", [*DATA_ROOMS, *ABOVE_ALL_ROOMS])
def test_imports_between_the_rooms_of_datamodules_point_one_way(room):
    place = ROOT / "datamodules" / room
    paths = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    allowed = (room, *(DATA_ROOMS[room] if room in DATA_ROOMS else (*DATA_ROOMS, *ABOVE_ALL_ROOMS)))
    assert paths
    for path in paths:
        for module in imported(path):
            if within(module, "datamodules"):
                assert module.count(".") and module.split(".")[1] in allowed, f"{path} imports {module}"


def test_every_room_of_datamodules_has_its_place_in_the_order():
    found = {path.stem for path in (ROOT / "datamodules").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__pycache__"} == {*DATA_ROOMS, *ABOVE_ALL_ROOMS}


@pytest.mark.parametrize("code", LIGHT)
def test_an_import_loads_no_more_than_it_needs(code):
    script = f"{code}\nimport sys\nprint([name for name in {LIGHT[code]!r} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_are_those_of_this_checkout(name):
    assert Path(importlib.import_module(name).__file__).parent.parent == ROOT


def test_a_class_name_is_defined_once():
    found = Counter()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        found.update(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
    assert [name for name, times in found.items() if times > 1] == []
