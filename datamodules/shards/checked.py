"""JSON that is read from a disk or a server: parsed and compared with what it must hold, in one step.

Types are `TypedDict`s with constraints of pydantic, so that parsing and checking are compiled code. Keys that a type
does not name are no mistake: another version may have written them. Importing this module loads pydantic; who only may
need it imports it where it is needed.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from datamodules.errors import DataError, shown

Kind = TypeVar("Kind")

# Numbers are numbers, not texts that look like them, and finite.
STRICT = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
# Of large documents, whose other keys nobody asks for: they are left out, which takes two thirds of the time.
LEAN = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
_DIGEST = r"^[0-9a-f]{64}$"
_FILE = r"^[^./\\:\x00-\x1f\x7f][^/\\:\x00-\x1f\x7f]{0,239}$"
_TAR = r"^[^./\\:\x00-\x1f\x7f][^/\\:\x00-\x1f\x7f]{0,239}\.tar$"
_MEANT = {
    _DIGEST: "64 hexadecimal digits are expected",
    _FILE: "a name is expected that a file can begin with",
    _TAR: "not the name of a shard; NAME.tar without a folder is expected",
}

Natural = Annotated[int, Field(ge=0, lt=1 << 62)]
Digest = Annotated[str, Field(pattern=_DIGEST)]
FileName = Annotated[str, Field(pattern=_FILE)]
TarName = Annotated[str, Field(pattern=_TAR)]


def parse(kind: TypeAdapter[Kind], content: bytes, name: str, remedy: str) -> Kind:
    """The value of a JSON text, which has the type that is asked for.

    Args:
        kind: the type.
        content: the text.
        name: of the file, for the message.
        remedy: what to do if it is damaged, for the message.

    Raises:
        DataError: it is not JSON, or holds something else; names the file and the key.
    """
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        if found["type"] != "json_invalid" or "surrogate" not in found["msg"]:
            raise DataError(f"{name}: {_said(found)}; {remedy}") from error
    # A name that is not Unicode, as file systems have them: Python's own parser reads it, in three times the time.
    try:
        return kind.validate_python(json.loads(content))
    except ValidationError as error:
        raise DataError(f"{name}: {_said(error.errors(include_url=False)[0])}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not readable as JSON ({shown(str(error))}); {remedy}") from error


def place_of(path: tuple[int | str, ...]) -> str:
    """A value of a document, as in `splits.train.shards[0]`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_plain(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def _plain(key: str) -> str:
    return key if key.isidentifier() and len(key) <= 40 else shown(key, 40)


def _said(error: Any) -> str:  # noqa: ANN401 -- a TypedDict of pydantic_core
    kind, message, place = error["type"], error["msg"], place_of(error["loc"])
    if kind == "json_invalid":
        return f"not readable as JSON ({message.partition(': ')[2]})"
    if kind == "missing":
        return f"{place}: missing"
    if kind == "string_pattern_mismatch":
        message = _MEANT.get(error["ctx"]["pattern"], "not what belongs here")
    elif message.startswith("Input should be"):
        message = f"{message.removeprefix('Input should be ')} is expected"
    return f"{place}: {shown(error['input'], 60)}: {message}".removeprefix(": ")
