"""YAML and JSON that somebody else may have written, read within bounds: no file hangs, fills memory or runs code.

A few hundred bytes of YAML stand for billions of values if aliases repeat aliases. What a document says is therefore
counted with its aliases written out, before anything is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from datamodules.errors import DataError, cut, shown
from datamodules.files import read_bytes, text_of

MOST_YAML = 1 << 24  # bytes
MOST_JSON = 1 << 26  # bytes; a value takes up to twenty times as much memory as text
MOST_VALUES = 200_000  # of a YAML document, its aliases written out; 100 characters of a text count as one more
DEEPEST = 100  # a list in a list in ...
LONGEST_NUMBER = 400  # characters

_DEEP = f"lists or mappings in each other, more than {DEEPEST} deep"
_CONVERTED = ("int", "float", "bool", "timestamp")


def read_yaml(path: Path, hint: str = "") -> Any:  # noqa: ANN401 -- whatever a file holds
    """The content of a YAML file: lists, dictionaries, texts, numbers, dates; nothing is executed.

    Args:
        path: of the file.
        hint: what to do if it cannot be read, for the message.

    Raises:
        DataError: the file cannot be read, is not YAML in UTF-8, has a key twice in a mapping, or is beyond the bounds
            of this module; the message names file and line.
    """
    return parse_yaml(text_of(read_bytes(path, hint, MOST_YAML), path), str(path))


def parse_yaml(text: str, name: str, loader: type | None = None) -> Any:  # noqa: ANN401
    """Likewise of a text.

    Args:
        text: YAML.
        name: what it is from, for messages.
        loader: a class that `bounded` made; None: that of PyYAML's SafeLoader.

    Raises:
        DataError: as from `read_yaml`.
    """
    _check_page(text, name)
    try:
        return yaml.load(text, loader or _safe_loader())
    except yaml.YAMLError as error:
        raise DataError(_explained(error, text, name)) from error


def compose_yaml(text: str, name: str) -> yaml.Node | None:
    """Likewise, as nodes that know their lines.

    Raises:
        DataError: as from `read_yaml`.
    """
    _check_page(text, name)
    try:
        return yaml.compose(text, _safe_loader())
    except yaml.YAMLError as error:
        raise DataError(_explained(error, text, name)) from error


def read_json(path: Path, hint: str = "") -> Any:  # noqa: ANN401
    """The content of a JSON file.

    Args:
        path: of the file.
        hint: what to do if it cannot be read, for the message.

    Raises:
        DataError: the file cannot be read, is too large, too deeply nested or not JSON in UTF-8; the message names file
            and line.
    """
    return parse_json(read_bytes(path, hint, MOST_JSON), str(path))


def parse_json(content: bytes | str, name: str) -> Any:  # noqa: ANN401
    """Likewise of bytes or a text.

    Args:
        content: JSON.
        name: what it is from, for messages.

    Raises:
        DataError: as from `read_json`.
    """
    if len(content) > MOST_JSON:
        raise DataError(f"{name}: is larger than {MOST_JSON >> 20} MiB, which JSON here never is")
    text = content if isinstance(content, str) else text_of(content, name)
    if not text.strip():
        raise DataError(f"{name}: is empty; JSON is expected")
    try:
        made = json.loads(text)
    except json.JSONDecodeError as error:
        what = "HTML" if is_html(text) else "not valid JSON"
        raise DataError(f"{name}, line {error.lineno}: {what} ({error.msg}, column {error.colno})") from error
    except RecursionError as error:
        raise DataError(f"{name}: {_DEEP}") from error
    except ValueError as error:  # a whole number of more digits than Python converts
        raise DataError(f"{name}: {error}") from error
    level = [made]
    for _ in range(DEEPEST):
        level = [below for each in level for below in _parts(each) if isinstance(below, (dict, list))]
        if not level:
            return made
    raise DataError(f"{name}: {_DEEP}")


def _parts(value: Any) -> Iterable[Any]:  # noqa: ANN401
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def as_mapping(value: object, name: str) -> dict[str, Any]:
    """A value of a document that has to be a mapping.

    Args:
        value: of YAML or JSON.
        name: file, or file and key, for messages.

    Raises:
        DataError: it is none, or one of its keys is no text.
    """
    if not isinstance(value, dict):
        raise DataError(f"{name}: a mapping is expected, not {shown(value)}")
    for key in value:
        if not isinstance(key, str):
            raise DataError(f"{name}: the key {shown(key)} is no text")
    return value


def _check_page(text: str, name: str) -> None:
    if is_html(text):
        raise DataError(f"{name}: is HTML, a web page, and not YAML")


def is_html(text: str) -> bool:
    """Whether a text is a web page, which a server sends instead of the file if there is none."""
    return text[:1000].lstrip().lower().startswith(("<!doctype html", "<html"))


class Bounds:
    """Bounds for a class of PyYAML's loaders that inherits from this one first."""

    def __init__(self, stream: str) -> None:
        if len(stream) > MOST_YAML:
            raise yaml.YAMLError(f"is longer than {MOST_YAML >> 20} MiB, which YAML here never is")
        try:
            super().__init__(stream)  # type: ignore[call-arg]
        except UnicodeEncodeError as error:
            raise yaml.YAMLError(f"{stream[error.start]!r} is not a character") from error

    def get_single_node(self) -> yaml.Node | None:
        """The document as nodes.

        Raises:
            yaml.YAMLError: it is beyond the bounds, or has a key twice in a mapping.
        """
        try:
            node: yaml.Node | None = super().get_single_node()  # type: ignore[misc]
        except RecursionError as error:  # of the loader in Python, where there is none in C
            raise yaml.YAMLError(_DEEP) from error
        if node is not None:
            _Measured().node(node, 0)
        return node


def bounded(loader: type) -> type:
    """A class of PyYAML's loaders with the bounds of this module; what it makes of a document stays the same."""
    made = type(f"Bounded{loader.__name__}", (Bounds, loader), {})
    for tag in (f"tag:yaml.org,2002:{name}" for name in _CONVERTED):
        made.add_constructor(tag, _checked(loader.yaml_constructors[tag]))  # type: ignore[attr-defined]
    return made


@cache
def _safe_loader() -> Any:  # noqa: ANN401
    return bounded(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class _Measured:
    """How many values and levels nodes have, with their aliases written out."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}
        self._above: set[int] = set()

    def node(self, node: yaml.Node, depth: int) -> tuple[int, int]:
        """Values and levels of a node.

        Args:
            node: any.
            depth: levels above it.
        """
        if isinstance(node, yaml.ScalarNode):
            return 1 + len(node.value) // 100, 0
        values, levels = self._known.get(id(node)) or self._collection(node, depth)
        if depth + levels > DEEPEST:
            _refuse(node, _DEEP)
        return values, levels

    def _collection(self, node: yaml.CollectionNode, depth: int) -> tuple[int, int]:
        if id(node) in self._above:
            _refuse(node, "an alias stands within what it repeats")
        if depth > DEEPEST:
            _refuse(node, _DEEP)
        self._above.add(id(node))
        below = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        values, levels = 1, 0
        for each in below:
            more, deep = self.node(each, depth + 1)
            values, levels = values + more, max(levels, deep + 1)
            if values > MOST_VALUES:
                _refuse(node, f"more than {MOST_VALUES} values, with its aliases written out")
        self._above.remove(id(node))
        self._known[id(node)] = values, levels
        return values, levels


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                _refuse(key, f"the key {shown(key.value)} stands twice in one mapping; only one of the two can count")
            seen.add((key.tag, key.value))


def _refuse(node: yaml.Node, problem: str) -> None:
    raise yaml.composer.ComposerError(None, None, problem, node.start_mark)


def _checked(construct: Callable[[Any, yaml.Node], Any]) -> Callable[[Any, yaml.Node], Any]:
    """PyYAML converts what a tag or the look of a text promises, and has errors of its own for nothing of it."""

    def constructed(loader: Any, node: yaml.Node) -> Any:  # noqa: ANN401
        kind = node.tag.rpartition(":")[2]
        if isinstance(node, yaml.ScalarNode) and len(node.value) > LONGEST_NUMBER:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number of {len(node.value)} characters", node.start_mark
            )
        try:
            return construct(loader, node)
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            problem = f"{shown(node.value)} is no {kind}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    return constructed


def _explained(error: yaml.YAMLError, text: str, name: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.encode(errors="surrogatepass").count(b"\n", 0, error.position) + 1
        return f"{name}, line {line}: not valid YAML: a control character ({error.character:#04x}) stands there"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        why = " ".join(filter(None, (error.context, error.problem)))
        if "python/" in why:
            why = f"{why}; YAML that makes Python objects is not read"
        line = min(error.problem_mark.line, text.rstrip().count("\n")) + 1  # what is missing is missing at the end
        return f"{name}, line {line}: not valid YAML: {cut(why)}"
    return f"{name}: {cut(' '.join(str(error).split()))}"
