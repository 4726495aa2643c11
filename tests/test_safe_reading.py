"""By its source, nothing of the product unpickles, and YAML is read within bounds, by one module."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("architectures", "callbacks", "datamodules", "experiments", "lightning_modules")
FILES = [*(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))), ROOT / "hubconf.py"]
LOADING = re.compile(r"load|pickle|eval\(|exec\(", re.IGNORECASE)  # no other file is worth the time
BOUNDED = "datamodules/documents.py"
BY_ITSELF = {"experiments/runs.py": "yaml.safe_load"}  # of our own writing


def calls(path):
    """What a file calls, as it is written there, with the keyword arguments that are constants."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if LOADING.search(text) else ():
        if isinstance(node, ast.Call):
            words = {each.arg: each.value.value for each in node.keywords if isinstance(each.value, ast.Constant)}
            yield ast.unparse(node.func), words


@pytest.fixture(scope="module")
def called():
    return [(path.relative_to(ROOT).as_posix(), *each) for path in FILES for each in calls(path)]


def test_torch_loads_weights_and_nothing_else(called):
    loads = [(file, words) for file, name, words in called if name in ("torch.load", "super().load_checkpoint")]
    assert {"callbacks/saved/reading.py", "callbacks/run/checkpoints.py"} <= {file for file, _ in loads}
    assert [file for file, words in loads if words.get("weights_only") is not True] == []


def test_nothing_is_unpickled(called):
    names = ("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "eval", "exec", "torch.jit.load")
    assert [(file, name) for file, name, _ in called if name in names] == []
    assert [(file, name) for file, name, words in called if words.get("allow_pickle")] == []


def test_yaml_is_read_by_one_module_within_its_bounds(called):
    found = {(file, name) for file, name, _ in called if name.startswith("yaml.") and "load" in name}
    assert found == {(BOUNDED, "yaml.load"), *BY_ITSELF.items()}
