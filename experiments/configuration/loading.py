"""jsonargparse's YAML within the bounds of `datamodules.documents`, and a command line's files checked before it reads.

It loads recipes, recipes that they name, and every value of the command line, by one loader of its own; what that makes
of numbers and texts stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from jsonargparse import _loaders_dumpers as loaders
from jsonargparse import set_parsing_settings

from datamodules.documents import MOST_YAML, Bounds, bounded, parse_yaml
from datamodules.errors import DataError, shown
from datamodules.files import check_file, read_bytes, text_of

_RECIPES = (".yaml", ".yml")
_MOST_FILES = 1000  # of a command line and all that its recipes name


def bound_yaml() -> None:
    """From now on jsonargparse refuses YAML beyond the bounds, as it refuses what is no YAML, and opens no URL.

    Lightning lets it open any text of a recipe that looks like a URL, to see whether a part of the recipe is there.
    """
    set_parsing_settings(config_read_mode_urls_enabled=False, config_read_mode_fsspec_enabled=False)
    # There is no public way to the loader of single values.
    loader: type = loaders.get_yaml_default_loader()  # type: ignore[no-untyped-call]
    if not issubclass(loader, Bounds):
        loaders.yaml_default_loader = bounded(loader)  # type: ignore[assignment]


def check_files(words: Sequence[str]) -> None:
    """Read the YAML files of a command line, and those that they name, for what is wrong with the files themselves.

    Args:
        words: of the command line.

    Raises:
        DataError: one is no file, not UTF-8, not YAML, or beyond the bounds; the message names it and the line. Or one
            behind --config has no keys.
    """
    bound_yaml()
    waiting, whole = [*_named(words)], config_files(words)
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        check_file(path)
        if path.is_file():  # what a pipe holds can be read once
            text = text_of(read_bytes(path, most=MOST_YAML), path)
            stated = parse_yaml(text, str(path), loaders.yaml_default_loader)
            if path in whole and not isinstance(stated, (dict, type(None))):
                raise DataError(f"{path}: keys and their values are expected, not {shown(stated)}")
            named = (path.parent / name for name in _texts(stated) if name.endswith(_RECIPES))
            waiting += [each for each in named if os.path.isfile(each)]


def config_files(words: Sequence[str]) -> list[Path]:
    """The values of --config, in their order."""
    options = [(word.partition("="), after) for word, after in zip_longest(words, words[1:], fillvalue="")]
    return [Path(value or after) for (word, _, value), after in options if word in ("--config", "-c")]


def _named(words: Sequence[str]) -> Iterator[Path]:
    yield from (path for path in config_files(words) if os.path.exists(path))
    for word in words:
        value = word.partition("=")[2] if word.startswith("--") else word
        if value.endswith(_RECIPES) and os.path.isfile(value):
            yield Path(value)


def _texts(stated: object) -> Iterator[str]:
    """All texts of a document; what aliases repeat comes once."""
    waiting = [stated]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value
