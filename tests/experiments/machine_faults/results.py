"""What a run or a prepared directory holds, in a form in which two of them can be compared."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from callbacks.run.curve_file import read_curves
from tests.experiments.machine_faults.places import contents


def of_run(folder: Path) -> dict[str, Any]:
    """Weights, curves, validations and everything that was written of them; not what tells the time or the place.

    Raises:
        AssertionError: a file is left over, or cannot be read as what it is.
    """
    found: dict[str, Any] = {}
    for name, content in contents(folder).items():
        assert not name.endswith(".tmp"), f"{name} was left over"
        kind = name.rpartition(".")[2]
        if kind == "ckpt":
            state = torch.load(io.BytesIO(content), weights_only=True)
            found |= {f"{name}/{key}": value.numpy().tobytes() for key, value in _tensors(state["state_dict"])}
            found[f"{name}/step"] = state["global_step"]
        elif kind == "npz":
            with np.load(io.BytesIO(content)) as arrays:
                found |= {f"{name}/{key}": arrays[key].tobytes() for key in arrays.files}
        elif name == "curves.jsonl":
            curves = read_curves(folder / name)
            assert curves.finished
            points = [(point.step, _untimed(point.metrics)) for point in curves.points]
            found[name] = [(step, metrics) for step, metrics in points if metrics]
        elif name == "record.json":
            record = json.loads(content)
            found[name] = {key: record[key] for key in ("metrics", "validations", "best", "finished", "config")}
        elif name == "metrics.csv":
            continue
        else:
            assert content, f"{name} is empty"
            found[name] = content
    return found


def _tensors(state: dict[str, Any]) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in state.items() if isinstance(value, torch.Tensor)]


def _untimed(metrics: dict[str, float]) -> dict[str, str]:
    return {name: repr(value) for name, value in sorted(metrics.items()) if not name.startswith("throughput/")}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what is not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
