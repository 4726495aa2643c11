"""`prepare`: builds the missing shards of a recipe, in one process or several that share the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from datamodules.corpora.base import Recording
from datamodules.errors import DataError
from datamodules.preparation.cache import ArrayCache
from datamodules.preparation.description import Prepared, conversions, finish, prepared
from datamodules.preparation.engines import Engine
from datamodules.preparation.preprocess import Preprocessor, Staged
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.splits import assign_splits
from datamodules.preparation.staging import Staging
from datamodules.shards.format import FORMAT, AudioMember, Grid, is_done
from datamodules.shards.writer import RecordPlan, encode_record, write_shard

Result = TypeVar("Result")


class Share(NamedTuple):
    """The part of the work that this process begins with: task number `task`, from 0, of an array of `tasks` jobs."""

    task: int = 0
    tasks: int = 1


def prepare(
    recipe: ShardRecipe,
    engine: Engine | None = None,
    progress: bool = True,
    cache: Path | None = None,
    share: Share | None = None,
    again: bool = False,
) -> Prepared:
    """Build the missing shards of a recipe; finished ones stay untouched.

    The work is two lists of independent tasks: recordings, then shards. Only finished files have their final names, so
    the same call continues after a crash. Processes that share the work first do their own part and then what the
    others have not done. None waits for another, each can finish alone, and two that do the same task write the same
    bytes.

    Args:
        recipe: what to build.
        engine: runs the tasks; by default one after the other in this process.
        progress: show progress bars.
        cache: folder for resampled audio, annotations and spectrograms that is kept and that recipes can share; by
            default they are kept in the staging folder until the shards are finished.
        share: the part that this process begins with; None: all of it.
        again: try recordings again that an earlier call left out.

    Returns:
        What was done, and which recordings could not be used.

    Raises:
        DataError: the corpus cannot be used, a label or symbol is unknown, or a file of another origin has the name of
            a shard. No shard was written.
    """
    finished = prepared(recipe)
    if finished is not None and not (again and finished.left_out):
        return finished
    build = _Build(recipe, engine or Engine(), progress, cache, share)
    try:
        return Prepared(True, build.run())
    except FileNotFoundError:
        # Another process has finished the same recipe and removed the staging folder.
        finished = prepared(recipe)
        if finished is None:
            raise
        build.staging.clear()
        return finished


class PlannedRecord(NamedTuple):
    """A record to write, and the recording's arrays, from which it is cut."""

    plan: RecordPlan
    staged: Staged


def plan_shards(
    recipe: ShardRecipe, split: str, recordings: Sequence[Recording], staged: Mapping[str, Staged]
) -> Iterator[tuple[str, list[PlannedRecord]]]:
    """Name and records of every shard of a split: a pure function of the recipe and its usable recordings.

    Training records are permuted over all shards, so that each shard is a random sample of the whole split. The other
    splits keep the order of their tracks.
    """
    grid = recipe.grid
    records = [
        PlannedRecord(
            RecordPlan(
                key=f"t{number:06d}_{start:07d}",
                recording=recording.id,
                start=start,
                metadata=recording.metadata,
                label=recording.label,
                transcript=recording.transcript,
                group=None if recording.group == recording.id else recording.group,
            ),
            staged[recording.id],
        )
        for number, recording in enumerate(recordings)
        if recording.id in staged
        for start in range(0, staged[recording.id].frames, grid.segment or staged[recording.id].frames)
    ]
    if split == "train":
        order = np.random.default_rng([recipe.seed, 0]).permutation(len(records))
        records = [records[place] for place in order]
    count = -(-len(records) // recipe.records_per_shard)
    bounds = np.linspace(0, len(records), count + 1).round().astype(int)
    for number in range(count):
        yield f"{split}-{number:06d}-of-{count:06d}.tar", records[bounds[number] : bounds[number + 1]]


class ShardTask(NamedTuple):
    """A shard to write; picklable, so that another process can write it.

    Attributes:
        path: of the tar.
        records: in their order.
        grid: of the shard.
        audio: how samples are stored.
        preprocessor: finds the arrays of a recording.
        temporary: folder of temporary files.
    """

    path: Path
    records: Sequence[PlannedRecord]
    grid: Grid
    audio: AudioMember
    preprocessor: Preprocessor
    temporary: Path

    @property
    def content(self) -> str:
        """Hash of the shard's content, by which `is_done` knows it."""
        records = [
            [
                *(plan.key, plan.recording, staged, plan.start, dict(plan.metadata), plan.label, plan.transcript),
                *([] if plan.group is None else [plan.group]),
            ]
            for plan, staged in self.records
        ]
        return hashlib.sha256(json.dumps([FORMAT, self.grid, self.audio, records]).encode()).hexdigest()

    def build(self) -> bool:
        """Write the shard, unless it is finished with the same content; always True."""
        if not self.done():
            records = [
                encode_record(self.preprocessor.get(staged), plan, self.grid, self.audio)
                for plan, staged in self.records
            ]
            write_shard(self.path, records, self.content, self.grid, self.temporary)
        return True

    def done(self) -> bool | None:
        """True if the shard is finished with this content, else None."""
        return True if is_done(self.path, self.content) else None


class _Build:
    """The work of one process on a recipe."""

    def __init__(
        self, recipe: ShardRecipe, engine: Engine, progress: bool, cache: Path | None, share: Share | None
    ) -> None:
        self.recipe, self.engine, self.progress, self.share = recipe, engine, progress, share
        self.staging = Staging(Path(recipe.directory))
        self.cache = ArrayCache(cache or self.staging.folder / "arrays")
        self.preprocessor = Preprocessor(
            self.cache, self.staging.folder / "notes", recipe.rate, recipe.hop, recipe.spectrogram
        )

    def run(self) -> dict[str, str]:
        """Do everything; for the id of each recording that was left out, the reason."""
        recordings = self.recipe.corpus.recordings()
        splits = assign_splits(recordings, self.recipe.splits, self.recipe.seed)
        chosen = [recording for split in splits.values() for recording in split]
        self.recipe.check_labels(chosen)
        self.recipe.check_transcripts(chosen)
        self.staging.refuse_foreign(splits)
        self.staging.begin()
        self.cache.folder.parent.mkdir(parents=True, exist_ok=True)
        staged, left_out = self._preprocess(chosen)
        plans = {split: list(plan_shards(self.recipe, split, members, staged)) for split, members in splits.items()}
        for split, plan in plans.items():
            if not plan:
                raise DataError(f"splits.{split}: none of its recordings can be used: {next(iter(left_out.values()))}")
        self._write([task for plan in plans.values() for task in plan])
        names = {split: [name for name, _ in plan] for split, plan in plans.items()}
        finish(self.recipe, self.staging, names, left_out, conversions(staged.values(), self.recipe.rate))
        self.staging.clear()
        return left_out

    def _preprocess(self, recordings: Sequence[Recording]) -> tuple[dict[str, Staged], dict[str, str]]:
        staged, left_out = {}, {}
        arguments = [(recording,) for recording in recordings]
        results = self._shared(self.preprocessor.put, arguments, self.preprocessor.note, "reading recordings")
        for recording, result in zip(recordings, results, strict=True):
            if isinstance(result, Staged):
                staged[recording.id] = result
            else:
                left_out[recording.id] = result.reason
        for name, result in staged.items():
            first = next(iter(staged))
            if result.dimensions != staged[first].dimensions:
                raise DataError(
                    f"recording {name!r}: its features have {result.dimensions} dimensions, those of {first!r} have "
                    f"{staged[first].dimensions}"
                )
        return staged, left_out

    def _write(self, plan: Sequence[tuple[str, list[PlannedRecord]]]) -> None:
        recipe, staging = self.recipe, self.staging
        staging.claim(name for name, _ in plan)
        tasks = [
            ShardTask(
                path=staging.directory / name,
                records=records,
                grid=recipe.grid,
                audio=recipe.audio,
                preprocessor=self.preprocessor,
                temporary=staging.folder,
            )
            for name, records in plan
        ]
        list(self._shared(ShardTask.build, [(task,) for task in tasks], ShardTask.done, "writing shards"))

    def _shared(
        self,
        task: Callable[..., Result],
        arguments: Sequence[tuple[Any, ...]],
        known: Callable[..., Result | None],
        name: str,
    ) -> Iterator[Result]:
        """Results in the order of the arguments; `known` returns those of other processes, or None."""
        results: dict[int, Result] = {}
        share = self.share or Share()
        mine = list(range(share.task, len(arguments), share.tasks))
        with tqdm(desc=name, total=len(arguments), disable=not self.progress, unit=name.split()[-1].rstrip("s")) as bar:
            while True:
                for place, result in zip(mine, self.engine.run(task, [arguments[i] for i in mine]), strict=True):
                    results[place] = result
                    bar.update()
                mine = self._left(arguments, results, known, bar)
                if not mine:
                    break
        return (results[place] for place in range(len(arguments)))

    def _left(
        self,
        arguments: Sequence[tuple[Any, ...]],
        results: dict[int, Result],
        known: Callable[..., Result | None],
        bar: Any,  # noqa: ANN401 -- tqdm has no types
    ) -> list[int]:
        """The next few tasks that no process has done yet; each process starts at another place of the list."""
        left = []
        for place in range(len(arguments)):
            if place not in results:
                result = known(*arguments[place])
                if result is None:
                    left.append(place)
                else:
                    results[place] = result
                    bar.update()
        share = self.share or Share()
        first = share.task * len(left) // share.tasks
        return (left[first:] + left[:first])[: self.engine.jobs]
