"""Recipes: from a corpus to shards on disk."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from datamodules.cache import ArrayCache
from datamodules.corpora.base import Corpus, Recording
from datamodules.engines import Engine
from datamodules.errors import DataError
from datamodules.files import remove_leftovers, write_atomically
from datamodules.index import shards_of
from datamodules.preprocess import Preprocessor, Staged
from datamodules.shards import (
    FORMAT,
    AudioMember,
    Grid,
    Segment,
    encode_record,
    is_done,
    read_sidecar,
    sha256_of,
    sidecar,
    write_shard,
)
from datamodules.spectrograms import Spectrogram
from datamodules.splits import Splits, assign_splits

Result = TypeVar("Result")


@dataclass(frozen=True)
class ShardRecipe:
    """What to prepare, and where.

    Attributes:
        corpus: where recordings come from.
        directory: receives the shards, their indexes and dataset.json.
        rate: samples per second of the stored audio.
        hop: samples between label frames; annotations are resampled to it (160 at 16 kHz is 10 ms).
        segment: seconds of one record; null: every recording is one record, as speech wants it.
        context: seconds of audio stored on each side of a record, so that excerpts of up to twice this length are
            whole; zeros stand only beyond a track's ends.
        splits: fractions (`{train: 0.8, validation: 0.2}`, dealt by group), or for each split a list of groups,
            `stated` (what the corpus puts there) or `rest` (everything else), as in `{validation: [rl], train: rest}`;
            null takes the split that the corpus states for each recording.
        seed: of the dealing to splits and of the order of records.
        records_per_shard: records in one tar.
        audio: `flac`, or `i16` for raw samples: half as large again, and several times faster to read.
        spectrogram: computed over whole recordings and stored in `cqt` members; null: none.
        classes: the labels that recordings may have, in the order of the network's outputs; null: recordings have none.
        phones: the symbols that transcripts may hold, without the blank, in the order of the network's outputs; null:
            transcripts may hold anything.
    """

    corpus: Corpus
    directory: str
    rate: int = 16000
    hop: int = 160
    segment: float | None = 10.0
    context: float = 0.6
    splits: Splits | None = None
    seed: int = 0
    records_per_shard: int = 128
    audio: AudioMember = "flac"
    spectrogram: Spectrogram | None = None
    classes: list[str] | None = None
    phones: list[str] | None = None

    def __post_init__(self) -> None:
        for key in ("rate", "hop", "records_per_shard"):
            if not getattr(self, key) > 0:
                raise DataError(f"{key}: {getattr(self, key)} is not positive")
        if self.context < 0:
            raise DataError(f"context: {self.context} is negative")
        if self.segment is not None and self.grid.segment < 1:
            raise DataError(f"segment: {self.segment} s is shorter than one hop ({self.hop / self.rate} s)")
        for key in ("classes", "phones"):
            names = getattr(self, key) or []
            if len(set(names)) < len(names):
                raise DataError(f"{key}: {Counter(names).most_common(1)[0][0]!r} stands there twice")

    @property
    def grid(self) -> Grid:
        """Rate, hop, frames of a record and samples of context."""
        segment = 0 if self.segment is None else round(self.segment * self.rate / self.hop)
        return Grid(self.rate, self.hop, segment, round(self.context * self.rate))

    def describe(self) -> dict[str, Any]:
        """The recipe as JSON values, the directory left out: two equal ones give the same bytes."""
        return {
            "corpus": _described(self.corpus),
            "spectrogram": self.spectrogram and _described(self.spectrogram),
            **{
                key: _plain(getattr(self, key))
                for key in self.__dataclass_fields__
                if key not in ("corpus", "spectrogram", "directory")
            },
        }


def _described(value: object) -> dict[str, Any]:
    return {"class": type(value).__name__, **_plain(vars(value))}


def _plain(value: Any) -> Any:  # noqa: ANN401 -- whatever a YAML can hold
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not str(key).startswith("_")}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Corpus):
        return _described(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


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
        DataError: it holds the shards of another recipe; names the first key that differs.
    """
    path = Path(recipe.directory) / "dataset.json"
    if not path.exists():
        return None
    description = json.loads(path.read_bytes())
    # A key that recipe or corpus have gained since then had its default.
    stored, wanted = {**_defaults(ShardRecipe), **description["recipe"]}, json.loads(json.dumps(recipe.describe()))
    stored["corpus"] = {**_defaults(type(recipe.corpus)), **stored["corpus"]}
    for key in sorted(stored.keys() | wanted.keys()):
        if stored.get(key) != wanted.get(key):
            raise DataError(
                f"{path}: the shards were made with {key}: {stored.get(key)}, the recipe now says {wanted.get(key)}; "
                "give the recipe another directory or delete this one"
            )
    try:
        for split in description["splits"]:
            for shard, digest in shards_of(path.parent, description, split):
                read_sidecar(shard, digest)
    except DataError:
        return None
    return Prepared(False, description.get("left_out", {}))


def _defaults(kind: type) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters.items()
    return {name: _plain(each.default) for name, each in parameters if each.default is not inspect.Parameter.empty}


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
        DataError: the corpus cannot be used, or a label or symbol is unknown; no shard was written.
    """
    finished = prepared(recipe)
    if finished is not None and not (again and finished.left_out):
        return finished
    try:
        return Prepared(True, _Build(recipe, engine or Engine(), progress, cache, share).run())
    except FileNotFoundError:
        # Another process has finished the same work and removed what both worked from.
        finished = prepared(recipe)
        if finished is None:
            raise
        return finished


class _Build:
    """One process' way through a recipe."""

    def __init__(
        self, recipe: ShardRecipe, engine: Engine, progress: bool, cache: Path | None, share: Share | None
    ) -> None:
        self.recipe, self.engine, self.progress, self.share = recipe, engine, progress, share
        self.directory = Path(recipe.directory)
        self.staging = self.directory / ".staging"
        self.cache = ArrayCache(cache or self.staging / "arrays")
        self.preprocessor = Preprocessor(
            self.cache, self.staging / "notes", recipe.rate, recipe.hop, recipe.spectrogram
        )

    def run(self) -> dict[str, str]:
        """Everything; returns the reasons why recordings were left out, by id."""
        recordings = self.recipe.corpus.recordings()
        splits = assign_splits(recordings, self.recipe.splits, self.recipe.seed)
        chosen = [recording for split in splits.values() for recording in split]
        check_labels(chosen, self.recipe.classes)
        check_transcripts(chosen, self.recipe.phones)
        self.directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.directory)
        staged, left_out = self._preprocess(chosen)
        plans = {split: list(plan_shards(self.recipe, split, members, staged)) for split, members in splits.items()}
        for split, plan in plans.items():
            if not plan:
                raise DataError(f"splits.{split}: none of its recordings can be used: {next(iter(left_out.values()))}")
        self._write([task for plan in plans.values() for task in plan])
        names = {split: [name for name, _ in plan] for split, plan in plans.items()}
        _finish(self.recipe, self.directory, names, left_out)
        if self.cache.folder.is_relative_to(self.staging):
            self.cache.remove()
        ArrayCache(self.staging).remove()
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
        recipe = self.recipe
        tasks = [
            (self.directory / name, segments, recipe.grid, recipe.audio, self.preprocessor) for name, segments in plan
        ]
        list(self._shared(build_shard, tasks, _built, "writing shards"))

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


def plan_shards(
    recipe: ShardRecipe, split: str, recordings: Sequence[Recording], staged: Mapping[str, Staged]
) -> Iterator[tuple[str, list[Segment]]]:
    """Name and segments of every shard of a split: a pure function of the recipe and its usable recordings.

    Training records are permuted over all shards, so that a shard read in order is already a sample of the whole;
    the other splits keep the order of their tracks.
    """
    grid = recipe.grid
    segments = [
        Segment(
            f"t{number:06d}_{start:07d}",
            recording.id,
            staged[recording.id],
            start,
            recording.metadata,
            recording.label,
            recording.transcript,
        )
        for number, recording in enumerate(recordings)
        if recording.id in staged
        for start in range(0, staged[recording.id].frames, grid.segment or staged[recording.id].frames)
    ]
    if split == "train":
        order = np.random.default_rng([recipe.seed, 0]).permutation(len(segments))
        segments = [segments[place] for place in order]
    count = -(-len(segments) // recipe.records_per_shard)
    bounds = np.linspace(0, len(segments), count + 1).round().astype(int)
    for number in range(count):
        yield f"{split}-{number:06d}-of-{count:06d}.tar", segments[bounds[number] : bounds[number + 1]]


def build_shard(
    path: Path, segments: Sequence[Segment], grid: Grid, audio: AudioMember, preprocessor: Preprocessor
) -> bool:
    """Write one shard unless it stands finished with the same content; True."""
    plan = _content(segments, grid, audio)
    if not is_done(path, plan):
        records = [encode_record(preprocessor.get(each.staged), each, grid, audio) for each in segments]
        write_shard(path, records, plan, grid)
    return True


def _built(
    path: Path, segments: Sequence[Segment], grid: Grid, audio: AudioMember, preprocessor: Preprocessor
) -> bool | None:
    return True if is_done(path, _content(segments, grid, audio)) else None


def _content(segments: Sequence[Segment], grid: Grid, audio: AudioMember) -> str:
    """Hash of what a shard is to hold."""
    asked = json.dumps([FORMAT, grid, audio, [[*each[:4], dict(each.metadata), *each[5:]] for each in segments]])
    return hashlib.sha256(asked.encode()).hexdigest()


def _finish(
    recipe: ShardRecipe, directory: Path, shards: Mapping[str, Sequence[str]], left_out: Mapping[str, str]
) -> None:
    """Write dataset.json, the last file, after reading every sidecar once more."""
    grid, splits, digests = recipe.grid, {}, []
    for split, names in shards.items():
        indexes = [read_sidecar(directory / name) for name in names]
        records = [record for index in indexes for record in index["records"]]
        frames = sum(record["frames"] for record in records)
        digests += [index["sha256"] for index in indexes]
        splits[split] = {
            "shards": list(names),
            "indexes": [sha256_of(sidecar(directory / name)) for name in names],
            "records": len(records),
            "tracks": len({record["track"] for record in records}),
            "frames": frames,
            "hours": frames * grid.hop / grid.rate / 3600,
        }
        if recipe.classes is not None:
            splits[split]["labels"] = Counter(record["label"] for record in records)
    description = {
        "format": FORMAT,
        "id": hashlib.sha256("".join(digests).encode()).hexdigest(),
        **grid._asdict(),
        "classes": recipe.classes,
        "phones": recipe.phones,
        "splits": splits,
        "left_out": dict(left_out),
        "recipe": recipe.describe(),
    }
    with write_atomically(directory / "dataset.json") as file:
        file.write(json.dumps(description, indent=1).encode())
    wanted = {name for names in shards.values() for name in names}
    for path in directory.glob("*-of-*.tar"):
        if path.name not in wanted:  # of an interrupted run over a corpus that has changed since
            sidecar(path).unlink(missing_ok=True)
            path.unlink()
    for path in directory.glob(".*.tmp"):  # of processes that were killed, or are late with what is finished
        path.unlink(missing_ok=True)
