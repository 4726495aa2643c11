"""What is imported is declared, what is declared is used, and each dependency has its reason beside it."""

import ast
import functools
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PACKAGES = ("architectures", "callbacks", "datamodules", "experiments", "lightning_modules")
PROJECT = ROOT / "pyproject.toml"
DECLARED = tomllib.loads(PROJECT.read_text())["project"]

# The module of a package that is not named after it.
MODULES = {
    "dask-jobqueue": "dask_jobqueue",
    "flashlight-text": "flashlight",
    "mosaicml-streaming": "streaming",
    "pesto-pitch": "pesto",
    "pillow": "PIL",
    "praat-parselmouth": "parselmouth",
    "pytest-xdist": "xdist",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
# What is used without an import statement: a file, and what of it shows the use.
ELSEWHERE = {
    "ipykernel": ("experiments/notebooks/train_in_five_minutes.ipynb", '"kernelspec"'),
    "litdata": ("experiments/benchmarks/loader_parts/sides.py", 'import_module("litdata")'),
    "mirdata": ("datamodules/corpora/mirdata/f0.py", 'import_module(f"mirdata.'),
    "mosaicml-streaming": ("experiments/benchmarks/loader_parts/sides.py", 'import_module("streaming")'),
    "mypy": ("Makefile", "/mypy"),
    "plotly": ("experiments/reporting/page.py", 'files("plotly")'),
    "pytest-xdist": ("Makefile", "-n auto"),
    "ruff": ("Makefile", "/ruff"),
    "tensorboard": ("callbacks/drawing/loggers.py", "TensorBoardLogger"),
}
# In an interpreter of its own, because it cannot share ours.
APART = {"basic_pitch"}


def requirements(extra=None):
    """Of melisma, or of an extra."""
    stated = DECLARED["dependencies"] if extra is None else DECLARED["optional-dependencies"][extra]
    return [each for each in map(Requirement, stated) if each.name != DECLARED["name"]]


def module_of(name):
    return MODULES.get(name, name.replace("-", "_"))


def imported(folder):
    """The foreign top-level modules that the files of a folder import, anywhere, each with one of the files."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip":
                names += [node.args[0].value]
            found |= {name.split(".")[0]: path for name in names}
    return found


@functools.cache
def foreign(folder):
    ours = {*PACKAGES, "tests", "step_log", *sys.stdlib_module_names}  # step_log is named by configurations
    return {name: path for name, path in imported(folder).items() if name not in ours}


EXTRAS = list(DECLARED["optional-dependencies"])
USED = {name for package in PACKAGES for name in foreign(package)}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_imports_is_declared(package):
    declared = {module_of(each.name) for extra in (None, *EXTRAS) for each in requirements(extra)} | APART
    for name, path in foreign(package).items():
        assert name in declared, f"{path} imports {name}: declare it in pyproject.toml"


def test_what_the_tests_import_is_installed_for_them():
    inner = [extra for extra in EXTRAS if extra in str(DECLARED["optional-dependencies"]["dev"][0])]
    declared = {module_of(each.name) for extra in (None, "dev", *inner) for each in requirements(extra)}
    for name, path in foreign("tests").items():
        assert name in declared, f"{path} imports {name}: declare it among dev in pyproject.toml"


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_what_is_declared_is_used(extra):
    used = USED | (set(foreign("tests")) if extra in ("dev", "notebooks", "tensorboard", "corpora") else set())
    for each in requirements(extra):
        if each.name in ELSEWHERE:
            file, shown = ELSEWHERE[each.name]
            assert shown in (ROOT / file).read_text(), f"{each.name} is no longer used by {file}: take it out"
        else:
            assert module_of(each.name) in used, f"{each.name} is imported nowhere: take it out of pyproject.toml"


def test_every_dependency_has_its_reason_beside_it_and_a_lower_bound():
    text = PROJECT.read_text()
    lines = text[text.index("dependencies = [") : text.index("[project.scripts]")].splitlines()
    stated = [line for line in lines if line.startswith('  "')]
    assert len(stated) == len(DECLARED["dependencies"]) + sum(map(len, DECLARED["optional-dependencies"].values()))
    for line in stated:
        assert re.fullmatch(r'  "[^"]+", +# \S.{3,}', line), f"pyproject.toml: say beside it what it is for: {line}"
        requirement = Requirement(line.split('"')[1])
        assert requirement.name == "melisma" or {each.operator for each in requirement.specifier} >= {">="}, line


def test_constraints_are_versions_that_are_declared_possible():
    pinned = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line]
    versions = {each.name.lower().replace("_", "-"): next(iter(each.specifier)).version for each in pinned}
    assert len(versions) == len(pinned)
    for extra in (None, *EXTRAS):
        for each in requirements(extra):
            if version := versions.get(each.name.lower().replace("_", "-")):
                assert each.specifier.contains(version), f"constraints.txt: {each.name}=={version}, but {each}"


def test_what_is_installed_is_new_enough():
    for each in requirements():
        assert each.specifier.contains(importlib.metadata.version(each.name), prereleases=True), str(each)


def test_the_versions_of_python_that_are_allowed_are_those_that_were_tested():
    tested = {each.rpartition(" ")[2] for each in DECLARED["classifiers"] if re.search(r":: 3\.\d+$", each)}
    allowed = SpecifierSet(DECLARED["requires-python"])
    assert {f"3.{minor}" for minor in range(20) if f"3.{minor}" in allowed} == tested
