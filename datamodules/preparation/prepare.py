"""From a recipe to shards on disk: what is missing is built, by one process or by many that share the work."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tqdm import tqdm

from datamodules.corpora.base import Recording
from datamodules.errors import DataError
from datamodules.preparation.building import build_shard, built, conversions, finish, plan_shards
from datamodules.preparation.cache import ArrayCache
from datamodules.preparation.engines import Engine
from datamodules.preparation.preprocess import Preprocessor, Staged
from datamodules.preparation.recipe import ShardRecipe, plain
from datamodules.preparation.splits import assign_splits
from datamodules.preparation.staging import DESCRIPTION, Staging
from datamodules.shards.format import Segment, read_sidecar
from datamodules.shards.index import shards_of

Result = TypeVar("Result")


class Prepared(NamedTuple):
    """What came of preparing a recipe.

    Attributes:
        built: whether there was anything to do.
        left_out: reason by id of each recording that could not be used, and that the shards lack.
    """

    built: bool
    left_out: dict[str, str]


def prepared(recipe: ShardRecipe) -> Prepared | None:
    """What stands finished in the recipe's directory, or None if its shards are not all there.

    Raises:
        DataError: it holds the shards of another recipe; names the first key that differs. Or its dataset.json is not
            one that was written here.
    """
    path = Path(recipe.directory) / DESCRIPTION
    if not os.path.lexists(path):
        return None
    try:
        description = json.loads(path.read_bytes())
        # A key that recipe or corpus have gained since then had its default.
        stored, wanted = {**_defaults(ShardRecipe), **description["recipe"]}, json.loads(json.dumps(recipe.describe()))
        stored["corpus"] = {**_defaults(type(recipe.corpus)), **stored["corpus"]}
        named = [shard for split in description["splits"] for shard in shards_of(path.parent, description, split)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: damaged, or not written by `melisma prepare` ({error!r}); move it away with its shards, or give "
            "the recipe another directory"
        ) from error
    for key in sorted(stored.keys() | wanted.keys()):
        if stored.get(key) != wanted.get(key):
            raise DataError(
                f"{path}: the shards were made with {key}: {stored.get(key)}, the recipe now says {wanted.get(key)}; "
                "give the recipe another directory or delete this one"
            )
    try:
        for shard, digest in named:
            read_sidecar(shard, digest)
    except DataError:
        return None
    return Prepared(False, description.get("left_out", {}))


def _defaults(kind: type) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters.items()
    return {name: plain(each.default) for name, each in parameters if each.default is not inspect.Parameter.empty}


class Share(NamedTuple):
    """Which part of the work this process begins with, as one task of an array of jobs.

    Attributes:
        task: number of the task, from 0.
        tasks: how many there are.
    """

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
    """Build what is missing of a recipe's shards; what is finished stays untouched.

    The work is two lists of independent tasks, recordings and then shards. Nothing but finished files has its final
    name at any moment, so the same call after a crash continues where it stopped. Processes that share the work each
    take their own part first and then whatever the others have not done: none waits for another, any one of them can
    finish alone, and what two do at once is the same bytes.

    Args:
        recipe: what to build.
        engine: runs the tasks; by default one after the other in this process.
        progress: show progress bars.
        cache: folder for resampled audio, annotations and spectrograms that is kept, and that recipes may share; by
            default they are kept beside the shards until these are finished.
        share: the part that this process begins with; None: it works alone.
        again: try recordings again that an earlier call had to leave out.

    Returns:
        What was done, and which recordings could not be used.

    Raises:
        DataError: the corpus cannot be used, or a label or symbol is unknown; no shard was written. Or a file that is
            not of this preparation stands where one of it would; nothing was written.
    """
    finished = prepared(recipe)
    if finished is not None and not (again and finished.left_out):
        return finished
    build = _Build(recipe, engine or Engine(), progress, cache, share)
    try:
        return Prepared(True, build.run())
    except FileNotFoundError:
        # Another process has finished the same work and removed what both worked from.
        finished = prepared(recipe)
        if finished is None:
            raise
        build.staging.clear()
        return finished


class _Build:
    """One process' way through a recipe."""

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
        """Everything; returns the reasons why recordings were left out, by id."""
        recordings = self.recipe.corpus.recordings()
        splits = assign_splits(recordings, self.recipe.splits, self.recipe.seed)
        chosen = [recording for split in splits.values() for recording in split]
        check_labels(chosen, self.recipe.classes)
        check_transcripts(chosen, self.recipe.phones)
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

    def _write(self, plan: Sequence[tuple[str, list[Segment]]]) -> None:
        recipe, staging = self.recipe, self.staging
        staging.claim(name for name, _ in plan)
        tasks = [
            (staging.directory / name, segments, recipe.grid, recipe.audio, self.preprocessor, staging)
            for name, segments in plan
        ]
        list(self._shared(build_shard, tasks, built, "writing shards"))

    def _shared(
        self,
        task: Callable[..., Result],
        arguments: Sequence[tuple[Any, ...]],
        known: Callable[..., Result | None],
        name: str,
    ) -> Iterator[Result]:
        """Results in the order of the arguments; `known` gives those that other processes have come to by now."""
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
        """A few of the tasks that nobody has done yet, each process beginning elsewhere among them."""
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


def check_labels(recordings: Sequence[Recording], classes: Sequence[str] | None) -> None:
    """Refuse recordings whose class is not among those of the recipe, and recipes that forget the classes.

    Raises:
        DataError: names the recording, its label and the key to change.
    """
    if classes is None:
        labelled = sorted({recording.label for recording in recordings if recording.label is not None})
        if labelled:
            raise DataError(f"classes: the recordings have labels; state them, as in classes: {json.dumps(labelled)}")
        return
    known = set(classes)
    for recording in recordings:
        if recording.label not in known:
            raise DataError(
                f"recording {recording.id!r}: its label {recording.label!r} is not one of the recipe's classes, "
                f"{json.dumps(list(classes))}; add it there or leave the recording out of the corpus"
            )


def check_transcripts(recordings: Sequence[Recording], phones: Sequence[str] | None) -> None:
    """Refuse transcripts with symbols that are not among the recipe's phones; a missing transcript is none.

    Raises:
        DataError: names the recording, the symbol and the key to change.
    """
    if phones is None:
        return
    known = set(phones)
    for recording in recordings:
        unknown = set((recording.transcript or "").split()) - known
        if unknown:
            raise DataError(
                f"recording {recording.id!r}: its transcript holds {min(unknown)!r}, which is not one of the recipe's "
                f"phones, {json.dumps(list(phones))}"
            )
