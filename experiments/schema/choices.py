"""The schema of a class among several: its name, and the arguments of that class and of no other.

The arguments are checked under the condition that the class is named, not as one of many alternatives: so a misspelt
argument is reported where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from experiments.schema.known_classes import KnownClass, summary
from experiments.schema.unions import YAML_FILE, Schema


class Chosen(NamedTuple):
    """A class that may be chosen.

    Attributes:
        known: the class and its names.
        definition: the name of the definition of its arguments.
        arguments: that definition.
    """

    known: KnownClass
    definition: str
    arguments: Schema

    @property
    def every_name(self) -> tuple[str, ...]:
        """All that lead to it."""
        return (*self.known.names, *self.known.longer)


def reference(name: str) -> Schema:
    """A schema that is a definition."""
    return {"$ref": f"#/definitions/{name}"}


def choice_schema(choices: Sequence[Chosen]) -> Schema:
    """`class_path` and `init_args`, the class path alone, or a file with them; anything, if no class is known."""
    if not choices:
        return {}
    class_path: Schema = {
        "enum": [name for each in choices for name in each.known.names],
        "enumDescriptions": [summary(each.known.cls) for each in choices for _ in each.known.names],
    }
    longer = [path for each in choices for path in each.known.longer]
    alone = [name for each in choices if not each.arguments.get("required") for name in each.every_name]
    return {
        "type": ["object", "string"],
        "properties": {
            "class_path": {"anyOf": [class_path, {"pattern": _one_of(longer)}]} if longer else class_path,
            "init_args": {"type": "object"},
            "dict_kwargs": {"type": "object"},
        },
        "required": ["class_path"],
        "additionalProperties": False,
        "allOf": [
            {"if": {"type": "string"}, "then": {"anyOf": [{"enum": alone}, YAML_FILE]} if alone else YAML_FILE},
            *map(_condition, choices),
        ],
    }


def _condition(chosen: Chosen) -> Schema:
    """That the arguments are those of the class, if it is the one that is named."""
    # A pattern, for editors offer whatever an enum lists.
    class_path = {"type": "string", "pattern": _one_of(chosen.every_name)}
    named = {"properties": {"class_path": class_path}, "required": ["class_path"]}
    then: Schema = {"properties": {"init_args": reference(chosen.definition)}}
    return {"if": named, "then": {**then, "required": ["init_args"]} if chosen.arguments.get("required") else then}


def _one_of(paths: Iterable[str]) -> str:
    return f"^({'|'.join(paths)})$".replace(".", r"\.")
