"""Several schemas of which one has to hold, put so that a mistake deep in one is reported there.

A plain `anyOf` says of a misspelt key only that no alternative fits. Where alternatives take different JSON types, the
type of the value decides which one holds, and its own complaint is what a reader gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Schema = dict[str, Any]

# Instead of what a file may hold inline, the path of one that holds it.
YAML_FILE: Schema = {"type": "string", "pattern": r"\.(ya?ml|json)$"}

SCALARS = ("null", "boolean", "integer", "number", "string")
TYPES = (*SCALARS, "array", "object")


def union(schemas: Iterable[Schema]) -> Schema:
    """A schema that holds where at least one of these holds; an empty one holds everywhere."""
    options: list[Schema] = []
    for schema in schemas:
        options += [each for each in schema.get("anyOf", [schema]) if each not in options]
    if {} in options:
        return {}
    options = _joined(options)
    if len(options) == 1:
        return options[0]
    if all(_types(option) <= set(SCALARS) for option in options):
        return {"anyOf": options}
    taken = [name for name in TYPES if any(name in _types(option) for option in options)]
    conditions = list(_by_type(options, taken))
    return {"type": _shortest(taken), **({"allOf": conditions} if conditions else {})}


def _by_type(options: Sequence[Schema], taken: Sequence[str]) -> Iterator[Schema]:
    """For each type, what a value of it has to be."""
    conditions: list[tuple[list[str], Schema]] = []
    for name in taken:
        fitting = [option for option in options if name in _types(option)]
        if any(set(option) == {"type"} for option in fitting):
            continue  # one of them takes whatever has the type
        wanted = fitting[0] if len(fitting) == 1 else {"anyOf": fitting}
        same = next((names for names, schema in conditions if schema == wanted), None)
        if same is None:
            conditions.append(([name], wanted))
        else:
            same.append(name)
    yield from ({"if": {"type": _shortest(names)}, "then": schema} for names, schema in conditions)


def _joined(options: Sequence[Schema]) -> list[Schema]:
    """Alternatives that only name types in one, and those that list values in one."""
    names = [name for each in options if set(each) == {"type"} for name in _listed(each["type"])]
    values = [value for each in options if set(each) == {"enum"} for value in each["enum"]]
    others = [each for each in options if set(each) not in ({"type"}, {"enum"})]
    distinct = [value for at, value in enumerate(values) if (type(value), value) not in _typed(values[:at])]
    joined: list[Schema] = [{"enum": distinct}] if distinct else []
    return [*joined, *([{"type": _shortest(names)}] if names else []), *others]


def _typed(values: Sequence[Any]) -> list[tuple[type, Any]]:
    return [(type(value), value) for value in values]  # 1 is not True


def _types(schema: Schema) -> set[str]:
    if "type" in schema:
        names = set(_listed(schema["type"]))
        return names | {"integer"} if "number" in names else names
    if "enum" in schema:
        return {_type(value) for value in schema["enum"]}
    if "anyOf" in schema:
        return set().union(*map(_types, schema["anyOf"]))
    return {"object", "string"} if "$ref" in schema else set(TYPES)  # classes: what they are made of, or a name


def _type(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names[type(value)]


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _shortest(names: Iterable[str]) -> str | list[str]:
    kept = [name for name in TYPES if name in set(names)]
    if "number" in kept and "integer" in kept:
        kept.remove("integer")
    return kept[0] if len(kept) == 1 else kept
