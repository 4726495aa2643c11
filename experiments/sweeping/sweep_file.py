"""A sweep file as Weights & Biases takes it, checked: every mistake is one line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import sweeps

from datamodules.documents import read_yaml
from datamodules.errors import DataError
from experiments.sweeping.command_line import CommandTemplate

METHODS = ("grid", "random", "bayes")
GOALS = ("minimize", "maximize")
_DESCRIBES = ("value", "values", "distribution", "min", "max", "mu", "parameters")  # one of these makes a parameter
_MANY = 1_000_000  # points of a grid at most
_FAR = 1e300  # what is beyond is as far


class SweepFile(NamedTuple):
    """What a sweep file holds.

    Attributes:
        path: of the file.
        content: all of it, as the `sweeps` package takes it; `metric.goal` is filled in.
        command: the words that start a point.
    """

    path: Path
    content: dict[str, Any]
    command: CommandTemplate

    @property
    def metric(self) -> str:
        """The logged name of what is to be optimised."""
        return str(self.content["metric"]["name"])

    @property
    def maximised(self) -> bool:
        """Whether more of the metric is better."""
        return bool(self.content["metric"]["goal"] == "maximize")

    @property
    def parameters(self) -> list[str]:
        """The keys that vary, sorted; those of one value are left out."""
        return sorted(key for key, each in self.content["parameters"].items() if _varies(each))

    @property
    def stops_early(self) -> bool:
        """Whether hopeless points are stopped."""
        return "early_terminate" in self.content

    def grid(self) -> list[dict[str, Any]]:
        """The values of all points of a grid, in their order; empty for other methods."""
        if self.content["method"] != "grid":
            return []
        return [each.config for each in sweeps.next_runs(self.content, [], n=_MANY) if each is not None]

    def wanted(self, points: int | None) -> int:
        """How many points the sweep has.

        Args:
            points: that the user asks for; None: those of the file.

        Raises:
            DataError: there is no end.
        """
        asked = points if points is not None else self.content.get("run_cap")
        if self.content["method"] == "grid":
            return min(len(self.grid()), _MANY if asked is None else int(asked))
        if asked is None:
            method = self.content["method"]
            raise DataError(f"{self.path}: method {method} goes on for ever: give --points N, or run_cap in the file")
        return int(asked)


def _varies(parameter: Mapping[str, Any]) -> bool:
    return "value" not in parameter and len(parameter.get("values", [0, 0])) > 1


def read_sweep(path: Path) -> SweepFile:
    """Read a sweep file.

    Raises:
        DataError: it is none that can be run; the message names file and key.
    """
    content = read_yaml(path, "SWEEP is a YAML file, as in experiments/sweeps")
    if not isinstance(content, dict):
        raise DataError(
            f"{path}: no sweep, but {type(content).__name__}; experiments/sweeps/README.md says what one holds"
        )
    command = CommandTemplate.of(content.get("command"), path)
    problem = _problem(content)
    if problem is not None:
        raise DataError(f"{path}: {problem}")
    content["metric"].setdefault("goal", "minimize")  # as Weights & Biases does
    try:
        sweeps.next_run(content, [])
    except Exception as error:  # the package raises ValueError, AssertionError, jsonschema's errors and others
        raise DataError(f"{path}: {' '.join(str(error).split())[:300]}") from error
    return SweepFile(path, content, command)


def _problem(content: Mapping[str, Any]) -> str | None:
    """What is wrong, the key first."""
    method = content.get("method")
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(METHODS)}"
        return "method: missing; " + hint if method is None else f"method: {method!r} is not known; {hint}"
    metric = content.get("metric")
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        return "metric: its name is missing, as in metric: {name: val/demo/raw_pitch_accuracy, goal: maximize}"
    if metric.get("goal", GOALS[0]) not in GOALS:
        return f"metric.goal: {metric['goal']!r}; there are {' and '.join(GOALS)}"
    parameters = content.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        return "parameters: empty; give at least one key with its values"
    for key, each in parameters.items():
        if (problem := _parameter_problem(each)) is not None:
            return f"parameters.{key}: {problem}"
    if method == "grid" and (points := _combinations(parameters)) > _MANY:
        return (
            f"parameters: a grid of {points:.3g} points, of which {_MANY} may be; give fewer values, or another method"
        )
    cap = content.get("run_cap", 1)
    if not isinstance(cap, int) or cap < 1:
        return f"run_cap: {cap!r}; expected a whole number from 1 on"
    terminate = content.get("early_terminate", {"type": "hyperband", "min_iter": 1})
    if not isinstance(terminate, dict) or terminate.get("type") != "hyperband":
        return "early_terminate: only {type: hyperband, ...} is known"
    if not terminate.keys() & {"min_iter", "max_iter"}:
        return "early_terminate: min_iter or max_iter is missing, the validations before a point may be stopped"
    violations = sweeps.schema_violations_from_proposed_config(dict(content))
    return None if not violations else " ".join(violations[0].split())[:300]


def _combinations(parameters: Mapping[str, Any]) -> float:
    """How many points a grid has, before a package lists them all."""
    found = 1.0
    for each in parameters.values():
        if isinstance(inner := each.get("parameters"), dict):
            found *= _combinations({key: value for key, value in inner.items() if isinstance(value, dict)})
        elif isinstance(values := each.get("values"), list):
            found *= len(values)
        elif isinstance(low := each.get("min"), (int, float)) and isinstance(high := each.get("max"), (int, float)):
            step = each.get("q")
            step = step if isinstance(step, (int, float)) and step > 0 else 1
            found *= max((max(min(high, _FAR), -_FAR) - max(min(low, _FAR), -_FAR)) / step, 0) + 1
    return found


def _parameter_problem(parameter: object) -> str | None:
    if not isinstance(parameter, dict) or not parameter.keys() & set(_DESCRIBES):
        return "no values; give values: [...], value: or min: and max:"
    values = parameter.get("values", [None])
    if not isinstance(values, list) or not values:
        return "values: empty; a grid over nothing has no points"
    return None
