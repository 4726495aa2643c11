"""What a record.json may hold, for all that read one: it may have been edited, cut or made by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from datamodules.errors import DataError, shown

_Check = Callable[[Any], bool]
_MOST = 1 << 62


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _MOST)


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_IN_WORDS: Mapping[_Check, str] = {
    _is_text: "text",
    _is_number: "a number",
    _is_whole: "a whole number that is not negative",
    _is_mapping: "an object",
    _is_list: "a list",
    _is_bool: "true or false",
}
# null may stand for a key that has a name, and any of these may be missing.
# `*` stands for every key of an object or element of a list.
_KEYS: Mapping[str, _Check] = {
    "command": _is_list,
    "command.*": _is_text,
    "repeats": _is_text,
    "seed": _is_whole,
    "commit": _is_text,
    "data_sets": _is_mapping,
    "data_sets.*": _is_text,
    "checkpoint": _is_text,
    "metrics": _is_mapping,
    "metrics.*": _is_number,
    "validations": _is_list,
    "validations.*": _is_mapping,
    "validations.*.step": _is_whole,
    "validations.*.epoch": _is_whole,
    "validations.*.metrics": _is_mapping,
    "validations.*.metrics.*": _is_number,
    "best": _is_mapping,
    "best.metric": _is_text,
    "best.value": _is_number,
    "best.step": _is_whole,
    "finished": _is_bool,
    "throughput": _is_mapping,
    "throughput.*": _is_number,
    "parameters": _is_whole,
    "processes": _is_whole,
    "hours": _is_number,
    "hardware": _is_text,
    "threads": _is_whole,
    "packages": _is_mapping,
    "packages.*": _is_text,
    "config": _is_mapping,
    "config.trainer": _is_mapping,
    "config.data": _is_mapping,
    "config.data.init_args": _is_mapping,
    "config.checkpoint": _is_mapping,
    "config.resume": _is_mapping,
    "config.run_record": _is_mapping,
}
_NEEDED = {"validations.*": ("step", "epoch", "metrics"), "best": ("metric", "value", "step")}


def check_record(record: Mapping[str, Any], path: object) -> None:
    """Refuse a record that is damaged.

    Args:
        record: as it was read.
        path: of the file, for messages.

    Raises:
        DataError: a value is of another kind than `RunRecord` writes, or one is missing; names the file and the key.
    """
    for key, check in _KEYS.items():
        for name, value in _below(record, key.split("."), ""):
            if not check(value):
                raise DataError(f"{path}: {name}: {shown(value)}: {_IN_WORDS[check]} is expected")
            for needed in _NEEDED.get(key, ()):
                if value.get(needed) is None:
                    raise DataError(f"{path}: {name}: has no {needed}")


def _below(value: Any, key: list[str], name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- whatever JSON holds
    """The values of a key that are there, with their names; of null only where it stands in an object or list."""
    if not key:
        yield name, value
    elif key[0] == "*":
        named = {f".{shown(part)}": each for part, each in value.items()} if isinstance(value, dict) else {}
        named |= {f"[{place}]": each for place, each in enumerate(value)} if isinstance(value, list) else {}
        for part, each in named.items():
            yield from _below(each, key[1:], f"{name}{part}")
    elif isinstance(value, Mapping) and value.get(key[0]) is not None:
        yield from _below(value[key[0]], key[1:], f"{name}.{key[0]}".removeprefix("."))
