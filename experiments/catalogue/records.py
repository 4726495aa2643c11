"""Records of runs and comparisons: experiments/FAMILY/records/NAME.json, whose keys the README beside this has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from datamodules import documents
from datamodules.errors import DataError
from experiments.catalogue.figures import NETWORK, FigurePlace, RecordedFigure, entries, logged_figures, read_figures

FAMILIES = ("melody", "classification", "phonemes")
KINDS = ("run", "comparison")
VALIDATION = "validation"  # the evaluation that is what a run says of itself
_KEYS = ("kind", "recipe", "headline", "stand_in", "notes", "commands", "run", "other_runs", "evaluations")
_FACTS = ("parameters", "hours")


@dataclass(frozen=True)
class Record:
    """A run or a comparison that is quoted.

    Attributes:
        name: of its file.
        path: of its file, relative to `experiments`.
        kind: `run`, in which something was trained, or `comparison`.
        recipe: what was run, a path relative to the folder that holds `experiments`; None: no recipe.
        headline: the figure to name if there is room for one.
        stand_in: what was heard instead of the published recordings, and what is scaled down; may be empty.
        commit: of the code; empty if it is not known.
        facts: of the run: `parameters` and `hours`, as far as they are known.
        settings: of a method in an evaluation, by the names of both.
        figures: all of its figures.
    """

    name: str
    path: str
    kind: str
    recipe: str | None
    headline: FigurePlace | None
    stand_in: str
    commit: str
    facts: Mapping[str, float]
    settings: Mapping[tuple[str, str], str]
    figures: Mapping[FigurePlace, RecordedFigure]


def read_records(experiments: Path) -> dict[str, Record]:
    """All records of runs and comparisons by name, sorted.

    Args:
        experiments: the folder of that name.

    Raises:
        DataError: a file is none, or two have a name.
    """
    found: dict[str, Record] = {}
    for family in FAMILIES:
        for file in sorted((experiments / family / "records").glob("*.json")):
            if file.stem in found:
                raise DataError(f"{file}: {found[file.stem].path} has the same name; tables name records by it")
            found[file.stem] = read_record(file, file.relative_to(experiments).as_posix())
    return dict(sorted(found.items()))


def read_record(file: Path, path: str) -> Record:
    """One record.

    Args:
        file: where it is.
        path: what to call it.

    Raises:
        DataError: naming the key that is wrong.
    """
    stated = read_json(file)
    if "kind" not in stated and "metrics" in stated:  # what a run left in its folder
        stated = {"kind": "run", "run": stated}
    kind = stated.get("kind")
    if kind not in KINDS:
        raise DataError(f"{file}: kind: one of {', '.join(KINDS)} is expected, not {kind!r}")
    if unknown := set(stated) - set(_KEYS):
        raise DataError(f"{file}: {min(unknown)}: there is no such key; there are {', '.join(_KEYS)}")
    run = dict(entries(stated.get("run"), f"{file}: run"))
    figures = dict(_of_run(run, file))
    settings: dict[tuple[str, str], str] = {}
    for name, evaluation in entries(stated.get("evaluations", {}), f"{file}: evaluations"):
        where = f"{file}: evaluations.{name}"
        keys = dict(entries(evaluation, where))
        figures |= read_figures(name, keys.get("figures"), f"{where}.figures")
        settings |= {(name, method): str(text) for method, text in entries(keys.get("settings", {}), where)}
    headline = _headline(stated.get("headline"), run, figures, file)
    return Record(
        name=file.stem,
        path=path,
        kind=kind,
        recipe=stated.get("recipe") or _recipe_of(run.get("command") or []),
        headline=headline,
        stand_in=stated.get("stand_in") or "",
        commit=run.get("commit") or "",
        facts={key: run[key] for key in _FACTS if run.get(key) is not None},
        settings=settings,
        figures=figures,
    )


def read_json(file: Path) -> dict[str, Any]:
    """A file that holds a JSON object.

    Raises:
        DataError: it does not.
    """
    return dict(entries(documents.read_json(file), str(file)))


def _of_run(run: Mapping[str, Any], file: Path) -> Iterator[tuple[FigurePlace, RecordedFigure]]:
    """What a run says of itself: its best validation, or else its last metrics, and each epoch that was validated."""
    validations = [dict(entries(each, f"{file}: run.validations")) for each in run.get("validations") or []]
    for validation in validations:
        if validation.get("epoch") is not None:
            yield from logged_figures(f"epoch {validation['epoch'] + 1}", validation["metrics"])
    best = run.get("best")
    chosen = [each["metrics"] for each in validations if best and each.get("step") == best["step"]]
    if chosen or "metrics" in run:
        yield from logged_figures(VALIDATION, chosen[-1] if chosen else run["metrics"])
    elif best:
        yield from logged_figures(VALIDATION, {best["metric"]: best["value"]})


def _headline(
    stated: object, run: Mapping[str, Any], figures: Mapping[FigurePlace, RecordedFigure], file: Path
) -> FigurePlace | None:
    """The stated place, or that of the metric by which the checkpoint was chosen."""
    if stated is not None:
        keys = dict(entries(stated, f"{file}: headline"))
        if set(keys) != set(FigurePlace._fields):
            raise DataError(f"{file}: headline: {', '.join(FigurePlace._fields)} are expected, not {', '.join(keys)}")
        place = FigurePlace(**keys)
        if place not in figures:
            raise DataError(f"{file}: headline: the record has no such figure: {', '.join(place)}")
        return place
    if not run.get("best"):
        return None
    _, data, metric = run["best"]["metric"].split("/", 2)
    place = FigurePlace(VALIDATION, data, "all", metric, NETWORK)
    return place if place in figures else None


def _recipe_of(command: Sequence[str]) -> str | None:
    """The last configuration of a command."""
    names = [after for word, after in pairwise(command) if word in ("--config", "-c")]
    names += [word.partition("=")[2] for word in command if word.startswith("--config=")]
    return names[-1] if names else None
