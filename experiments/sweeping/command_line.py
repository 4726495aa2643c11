"""The `command` of a sweep file: what Weights & Biases' agent would type for a point, as words of `melisma fit`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.errors import DataError
from experiments.trusting import policy

# https://docs.wandb.ai/guides/sweeps/define-sweep-configuration lists the macros.
_MACRO = re.compile(r"\$\{(\w+)\}")
_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
_SETTING = re.compile(r"[A-Za-z_]\w*=.*")
_DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
_LOGGER = "--trainer.logger"  # a word that begins so asks for a logger; a point has its own


class PointCommand(NamedTuple):
    """How a point is started.

    Attributes:
        words: behind `melisma`, the first of them `fit`.
        environment: variables that are set for it.
    """

    words: list[str]
    environment: dict[str, str]


class CommandTemplate(NamedTuple):
    """The words of a sweep's `command`, macros among them.

    Attributes:
        words: as in the file.
        path: of the file, for messages.
    """

    words: tuple[str, ...]
    path: Path

    @classmethod
    def of(cls, command: object, path: Path) -> CommandTemplate:
        """Of a file's `command`.

        Raises:
            DataError: it is no list, has an unknown macro, or is no `melisma fit`.
        """
        if command is not None and not isinstance(command, list):
            raise DataError(f"{path}: command: expected a list of words, as in experiments/sweeps/crepe_demo.yaml")
        template = cls(tuple(map(str, command or _DEFAULT)), path)
        template.of_point({})
        return template

    def of_point(self, values: Mapping[str, Any]) -> PointCommand:
        """The command of a point, its logger left out.

        Args:
            values: of the point, by parameter.

        Raises:
            DataError: an unknown macro, or no `melisma fit`.
        """
        macros = _macros(values)
        typed: list[str] = []
        for word in self.words:
            whole = _MACRO.fullmatch(word)
            if whole is None:
                typed.append(_VARIABLE.sub(lambda found: os.environ.get(found[1], found[1]), word))
            elif whole[1] in macros:
                typed += macros[whole[1]]
            else:
                raise DataError(f"{self.path}: command: {word} is not known; there are {', '.join(macros)}")
        return self._of_melisma(typed)

    def _of_melisma(self, typed: Sequence[str]) -> PointCommand:
        rest = list(typed)
        if rest[:1] == ["env"]:
            rest.pop(0)
        environment = {}
        while rest and _SETTING.fullmatch(rest[0]):
            name, _, value = rest.pop(0).partition("=")
            environment[name] = value
        for beginning in (["melisma"], ["python", "-m", "experiments"], [sys.executable, "-m", "experiments"]):
            if [Path(word).name for word in rest[:1]] + rest[1 : len(beginning)] == [
                Path(beginning[0]).name, *beginning[1:]
            ] and rest[len(beginning) : len(beginning) + 1] == ["fit"]:  # fmt: skip
                policy.refuse_untrusted([*environment, *rest], f"{self.path}: command")
                return PointCommand(_without_logger(rest[len(beginning) :]), environment)
        raise DataError(
            f"{self.path}: command: {' '.join(typed[:4])} ... is no melisma fit; expected ${{env}}, melisma, fit, "
            "--config=RECIPE, ${args}"
        )


def _macros(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The words of each macro."""
    pairs = [(key, as_word(value)) for key, value in values.items()]
    return {
        "env": ["env"],
        "interpreter": ["python"],
        "args": [f"--{key}={word}" for key, word in pairs],
        "args_no_hyphens": [f"{key}={word}" for key, word in pairs],
        "args_no_equals": [part for key, word in pairs for part in (f"--{key}", word)],
        "args_no_boolean_flags": [
            f"--{key}" if values[key] is True else f"--{key}={word}" for key, word in pairs if values[key] is not False
        ],
        "args_json": [json.dumps(dict(values))],
    }


def as_word(value: object) -> str:
    """A value as YAML reads it: JSON of what has parts, and of null and truth."""
    return value if isinstance(value, str) else json.dumps(value)


def _without_logger(words: Sequence[str]) -> list[str]:
    """The words without those about loggers, of which a point has one that needs no network."""
    kept: list[str] = []
    value_follows = False
    for word in words:
        if value_follows and not word.startswith("--"):
            value_follows = False
            continue
        ours = word == _LOGGER or word.startswith((f"{_LOGGER}=", f"{_LOGGER}.", f"{_LOGGER}+"))
        value_follows = ours and "=" not in word
        if not ours:
            kept.append(word)
    return kept
