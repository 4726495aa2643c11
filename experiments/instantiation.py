"""Objects from the `class_path` and `init_args` of a file that somebody else may have written.

Only classes of `architectures` and `lightning_modules` and the layers of `torch.nn` are made: whatever the file says,
no other code is imported or called. Neither jsonargparse nor Lightning is needed.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import importlib
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from datamodules.errors import DataError, cut

ROOTS = ("architectures", "lightning_modules", "torch.nn")

T = TypeVar("T")


def instantiate(cls: type[T], stated: object, key: str) -> T:
    """An object of a class.

    Args:
        cls: with type hints for its arguments; those decide which nested mappings are dataclasses, which lists tuples.
        stated: its arguments by name, as YAML holds them; an object among them is `class_path` and `init_args`.
        key: where they stand, for messages.

    Raises:
        DataError: a class path is of none of ours, an argument is unknown, missing or refused; the message names the
            key.
    """
    return typing.cast(T, _call(cls, stated, key))


def _call(cls: type, stated: object, key: str) -> Any:  # noqa: ANN401
    arguments = _arguments(cls, stated, key)
    try:
        inspect.signature(cls).bind(**arguments)
        return cls(**arguments)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:  # of torch, too, where a size is absurd
        raise DataError(f"{key}: {cls.__name__} cannot be made: {cut(str(error))}") from error


def _arguments(cls: type, stated: object, key: str) -> dict[str, Any]:
    if not isinstance(stated, Mapping):
        raise DataError(f"{key}: a mapping of arguments is expected, not {stated!r}")
    hints = _hints(cls)
    return {str(name): _made(value, hints.get(name, Any), f"{key}.{name}") for name, value in stated.items()}


def _made(value: Any, hint: Any, key: str) -> Any:  # noqa: ANN401 -- whatever a YAML file holds
    """A value of a YAML file as an argument of that type."""
    if isinstance(value, float) and value != value:  # comparisons with it let it pass
        raise DataError(f"{key}: nan is no value")
    kinds = list(_members(hint))
    made = _unchecked(value, kinds, key)
    ours = tuple(each for each in kinds if inspect.isclass(each) and _is_ours(each.__module__))
    # Other arguments are checked by the class that takes them; an object of a wrong kind would be noticed late.
    if ours and set(kinds) <= {*ours, types.NoneType} and not isinstance(made, (*ours, *set(kinds) - {*ours})):
        raise DataError(f"{key}: a {ours[0].__name__} is expected, not {type(made).__name__}")
    return made


def _unchecked(value: Any, kinds: Sequence[Any], key: str) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        if "class_path" in value:
            return _object(value, kinds, key)
        for cls in kinds:
            if inspect.isclass(cls) and dataclasses.is_dataclass(cls):
                return _call(cls, value, key)
        return {name: _made(each, Any, f"{key}.{name}") for name, each in value.items()}
    if isinstance(value, list):
        sequence = next(filter(_is_sequence, kinds), None)
        element = next(iter(typing.get_args(sequence)), Any)
        made = [_made(each, element, f"{key}.{place}") for place, each in enumerate(value)]
        return tuple(made) if typing.get_origin(sequence) is tuple else made
    return value


def _object(stated: Mapping[str, Any], kinds: Sequence[Any], key: str) -> Any:  # noqa: ANN401
    if unknown := set(stated) - {"class_path", "init_args"}:
        raise DataError(f"{key}: {', '.join(sorted(unknown))} beside class_path; there is only init_args")
    cls, arguments = allowed_class(stated["class_path"], key), stated.get("init_args") or {}
    if any(typing.get_origin(each) is collections.abc.Callable for each in kinds):
        return partial(cls, **_arguments(cls, arguments, key))  # a factory gets the rest when it is called
    return _call(cls, arguments, key)


def allowed_class(path: object, key: str) -> type:
    """The class of a path.

    Raises:
        DataError: it is none of `ROOTS`.
    """
    module, _, name = str(path).rpartition(".")
    refusal = DataError(f"{key}: class_path {path} is refused; it has to be a class of {', '.join(ROOTS)}")
    if not _is_ours(module):
        raise refusal
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise refusal from error
    # A module also holds what it imports from elsewhere.
    if not (inspect.isclass(found) and _is_ours(found.__module__)):
        raise refusal
    return found


def _is_ours(module: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in ROOTS)


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls if dataclasses.is_dataclass(cls) else cls.__init__)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):  # of layers of torch that have none
        return {}


def _members(hint: Any) -> Iterator[Any]:  # noqa: ANN401 -- any annotation
    """The types of a union, or the type itself."""
    parts = typing.get_args(hint)
    if parts and typing.get_origin(hint) in (typing.Union, types.UnionType):
        for part in parts:
            yield from _members(part)
    else:
        yield hint


def _is_sequence(hint: Any) -> bool:  # noqa: ANN401
    origin = typing.get_origin(hint)
    return inspect.isclass(origin) and issubclass(origin, collections.abc.Sequence)
