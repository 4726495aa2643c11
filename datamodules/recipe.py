"""From a corpus to shards: the one object behind `melisma prepare` and behind a data module's prepare_data."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from tqdm import tqdm

from datamodules.corpora.base import Corpus, Recording
from datamodules.errors import DataError
from datamodules.files import write_atomically
from datamodules.preprocess import Staging, frame_count
from datamodules.shards import FORMAT, Grid, Segment, encode_record, is_done, read_sidecar, sidecar, write_shard
from datamodules.splits import assign_splits


@dataclass(frozen=True)
class ShardRecipe:
    """What to prepare, and where.

    Attributes:
        corpus: where recordings come from.
        directory: receives the shards, their indexes and dataset.json.
        rate: samples per second of the stored audio.
        hop: samples between label frames; annotations are resampled to it (160 at 16 kHz is 10 ms).
        segment: seconds of one record.
        context: seconds of audio stored on each side of a record, so that excerpts of up to twice this length are
            whole; zeros stand only beyond a track's ends.
        splits: fractions (`{train: 0.8, validation: 0.2}`, dealt by group) or lists of groups
            (`{validation: [rl, sb]}`); null takes the split that the corpus states for each recording.
        seed: of the dealing to splits and of the order of records.
        records_per_shard: records in one tar.
    """

    corpus: Corpus
    directory: str
    rate: int = 16000
    hop: int = 160
    segment: float = 10.0
    context: float = 0.6
    splits: dict[str, float | list[str]] | None = None
    seed: int = 0
    records_per_shard: int = 128

    def __post_init__(self) -> None:
        for key in ("rate", "hop", "segment", "records_per_shard"):
            if not getattr(self, key) > 0:
                raise DataError(f"{key}: {getattr(self, key)} is not positive")
        if self.context < 0:
            raise DataError(f"context: {self.context} is negative")
        if self.grid.segment < 1:
            raise DataError(f"segment: {self.segment} s is shorter than one hop ({self.hop / self.rate} s)")

    @property
    def grid(self) -> Grid:
        """Rate, hop, frames of a record and samples of context."""
        return Grid(self.rate, self.hop, round(self.segment * self.rate / self.hop), round(self.context * self.rate))

    def describe(self) -> dict[str, Any]:
        """The recipe as JSON values, the directory left out: two equal ones give the same bytes."""
        return {
            "corpus": {"class": type(self.corpus).__name__, **_plain(vars(self.corpus))},
            **{
                key: _plain(getattr(self, key))
                for key in self.__dataclass_fields__
                if key not in ("corpus", "directory")
            },
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 -- whatever a YAML can hold
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not str(key).startswith("_")}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def is_prepared(recipe: ShardRecipe) -> bool:
    """Whether the directory holds the finished shards of exactly this recipe.

    Raises:
        DataError: it holds the shards of another recipe; names the first key that differs.
    """
    path = Path(recipe.directory) / "dataset.json"
    if not path.exists():
        return False
    description = json.loads(path.read_bytes())
    stored, wanted = description["recipe"], json.loads(json.dumps(recipe.describe()))
    for key in sorted(stored.keys() | wanted.keys()):
        if stored.get(key) != wanted.get(key):
            raise DataError(
                f"{path}: the shards were made with {key}: {stored.get(key)}, the recipe now says {wanted.get(key)}; "
                "give the recipe another directory or delete this one"
            )
    for split in description["splits"].values():
        for name in split["shards"]:
            try:
                read_sidecar(path.parent / name)
            except DataError:
                return False
    return True


def prepare(recipe: ShardRecipe, jobs: int = 1, backend: str = "loky", progress: bool = True) -> bool:
    """Build what is missing of a recipe's shards; what is finished stays untouched.

    The work is two lists of independent tasks, recordings and then shards. Nothing but finished files has its final
    name at any moment, so the same call after a crash continues where it stopped.

    Args:
        recipe: what to build.
        jobs: processes.
        backend: of joblib.
        progress: show progress bars.

    Returns:
        Whether there was anything to do.

    Raises:
        DataError: the corpus cannot be used; no shard was written.
    """
    if is_prepared(recipe):
        return False
    directory = Path(recipe.directory)
    recordings = recipe.corpus.recordings()
    splits = assign_splits(recordings, recipe.splits, recipe.seed)
    directory.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(directory)
    staging = Staging(directory / ".staging", recipe.rate, recipe.hop)
    _remove_leftovers(staging.folder)

    def run(task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], total: int, name: str) -> list[Any]:
        results = joblib.Parallel(n_jobs=jobs, backend=backend, return_as="generator")(
            joblib.delayed(task)(*each) for each in arguments
        )
        return list(tqdm(results, desc=name, total=total, disable=not progress, unit=name.split()[-1].rstrip("s")))

    chosen = [recording for split in splits.values() for recording in split]
    staged = run(staging.put, ((recording,) for recording in chosen), len(chosen), "reading recordings")
    keys = {recording.id: entry for recording, entry in zip(chosen, staged, strict=True)}
    plans = {split: list(plan_shards(recipe, split, members, keys)) for split, members in splits.items()}
    tasks = [(directory / name, segments, recipe.grid, staging) for plan in plans.values() for name, segments in plan]
    run(build_shard, tasks, len(tasks), "writing shards")
    _finish(recipe, directory, {split: [name for name, _ in plan] for split, plan in plans.items()})
    staging.remove()
    return True


def plan_shards(
    recipe: ShardRecipe, split: str, recordings: Sequence[Recording], staged: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[str, list[Segment]]]:
    """Name and segments of every shard of a split: a pure function of the recipe and its recordings.

    Training records are permuted over all shards, so that a shard read in order is already a sample of the whole;
    the other splits keep the order of their tracks.
    """
    grid = recipe.grid
    segments = [
        Segment(f"t{number:06d}_{start:07d}", recording.id, staged[recording.id][0], start, recording.metadata)
        for number, recording in enumerate(recordings)
        for start in range(0, frame_count(staged[recording.id][1], grid.hop), grid.segment)
    ]
    if split == "train":
        order = np.random.default_rng([recipe.seed, 0]).permutation(len(segments))
        segments = [segments[place] for place in order]
    count = -(-len(segments) // recipe.records_per_shard)
    bounds = np.linspace(0, len(segments), count + 1).round().astype(int)
    for number in range(count):
        yield f"{split}-{number:06d}-of-{count:06d}.tar", segments[bounds[number] : bounds[number + 1]]


def build_shard(path: Path, segments: Sequence[Segment], grid: Grid, staging: Staging) -> None:
    """Write one shard unless it stands finished with the same content."""
    asked = json.dumps([[FORMAT, *grid], [[s.key, s.staged, s.start, dict(s.metadata)] for s in segments]])
    plan = hashlib.sha256(asked.encode()).hexdigest()
    if not is_done(path, plan):
        write_shard(path, [encode_record(staging.get(s.staged), s, grid) for s in segments], plan, grid)


def _finish(recipe: ShardRecipe, directory: Path, shards: Mapping[str, Sequence[str]]) -> None:
    """Write dataset.json, the last file, after reading every sidecar once more."""
    grid, splits, digests = recipe.grid, {}, []
    for split, names in shards.items():
        indexes = [read_sidecar(directory / name) for name in names]
        records = [record for index in indexes for record in index["records"]]
        frames = sum(record["frames"] for record in records)
        digests += [index["sha256"] for index in indexes]
        splits[split] = {
            "shards": list(names),
            "records": len(records),
            "tracks": len({record["track"] for record in records}),
            "frames": frames,
            "hours": frames * grid.hop / grid.rate / 3600,
        }
    description = {
        "format": FORMAT,
        "id": hashlib.sha256("".join(digests).encode()).hexdigest(),
        **grid._asdict(),
        "splits": splits,
        "recipe": recipe.describe(),
    }
    with write_atomically(directory / "dataset.json") as file:
        file.write(json.dumps(description, indent=1).encode())
    wanted = {name for names in shards.values() for name in names}
    for path in directory.glob("*-of-*.tar"):
        if path.name not in wanted:  # of an interrupted run over a corpus that has changed since
            sidecar(path).unlink(missing_ok=True)
            path.unlink()


def _remove_leftovers(folder: Path) -> None:
    """Delete temporary files of processes of this host that no longer run."""
    for path in folder.glob(".*.tmp"):
        host, pid = path.name.removesuffix(".tmp").rsplit(".", 2)[-2:]
        if host == socket.gethostname() and pid.isdigit() and not _runs(int(pid)):
            path.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
