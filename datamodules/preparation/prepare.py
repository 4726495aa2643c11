"""`prepare`: builds the missing shards of a recipe, in one process or several that share the work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from datamodules.corpora.base import Recording
from datamodules.errors import DataError
from datamodules.preparation.cache import AGAIN, ArrayCache
from datamodules.preparation.description import Prepared, conversions, finish, prepared
from datamodules.preparation.engines import Engine, Workers
from datamodules.preparation.notes import RecordingNotes
from datamodules.preparation.preprocess import Preprocessor, Rejected, Staged
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.shard_tasks import ShardTask, SplitPlan
from datamodules.preparation.sharing import Share
from datamodules.preparation.splits import assign_splits
from datamodules.preparation.staging import Staging
from datamodules.shards.format import sidecar

Result = TypeVar("Result")


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
        Staging(Path(recipe.directory)).clear_leftover()
        return finished
    build = _Build(recipe, engine or Engine(), progress, cache, share)
    try:
        return Prepared(True, build.run())
    except FileNotFoundError as error:
        # Another process has finished the same recipe and removed the staging folder.
        finished = prepared(recipe)
        if finished is None and build.cache.holds(error.filename):
            raise DataError(f"{error.filename}: missing; {AGAIN}") from error
        if finished is None:
            raise
        build.staging.clear()
        return finished


class _Build:
    """The work of one process on a recipe."""

    def __init__(
        self, recipe: ShardRecipe, engine: Engine, progress: bool, cache: Path | None, share: Share | None
    ) -> None:
        self.recipe, self.engine, self.progress, self.share = recipe, engine, progress, share or Share()
        self.staging = Staging(Path(recipe.directory))
        self.cache = ArrayCache(cache or self.staging.folder / "arrays")
        self.preprocessor = Preprocessor(self.cache, recipe.rate, recipe.hop, recipe.spectrogram)

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
        with self.engine.started() as workers:
            staged, left_out = self._preprocess(chosen, workers)
            plans = {split: SplitPlan(self.recipe, split, members, staged) for split, members in splits.items()}
            for split, plan in plans.items():
                if not plan.names:
                    reason = next(iter(left_out.values()))
                    raise DataError(f"splits.{split}: none of its recordings can be used: {reason}")
            self._write(list(plans.values()), workers)
        names = {split: plan.names for split, plan in plans.items()}
        finish(self.recipe, self.staging, names, left_out, conversions(staged.values(), self.recipe.rate))
        self.staging.clear()
        return left_out

    def _preprocess(
        self, recordings: Sequence[Recording], workers: Workers
    ) -> tuple[dict[str, Staged], dict[str, str]]:
        with RecordingNotes(self.staging.folder / "notes") as notes:
            # What another process or an earlier call noted is only compared with its sources.
            arguments = (
                (recordings[place], notes.stamp(recordings[place].id, tried_again=self.share.owns(place)))
                for place in self.share.order(len(recordings), lambda place: recordings[place].id in notes)
            )
            results = workers.run(self.preprocessor.note, arguments)
            for note in self._shown(results, "reading recordings", len(recordings)):
                if note is not None:
                    notes.add(note)
            known = {recording.id: notes[recording.id] for recording in recordings}
        staged = {name: result for name, result in known.items() if isinstance(result, Staged)}
        for name, result in staged.items():
            first = next(iter(staged))
            if result.dimensions != staged[first].dimensions:
                raise DataError(
                    f"recording {name!r}: its features have {result.dimensions} dimensions, those of {first!r} have "
                    f"{staged[first].dimensions}"
                )
        return staged, {name: result.reason for name, result in known.items() if isinstance(result, Rejected)}

    def _write(self, plans: Sequence[SplitPlan], workers: Workers) -> None:
        recipe, staging = self.recipe, self.staging
        shards = [(plan, number) for plan in plans for number in range(len(plan.names))]
        staging.claim(plan.names[number] for plan, number in shards)
        there: set[str] = set()

        def is_there(place: int) -> bool:
            plan, number = shards[place]
            there.update(() if there else os.listdir(staging.directory))
            return sidecar(Path(plan.names[number])).name in there

        arguments = (
            (
                ShardTask(
                    path=staging.directory / plan.names[number],
                    records=plan.records(number),
                    grid=recipe.grid,
                    audio=recipe.audio,
                    preprocessor=self.preprocessor,
                    temporary=staging.folder,
                ),
            )
            for plan, number in map(shards.__getitem__, self.share.order(len(shards), is_there))
        )
        for _ in self._shown(workers.run(ShardTask.build, arguments), "writing shards", len(shards)):
            pass

    def _shown(self, results: Iterable[Result], name: str, total: int) -> Iterator[Result]:
        with tqdm(desc=name, total=total, disable=not self.progress, unit=name.split()[-1].rstrip("s")) as bar:
            for result in results:
                bar.update()
                yield result
