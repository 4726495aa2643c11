"""Every key below a schema, as the command line writes it: `model.network.capacity`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.schema.unions import Schema

# Classes within classes; what lies deeper is stated in files.
DEPTH = 3
# Where any torch module may stand, hundreds of classes: of these only ours count, of a key of model and no deeper.
MANY = 100


def dotted_keys(schema: Schema, definitions: Mapping[str, Schema], init_args: bool) -> dict[str, list[Schema]]:
    """The schemas of every key; several, where classes have arguments of the same name.

    Args:
        schema: of an object.
        definitions: what it refers to.
        init_args: whether keys name the arguments of a class, as files do; the command line leaves it out.
    """
    found: dict[str, list[Schema]] = {}
    for key, each in _below(schema, definitions, "", init_args, DEPTH):
        schemas = found.setdefault(key, [])
        if each not in schemas:
            schemas.append(each)
    return found


def _below(
    schema: Schema, definitions: Mapping[str, Schema], prefix: str, init_args: bool, depth: int
) -> Iterator[tuple[str, Schema]]:
    for name, each in schema.get("properties", {}).items():
        key = f"{prefix}{name}"
        yield key, each
        for inner, is_class in _objects(each, definitions):
            if not is_class:
                yield from _below(inner, definitions, f"{key}.", init_args, depth)
                continue
            many = len(inner["allOf"]) > MANY
            if init_args:
                yield f"{key}.class_path", {"type": "string"} if many else inner["properties"]["class_path"]
                yield f"{key}.init_args", {"type": "object"}
            place = f"{key}.init_args." if init_args else f"{key}."
            for condition in inner["allOf"] if depth >= (DEPTH - 1 if many else 1) else ():
                arguments = _resolved(condition["then"].get("properties", {}).get("init_args", {}), definitions)
                if not (many and arguments.get("title", "").startswith("torch")):
                    yield from _below(arguments, definitions, place, init_args, 0 if many else depth - 1)


def _objects(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[Schema, bool]]:
    """The objects that a value may be, and whether each is a class with its arguments; elements of lists are none."""
    resolved = _resolved(schema, definitions)
    properties: Mapping[str, Any] = resolved.get("properties", {})
    if properties:
        yield resolved, "class_path" in properties
        return
    for each in (*resolved.get("allOf", ()), *resolved.get("anyOf", ())):
        if each.get("if", {}).get("type") != "array":
            yield from _objects(each.get("then", each), definitions)


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
