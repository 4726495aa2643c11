"""dataset.json, which says that a directory is finished and with which recipe: written, and compared with a recipe."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.errors import MOST, DataError, shown
from datamodules.files import faults_named, read_regular, sha256_of, write_atomically
from datamodules.preparation.preprocess import Staged
from datamodules.preparation.recipe import ShardRecipe, plain
from datamodules.preparation.staging import DESCRIPTION, Staging
from datamodules.shards.access import shards_of
from datamodules.shards.column_writer import ColumnWriter
from datamodules.shards.columns import columns_path
from datamodules.shards.format import FORMAT, read_sidecar, sidecar
from datamodules.shards.schema import WHOLE, digest_of, read_description


class Prepared(NamedTuple):
    """The result of preparing a recipe.

    Attributes:
        built: False if everything was finished before.
        left_out: for the id of each recording that the shards lack, why it cannot be used.
    """

    built: bool
    left_out: dict[str, str]


def prepared(recipe: ShardRecipe) -> Prepared | None:
    """The finished result in the recipe's directory; None if shards are missing.

    Raises:
        DataError: the directory has shards of another recipe (the message names the first key that differs), or a
            dataset.json that `prepare` did not write.
    """
    path = Path(recipe.directory) / DESCRIPTION
    if not os.path.lexists(path):
        return None
    try:
        description = read_description(read_regular(path), str(path))
    except FileNotFoundError as error:
        raise DataError(f"{path}: a link to nowhere; move it away") from error
    except DataError as error:
        raise DataError(f"{error}; move it away, or give the recipe another directory") from error
    if "corpus" not in description.get("recipe", {}):
        raise DataError(
            f"{path}: recipe.corpus: missing, so not written by `melisma prepare`; move it away with its shards, or "
            "give the recipe another directory"
        )
    # Options that recipe or corpus did not have then had their default.
    stored, wanted = {**_defaults(ShardRecipe), **description["recipe"]}, json.loads(json.dumps(recipe.describe()))
    stored["corpus"] = {**_defaults(type(recipe.corpus)), **description["recipe"]["corpus"]}
    named = [shard for split in description["splits"] for shard in shards_of(path.parent, description, split)]
    for key in sorted(stored.keys() | wanted.keys()):
        if stored.get(key) != wanted.get(key):
            raise DataError(
                f"{path}: the shards were made with {key}: {_told(stored.get(key))}, the recipe now says "
                f"{_told(wanted.get(key))}; "
                "give the recipe another directory or delete this one"
            )
    try:
        for shard, digest in named:
            read_sidecar(shard, digest)
    except DataError:
        return None
    return Prepared(False, description.get("left_out", {}))


def _told(value: object) -> str:
    return value if isinstance(value, str) and len(value) < MOST else shown(value, 2 * MOST)


def _defaults(kind: type) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters.items()
    return {name: plain(each.default) for name, each in parameters if each.default is not inspect.Parameter.empty}


def conversions(staged: Iterable[Staged], rate: int) -> dict[str, int]:
    """How many audio files were resampled, by their rate, and how many were mixed to mono."""
    counts: Counter[str] = Counter()
    for each in staged:
        if each.format is not None:
            stored, channels = each.format  # a plain list, if another process wrote the note
            counts.update([f"resampled from {stored} Hz"] * (stored != rate) + ["mixed to mono"] * (channels != 1))
    return dict(sorted(counts.items()))


def finish(
    recipe: ShardRecipe,
    staging: Staging,
    shards: Mapping[str, Sequence[str]],
    left_out: Mapping[str, str],
    converted: Mapping[str, int],
) -> None:
    """Write the column files from the sidecars of all shards, then dataset.json, the last file."""
    directory, grid, splits, digests = staging.directory, recipe.grid, {}, []
    for split, names in shards.items():
        with faults_named(columns_path(directory, split)), ColumnWriter(staging.folder) as columns:
            indexes = []
            for name in names:
                index = read_sidecar(directory / name)
                indexes.append(sha256_of(sidecar(directory / name)))
                columns.add(name, index, indexes[-1])
                digests.append(index["sha256"])
            columns.refuse_gaps()
            kept = columns.keep(columns_path(directory, split), staging.folder)
        splits[split] = {
            "shards": list(names),
            "indexes": indexes,
            **({} if kept is None else {"columns": kept._asdict()}),
            "records": columns.records,
            "tracks": len(columns.tracks),
            "frames": columns.frames,
            "hours": columns.frames * grid.hop / grid.rate / 3600,
        }
        if recipe.classes is not None:
            splits[split]["labels"] = columns.label_counts
    description: dict[str, Any] = {
        "format": FORMAT,
        "id": hashlib.sha256("".join(digests).encode()).hexdigest(),
        **grid._asdict(),
        "classes": recipe.classes,
        "phones": recipe.phones,
        "splits": splits,
        "left_out": dict(left_out),
        "converted": dict(converted),
        "recipe": recipe.describe(),
    }
    description[WHOLE] = digest_of(json.loads(json.dumps(description)))
    with write_atomically(directory / DESCRIPTION, staging.folder) as file:
        file.write(json.dumps(description, indent=1).encode())
    staging.remove_others(name for names in shards.values() for name in names)
