"""Which folder may import which, and that the packages are those of this checkout."""

import ast
import importlib
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


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield node.module


def within(module, prefix):
    return module == prefix or module.startswith(prefix + ".")


@pytest.mark.parametrize("path", sorted(p for name in PACKAGES for p in (ROOT / name).rglob("*.py")), ids=str)
def test_imports_point_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    for module in imported(path):
        assert not any(within(module, name) for name in FORBIDDEN[package]), f"{path} imports {module}"
        if module.split(".")[0] in PACKAGES and not within(module, package):
            assert any(within(module, name) for name in ALLOWED[package]), f"{path} imports {module}"


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_are_those_of_this_checkout(name):
    assert Path(importlib.import_module(name).__file__).parent.parent == ROOT
