"""JSON schemas of what a jsonargparse parser takes: its keys, their types, and the classes that are made of them."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Hashable, Iterable, Sequence
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from jsonargparse import ArgumentParser
from torch import Tensor

from experiments.schema.choices import Chosen, choice_schema, reference
from experiments.schema.known_classes import KnownClass, import_all, known_classes, summary
from experiments.schema.linked import Links, below
from experiments.schema.unions import YAML_FILE, Schema, union

SIMPLE: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    types.NoneType: {"type": "null"},
    timedelta: {"type": "string"},
    dict: {"type": "object"},
    list: {"type": "array"},
}
UNIONS = (typing.Union, types.UnionType)
# Options that print something, which no file holds.
WORDS = ("help", "config", "print_config", "print_shtab")
UNLINKED: Links = frozenset()


class SchemaBuilder:
    """Schemas of types; those of classes are definitions, to which others refer. Every class of ours is imported.

    Args:
        modules: further roots of class paths that are known.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        import_all(modules)
        self._modules = tuple(modules)
        self._names: dict[Hashable, str] = {}
        self._arguments: dict[str, Schema] = {}
        self._choices: dict[str, list[tuple[KnownClass, str]]] = {}

    def keys(self, parser: ArgumentParser, links: Links = UNLINKED) -> Schema:
        """What a file for a parser may hold, nested as its keys are.

        Args:
            parser: of a command, or of the arguments of a class.
            links: between its keys, or from elsewhere to them.
        """
        actions = [each for each in parser._actions if each.dest not in WORDS and not each.dest.endswith(".help")]
        keys = {action.dest for action in actions}
        links = frozenset(link for link in links if link.holds(keys))
        follow = {link.target: link.certain for link in links}
        tops: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
        for action in actions:
            if follow.get(action.dest) or type(action).__name__ == "_ActionConfigLoad":
                continue  # the latter is a group, whose keys come after it
            required = action.required and action.dest not in follow and action.nargs != "*"
            place, name = _place(tops, action.dest, parser, required)
            place["properties"][name] = _annotated(self._of_action(action, links), action)
            if required:
                _require(place, name)
        for name in sorted(parser._extra_required_keys):
            _require(tops, name)
        return tops

    def value(self, hint: Any, links: Links = UNLINKED) -> Schema:  # noqa: ANN401 -- any annotation
        """A value of a type.

        Args:
            hint: the type; what no file can hold, such as a tensor, is left out of unions and otherwise not checked.
            links: to the arguments of the class that stands there.
        """
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint in (Any, object):
            return {}
        if origin in UNIONS:
            return self._union(arguments, links)
        if origin is typing.Literal:
            return {"enum": list(arguments)}
        if origin is typing.Annotated:
            return self.value(arguments[0], links)
        if hint in SIMPLE:
            return dict(SIMPLE[hint])
        if origin is collections.abc.Callable:
            return self._maker(arguments, links)
        if origin is type or hint is type:
            return {"type": "string"}
        if inspect.isclass(origin):
            return self._container(origin, arguments, links)
        return self._of_class(hint, links) if inspect.isclass(hint) else {}

    def dataclass(self, cls: type) -> Schema:
        """The fields of a dataclass or a named tuple, or a file with them."""
        name = self._named(f"{cls.__module__}.{cls.__qualname__}", "fields")
        if name not in self._arguments:
            self._arguments[name] = {}
            self._arguments[name] = union([self.arguments(cls), YAML_FILE])
        return reference(name)

    def arguments(self, cls: type) -> Schema:
        """What a class is made of, without its name."""
        return self.keys(_parser(cls))

    def choice(self, bases: Sequence[type], links: Links = UNLINKED, given: int = 0) -> Schema:
        """A class with its arguments: `class_path` and `init_args`, or the class path alone.

        Args:
            bases: what the class has to be, one of them.
            links: to its arguments.
            given: how many of its first arguments are given later, by whoever calls it.
        """
        name = self._named("_or_".join(base.__name__ for base in bases), tuple(bases), links, given)
        if name not in self._choices:
            chosen = self._choices[name] = []  # kept at once, for a class may take another of its kind
            for known in known_classes(bases, self._modules):
                with contextlib.suppress(ValueError):  # arguments that no file can hold: the CLI refuses it as well
                    chosen.append((known, self._init_args(known, links, given)))
        return reference(name)

    def definitions(self) -> dict[str, Schema]:
        """Schemas of all classes that were asked for, by name, for `#/definitions/NAME`."""
        choices = {
            name: choice_schema([Chosen(known, inner, self._arguments[inner]) for known, inner in chosen])
            for name, chosen in self._choices.items()
        }
        return dict(sorted({**self._arguments, **choices}.items()))

    def _named(self, name: str, *what: Hashable) -> str:
        """A name for a definition: the one given, with a number if another thing has it already."""
        key = (name, *what)
        if key not in self._names:
            others = sum(known[0] == name for known in self._names if isinstance(known, tuple))
            self._names[key] = f"{name}_{others + 1}" if others else name
        return self._names[key]

    def _of_action(self, action: Any, links: Links) -> Schema:  # noqa: ANN401 -- argparse's
        hint = getattr(action, "_typehint", action.type or type(action.default))
        if action.choices:
            schema: Schema = {"enum": list(action.choices)}
        else:
            schema = self.value(hint, below(links, action.dest))
        many = action.nargs in ("*", "+") or type(action).__name__ == "_AppendAction"
        return {"type": "array", "items": schema} if many else schema

    def _union(self, hints: Iterable[Any], links: Links) -> Schema:
        """Classes among them are one choice, of a common list."""
        hints = [each for each in hints if each is not Tensor]
        classes = [each for each in hints if _is_choice(each)]
        others = [self.value(each, links) for each in hints if each not in classes]
        return union([*others, *([self.choice(classes, links)] if classes else [])])

    def _container(self, origin: type, arguments: Sequence[Any], links: Links) -> Schema:
        if issubclass(origin, collections.abc.Mapping):
            inner = self.value(arguments[1]) if len(arguments) == 2 else {}
            return {"type": "object", **({"additionalProperties": inner} if inner else {})}
        if origin is tuple and arguments and Ellipsis not in arguments:
            items = [self.value(each) for each in arguments]
            same = all(each == items[0] for each in items)
            bounds = {"minItems": len(items), "maxItems": len(items)}
            return {"type": "array", "items": items[0] if same else items, **bounds}
        if issubclass(origin, collections.abc.Iterable):
            inner = self.value(arguments[0]) if arguments else {}
            return {"type": "array", **({"items": inner} if inner else {})}
        return self._of_class(origin, links)  # a generic class

    def _of_class(self, cls: type, links: Links) -> Schema:
        if issubclass(cls, enum.Enum):
            return {"enum": list(cls.__members__)}
        if issubclass(cls, PurePath):
            return {"type": "string"}
        if _is_choice(cls):
            return self.choice([cls], links)
        return self.dataclass(cls) if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields") else {}

    def _maker(self, arguments: Sequence[Any], links: Links) -> Schema:
        """Something that is called later: a class whose first arguments are given then."""
        if len(arguments) != 2:
            return {}
        taken, made = arguments
        parts = typing.get_args(made) if typing.get_origin(made) in UNIONS else (made,)
        classes = [each for each in parts if _is_choice(each)]
        given = len(taken) if isinstance(taken, list) else 0
        return self.choice(classes, links, given) if classes else {}

    def _init_args(self, known: KnownClass, links: Links, given: int) -> str:
        """The name of the definition of a class's arguments; several choices may have the same."""
        parser = _parser(known.cls, given)
        names = {action.dest for action in parser._actions}
        links = frozenset(link for link in links if link.target.partition(".")[0] in names)
        name = self._named(known.path, links, given)
        if name not in self._arguments:
            self._arguments[name] = {}
            described = summary(known.cls)
            notes = {"title": known.path, **({"description": described} if described else {})}
            self._arguments[name] = {**notes, **self.keys(parser, links)}
        return name


def _parser(cls: type, given: int = 0) -> ArgumentParser:
    """A parser of the arguments of a class, without the first ones, which are given when it is made."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, fail_untyped=False, sub_configs=True, skip={given} if given else set())
    return parser


def _place(tops: Schema, key: str, parser: ArgumentParser, required: bool) -> tuple[Schema, str]:
    """The schema of the group that a key stands in, and the key's last part."""
    *groups, name = key.split(".")
    place = tops
    for depth, group in enumerate(groups):
        if required:
            _require(place, group)
        if group not in place["properties"]:
            titled = (parser.groups or {}).get(".".join(groups[: depth + 1]))
            inner = {**YAML_FILE, "type": ["object", "string"], "properties": {}, "additionalProperties": False}
            place["properties"][group] = {**({"description": titled.title} if titled else {}), **inner}
        place = place["properties"][group]
    return place, name


def _require(place: Schema, name: str) -> None:
    place["required"] = [*place.get("required", []), *([] if name in place.get("required", []) else [name])]


def _annotated(schema: Schema, action: Any) -> Schema:  # noqa: ANN401 -- argparse's
    """A schema with the help of an action and its default."""
    notes: Schema = {}
    if action.help and action.help != "==SUPPRESS==":
        notes["description"] = " ".join(action.help.split())
    if not action.required and _is_plain(action.default) and action.default != "==SUPPRESS==":
        notes["default"] = _as_json(action.default)
    # Beside a reference nothing else counts.
    return {**notes, "allOf": [schema]} if notes and "$ref" in schema else {**notes, **schema}


def _is_choice(hint: Any) -> bool:  # noqa: ANN401 -- any annotation
    """Whether a value is an object of one of several classes."""
    plain = inspect.isclass(hint) and typing.get_origin(hint) is None and hint not in SIMPLE and hint is not Any
    if not plain or hint.__module__ in ("builtins", "pathlib"):
        return False
    if dataclasses.is_dataclass(hint):
        return inspect.isabstract(hint)  # else its fields are stated without its name
    return not (issubclass(hint, enum.Enum) or hasattr(hint, "_fields") or hint is Tensor)


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, (str, int, float, bool, types.NoneType))


def _as_json(value: Any) -> Any:  # noqa: ANN401 -- a plain value
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, (list, tuple)) else value
