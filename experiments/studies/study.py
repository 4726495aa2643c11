"""What a study is: its question, its runs and the findings that they are to show; the keys of its YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jsonargparse import ArgumentParser, Namespace

from datamodules.documents import as_mapping, read_yaml
from datamodules.errors import DataError
from experiments.mistakes import parse

Family = Literal["melody", "classification", "phonemes"]
Measured = Literal["items", "fluctuation"]
# Among the settings of a run: the recipe that takes the place of the study's; fit, or validate for what is not trained.
RECIPE, COMMAND = "recipe", "command"


@dataclass(frozen=True)
class PublishedFinding:
    """What was published, and when it counts as shown.

    One of `order`, `alike`, `under` and `over` names runs. Intervals are those of `verdicts.interval`, at 95 %.

    Attributes:
        claim: in a sentence.
        published: figures and source, or what is known of them.
        metric: `SET/COLUMN` of the tables of items that the runs left, or `SET/COLUMN/COLUMN`, the ratio of two sums,
            such as `an4/edits/phones`.
        table: which of these: `scores`, or that of a callback such as `WindowGaps`: `gaps`.
        order: runs by rising metric. A pair of neighbours holds if the interval of its difference is above 0, and does
            not hold if it is below `margin`.
        alike: runs that do not differ. A pair holds if the interval of its difference lies within `margin` of 0, and
            does not hold if it lies outside.
        under: runs whose metric is below `limit`: so it holds if their interval is, and does not if it is above.
        over: likewise, above.
        margin: the smallest difference that matters.
        limit: of `under` and `over`.
        falling: greater is worse, as of an error rate: `order` is by falling metric.
        of: `items` compares the last validation; `fluctuation` the mean absolute change of the metric from one
            validation to the next in the second half of a run, of which an order is always rising.
        tried: what was run before, and what that gave; null: nothing was.
    """

    claim: str
    published: str
    metric: str
    order: list[str] | None = None
    alike: list[str] | None = None
    under: list[str] | None = None
    over: list[str] | None = None
    margin: float = 0.01
    limit: float | None = None
    falling: bool = False
    of: Measured = "items"
    tried: str | None = None
    table: str = "scores"

    @property
    def runs(self) -> list[str]:
        """All that it names."""
        return [run for runs in (self.order, self.alike, self.under, self.over) for run in runs or []]

    def check(self, key: str, runs: Mapping[str, Any]) -> None:
        """Refuse what cannot be judged.

        Raises:
            DataError: naming the key.
        """
        named = [kind for kind in ("order", "alike", "under", "over") if getattr(self, kind) is not None]
        if len(named) != 1:
            raise DataError(f"{key}: one of order, alike, under and over is expected, not {len(named)}")
        least = 2 if named[0] in ("order", "alike") else 1
        if len(self.runs) < least:
            raise DataError(f"{key}.{named[0]}: at least {least} runs are needed")
        for run in self.runs:
            if run not in runs:
                raise DataError(f"{key}.{named[0]}: {run!r} is no run of the study; there are {', '.join(runs)}")
        if (named[0] in ("under", "over")) != (self.limit is not None):
            raise DataError(f"{key}.limit: it belongs to under and over")
        if len(self.metric.split("/")) not in (2, 3):
            raise DataError(f"{key}.metric: {self.metric!r} is not SET/COLUMN or SET/COLUMN/COLUMN")
        if not self.margin > 0:
            raise DataError(f"{key}.margin: {self.margin} is not above 0")


@dataclass(frozen=True)
class Study:
    """Runs of a recipe that differ in what is asked, and what they are to show.

    Attributes:
        question: in a sentence.
        family: whose experiments it is about.
        stand_in: what the runs hear instead of the published recordings, and what is scaled down, for all runs alike.
        recipe: what is run, a path relative to the working directory.
        runs: the settings of each run by its name: values by dotted key, as `model.init_args.optimizer.init_args.lr`;
            the key `recipe` names another one, and `command: validate` is for what is not trained.
        findings: what is judged; the rule is written before the runs.
        settings: of all runs, before their own.
        seeds: each run is made with each of them, two or more.
        folds: settings by the name of the fold, for cross-validation: each run is made with each, and the items of all
            folds count; null: none.
        clusters: regular expression searched in the ids of items; items with the same first group (a song, a speaker)
            are one unit, and the figure of a unit is that of all of its items; null: every item is a unit.
        corpora: recipes of the data sets that the runs read, for `melisma prepare`.
        budget: core-hours of all runs, as planned; the record has what they took.
    """

    question: str
    family: Family
    stand_in: str
    recipe: str
    # Bare mappings, for to values of any type jsonargparse adds the defaults of the classes that they describe.
    runs: dict[str, dict]  # type: ignore[type-arg]
    findings: list[PublishedFinding]
    settings: dict = field(default_factory=dict)  # type: ignore[type-arg]
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    folds: dict[str, dict] | None = None  # type: ignore[type-arg]
    clusters: str | None = None
    corpora: list[str] = field(default_factory=list)
    budget: float | None = None

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < max(2, len(self.seeds)):
            raise DataError(f"seeds: {self.seeds}: two or more are needed, no one twice")
        for number, finding in enumerate(self.findings):
            finding.check(f"findings[{number}]", self.runs)
        asked = {run for finding in self.findings for run in finding.runs}
        for run in self.runs:
            if run not in asked:
                raise DataError(f"runs.{run}: no finding asks for it")
        for run in [*self.runs, *(self.folds or {})]:
            if not run or Path(run).name != run or run.startswith("."):
                raise DataError(f"runs: {run!r} cannot name a folder")

    def plan(self) -> list[PlannedRun]:
        """All runs, the first seed of all before the second of any."""
        return [
            PlannedRun(run, fold, seed, {**self.settings, **(self.folds or {}).get(fold, {}), **settings})
            for seed in self.seeds
            for run, settings in self.runs.items()
            for fold in self.folds or [""]
        ]


class PlannedRun(NamedTuple):
    """One training.

    Attributes:
        run: its name in the study.
        fold: likewise; empty without folds.
        seed: of everything.
        settings: values by dotted key.
    """

    run: str
    fold: str
    seed: int
    settings: Mapping[str, Any]

    @property
    def place(self) -> Path:
        """Its folder in that of the study."""
        return Path(self.run, self.fold, f"seed{self.seed}")

    @property
    def command(self) -> str:
        """Of `melisma`."""
        return str(self.settings.get(COMMAND, "fit"))

    def configuration(self, recipe: str) -> dict[str, Any]:
        """The recipe with the settings and the seed in it; a value takes the place of the whole one that was there.

        Args:
            recipe: path of that of the study, if the run has none of its own.

        Raises:
            DataError: the file is not readable as YAML, or a key leads into something that is no mapping.
        """
        path = Path(str(self.settings.get(RECIPE, recipe)))
        stated = as_mapping(read_yaml(path, "a study's `recipe` is a file"), str(path))
        seeds = {"seed_everything": self.seed, "data.init_args.seed": self.seed}
        for key, value in {**self.settings, **seeds}.items():
            if key not in (RECIPE, COMMAND):
                _put(stated, key, value, path)
        return stated


def _put(stated: dict[str, Any], key: str, value: object, path: Path) -> None:
    *above, last = key.split(".")
    place = stated
    for name in above:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise DataError(f"{key}: {path} has no mapping at {name!r}, but {place!r}")
    place[last] = value


def read(words: Sequence[str], parser: ArgumentParser) -> tuple[Study, Namespace]:
    """The study that the words of a command describe, and their options.

    Args:
        words: of the command line, with `--config FILE`.
        parser: has the arguments of `Study`, and others.
    """
    options = parse(parser, list(words))
    stated = options.as_dict()
    # Not `instantiate`: among the settings of runs are descriptions of classes, which would be made.
    keys = {name: stated[name] for name in Study.__dataclass_fields__}
    keys["findings"] = [PublishedFinding(**finding) for finding in keys["findings"]]
    return Study(**keys), options
