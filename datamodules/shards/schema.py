"""What dataset.json and the sidecars of shards must hold: both are checked here, and only here, when they are read.

Beyond types: rates and sizes are possible, names are names of files in the same folder, there is a sidecar for every
shard, a member lies within its tar, its shape is that of its bytes, and a record owns no more frames than it holds.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Annotated, Any, Literal, NotRequired

from pydantic import FailFast, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from datamodules.errors import DataError, shown
from datamodules.shards.checked import LEAN, STRICT, Digest, FileName, Natural, TarName, parse, place_of
from datamodules.shards.format import FORMAT, HIGHEST_RATE, LONGEST, Grid, stored_rows

WHOLE = "sha256_of_the_rest"
_AGAIN = "copy the prepared directory again, or move the directory away and run `melisma prepare`"
_REBUILD = "run `melisma prepare` again to rebuild it"
# Bytes of a value, of the members that are raw arrays; their types.
_VALUES = {"i16": 2, "f0": 4, "feat": 4, "cqt": 2}
_FLAC = 8192  # samples for each byte, at most: a block has 65535 and takes a dozen
_DTYPES = {"flac": "int16", "i16": "int16", "f0": "float32", "feat": "float32", "cqt": "uint16"}

Rate = Annotated[int, Field(ge=1, le=HIGHEST_RATE)]
Length = Annotated[int, Field(ge=0, le=LONGEST)]
Frames = Annotated[int, Field(ge=1, le=LONGEST)]


@with_config(STRICT)
class ColumnsOfSplit(TypedDict):
    """The column file of a split."""

    name: FileName
    size: Natural
    sha256: Digest


@with_config(STRICT)
class SplitDescription(TypedDict):
    """A split in dataset.json."""

    shards: Annotated[list[TarName], FailFast()]
    indexes: NotRequired[Annotated[list[Digest], FailFast()]]
    columns: NotRequired[ColumnsOfSplit]
    records: NotRequired[Natural]
    tracks: NotRequired[Natural]
    frames: NotRequired[Natural]
    hours: NotRequired[Annotated[float, Field(ge=0)]]
    labels: NotRequired[dict[str, Natural]]


CorpusDescription = TypedDict("CorpusDescription", {"class": NotRequired[str]})
CorpusDescription.__pydantic_config__ = STRICT  # type: ignore[attr-defined]


@with_config(STRICT)
class RecipeDescription(TypedDict):
    """The recipe in dataset.json, as far as others than `prepare` look at it."""

    corpus: NotRequired[CorpusDescription]
    spectrogram: NotRequired[dict[str, Any] | None]


@with_config(STRICT)
class Description(TypedDict):
    """dataset.json."""

    format: Literal[1]
    id: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    rate: Rate
    hop: Rate
    segment: Length
    context: Length
    splits: dict[FileName, SplitDescription]
    classes: NotRequired[list[str] | None]
    phones: NotRequired[list[str] | None]
    left_out: NotRequired[dict[str, str]]
    converted: NotRequired[dict[str, Natural]]
    recipe: NotRequired[RecipeDescription]


@with_config(LEAN)
class MemberEntry(TypedDict):
    """A member of a record in a sidecar."""

    offset: Natural
    size: Length
    shape: Annotated[list[Length], Field(min_length=1, max_length=4)]
    sha256: Annotated[str, Field(min_length=64, max_length=64)]
    dtype: NotRequired[str]


@with_config(LEAN)
class RecordEntry(TypedDict):
    """A record in a sidecar."""

    key: str
    track: str
    start: Length
    frames: Frames
    members: dict[str, MemberEntry]
    voiced: NotRequired[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]]
    label: NotRequired[str]
    symbols: NotRequired[Length]
    group: NotRequired[str]


@with_config(LEAN)
class ShardIndex(TypedDict):
    """A sidecar."""

    format: Literal[1]
    bytes: Natural
    sha256: Digest
    records: Annotated[list[RecordEntry], FailFast()]
    shard: NotRequired[str]
    plan: NotRequired[str]
    rate: NotRequired[Rate]
    hop: NotRequired[Rate]
    segment: NotRequired[Length]
    context: NotRequired[Length]


_DESCRIPTION, _INDEX = TypeAdapter(Description), TypeAdapter(ShardIndex)
_ANY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def read_description(content: bytes, name: str) -> Description:
    """The values of a dataset.json.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is not JSON, or not what `melisma prepare` writes; names the file and the key.
    """
    description = parse(_DESCRIPTION, content, name, _AGAIN)
    problem = _problem_of_description(description)
    if problem is not None:
        raise DataError(f"{name}: {problem}; {_AGAIN}")
    stated = description.get(WHOLE)
    if stated is not None and stated != digest_of(description):
        raise DataError(
            f"{name}: not what `melisma prepare` wrote (damaged, or edited); {_AGAIN}; if it was edited on purpose, "
            f"remove its key {WHOLE}"
        )
    return description


def digest_of(description: Any) -> str:  # noqa: ANN401 -- a Description, or one that is being made
    """SHA-256 of the values of a dataset.json, however it is laid out; the key that holds it does not count."""
    rest = {key: value for key, value in description.items() if key != WHOLE}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def grid_of(values: Description) -> Grid:
    """The grid in a dataset.json."""
    return Grid(values["rate"], values["hop"], values["segment"], values["context"])


def read_index(content: bytes, name: str) -> ShardIndex:
    """The values of a sidecar.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is not JSON, or not the index of a shard; names the file and the key.
    """
    index = parse(_INDEX, content, name, _REBUILD)
    problem = _problem_of_index(index)
    if problem is not None:
        raise DataError(f"{name}: {problem}; {_REBUILD}")
    return index


def read_values(content: bytes, name: str, remedy: str) -> dict[str, Any]:
    """Any values by their names, as in the `json` member of a record.

    Raises:
        DataError: it is not JSON, or no object; names the file.
    """
    return parse(_ANY, content, name, remedy)


def _problem_of_description(description: Description) -> str | None:
    splits = description["splits"]
    counts = Counter(name for split in splits.values() for name in split["shards"])
    if counts and counts.most_common(1)[0][1] > 1:
        return f"splits: the shard {shown(counts.most_common(1)[0][0])} stands there twice"
    classes = description.get("classes")
    for name, split in splits.items():
        at, shards = f"splits.{name}", len(split["shards"])
        if len(split.get("indexes", split["shards"])) != shards:
            return f"{at}.indexes: {len(split['indexes'])}, but there are {shards} shards"
        if "columns" in split and split["columns"]["name"] != f"{name}.index":
            return f"{at}.columns.name: {shown(split['columns']['name'])}, expected {name}.index"
        unknown = split.get("labels", {}).keys() - set(classes or ())
        if unknown:
            return f"{at}.labels: {shown(min(unknown))} is none of the classes"
    recipe: Any = description.get("recipe", {})
    for key in ("rate", "hop", "classes", "phones"):
        if key in recipe and recipe[key] != description.get(key):
            return f"{key}: {shown(description.get(key))}, but recipe.{key} is {shown(recipe[key])}"
    return None


def _problem_of_index(index: ShardIndex) -> str | None:
    size, digests = index["bytes"], []
    # Found once for all records of a length. A sidecar of another version may not state the grid.
    grid, rows = grid_of_index(index), dict[int, dict[str, tuple[int, int]]]()
    for number, record in enumerate(index["records"]):
        frames, members, voiced = record["frames"], record["members"], record.get("voiced", "")
        if frames not in rows:
            rows[frames] = {name: _rows(name, frames, grid) for name in _DTYPES}
        bounds = rows[frames]
        if ("f0" in members) != bool(voiced):
            there = "missing, but there is an f0" if "f0" in members else "there, but without an f0"
            return f"records[{number}].voiced: {there}"
        # Four letters for three bytes of eight frames each.
        if voiced and len(voiced) != (frames + 23) // 24 * 4:
            return f"records[{number}].voiced: {len(voiced)} characters are not those of {frames} frames"
        for name, member in members.items():
            shape, bytes_ = member["shape"], member["size"]
            digests.append(member["sha256"])
            if member["offset"] + bytes_ > size:
                return f"{place_of(('records', number, 'members', name))}: it ends behind the {size} bytes of the shard"
            if name in bounds:
                least, most = bounds[name]
                if not least <= shape[0] <= most:
                    return f"records[{number}].members.{name}.shape: {shape} is not that of {frames} frames"
                problem = _problem_of_array(name, member)
                if problem is not None:
                    return f"records[{number}].members.{name}.{problem}"
    try:
        if len(bytes.fromhex("".join(digests))) != 32 * len(digests):
            raise ValueError
    except ValueError:
        return "records: a sha256 is not 64 hexadecimal digits"
    return None


def _rows(member: str, frames: int, grid: Grid | None) -> tuple[int, int]:
    if grid is not None:
        return stored_rows(member, frames, grid)
    return (1 if member in ("flac", "i16") else frames), LONGEST


def _problem_of_array(name: str, member: MemberEntry) -> str | None:
    shape, size, dtype = member["shape"], member["size"], _DTYPES[name]
    if member.get("dtype", dtype) != dtype:
        return f"dtype: {shown(member['dtype'])}, expected {dtype}"
    if name == "flac":
        return f"shape: {shape} is more than {size} bytes can hold" if shape[0] > _FLAC * size else None
    count = _VALUES[name]
    for length in shape:
        count *= length
    return f"shape: {shape} is not that of its bytes" if count != size or not count else None


def grid_of_index(index: ShardIndex) -> Grid | None:
    """The grid in a sidecar; None if it does not state one."""
    try:
        return Grid(index["rate"], index["hop"], index["segment"], index["context"])
    except KeyError:
        return None


assert FORMAT == 1  # as the types above say
