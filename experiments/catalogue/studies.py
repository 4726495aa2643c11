"""Records of studies: experiments/studies/records/NAME.json, as `melisma study --record` leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from experiments.catalogue.figures import RecordedFigure
from experiments.catalogue.records import FAMILIES, read_json

FOLDER = Path("studies", "records")


@dataclass(frozen=True)
class JudgedFinding:
    """What was published, and what became of it.

    Attributes:
        claim: in a sentence.
        published: figures and source.
        metric: `SET/COLUMN`.
        verdict: holds, does not hold, or undecided.
        figures: by run; None where undefined.
        differences: by the two runs compared, of what is about pairs; positive supports a claimed order.
        tried: what was run before, and what that gave; None: nothing was.
    """

    claim: str
    published: str
    metric: str
    verdict: str
    figures: Mapping[str, RecordedFigure | None]
    differences: Mapping[tuple[str, str], RecordedFigure | None]
    tried: str | None = None


@dataclass(frozen=True)
class StudiedRun:
    """A run of a study.

    Attributes:
        recipe: path relative to the folder that holds `experiments`.
        changed: keys of what differs from run to run.
    """

    recipe: str
    changed: frozenset[str]


@dataclass(frozen=True)
class StudyRecord:
    """A study that was made.

    Attributes:
        name: of its file.
        path: of its file, relative to `experiments`.
        study: path of its YAML.
        family: whose experiments it is about.
        question: in a sentence.
        stand_in: what was heard instead of the published recordings, and what is scaled down.
        seeds: of each run, how many.
        hours: that all runs took, on one core; None: not recorded.
        commit: of the code; several are separated by spaces.
        runs: by name.
        findings: what was judged.
        has_picture: whether NAME.png lies beside it.
    """

    name: str
    path: str
    study: str
    family: str
    question: str
    stand_in: str
    seeds: int
    hours: float | None
    commit: str
    runs: Mapping[str, StudiedRun]
    findings: tuple[JudgedFinding, ...]
    has_picture: bool


def read_studies(experiments: Path) -> dict[str, StudyRecord]:
    """All records of studies by name, sorted.

    Args:
        experiments: the folder of that name.

    Raises:
        DataError: a file is none.
    """
    files = sorted((experiments / FOLDER).glob("*.json"))
    return {file.stem: read_study(file, file.relative_to(experiments).as_posix()) for file in files}


def read_study(file: Path, path: str) -> StudyRecord:
    """One record.

    Args:
        file: where it is.
        path: what to call it.

    Raises:
        DataError: a key is missing or of another kind.
    """
    stated = read_json(file)
    if stated.get("kind") != "study":
        raise DataError(f"{file}: kind: study is expected, not {stated.get('kind')!r}")
    if stated.get("family") not in FAMILIES:
        raise DataError(f"{file}: family: one of {', '.join(FAMILIES)} is expected, not {stated.get('family')!r}")
    try:
        commits = stated["commit"]
        return StudyRecord(
            name=file.stem,
            path=path,
            study=stated["study"],
            family=stated["family"],
            question=stated["question"],
            stand_in=stated["stand_in"],
            seeds=len(stated["seeds"]),
            hours=stated.get("hours"),
            commit=commits if isinstance(commits, str) else " ".join(commits or []),
            runs={name: _run(run, stated["recipe"]) for name, run in stated["runs"].items()},
            findings=tuple(map(_finding, stated["findings"])),
            has_picture=file.with_suffix(".png").is_file(),
        )
    except KeyError as error:
        raise DataError(f"{file}: the key {error.args[0]} is missing") from error
    except (AttributeError, TypeError) as error:
        raise DataError(f"{file}: no record of a study: {error}") from error


def _run(stated: Mapping[str, Any], recipe: str) -> StudiedRun:
    settings = dict(stated.get("settings") or {})
    own = settings.pop("recipe", None)
    settings.pop("command", None)
    return StudiedRun(stated.get("recipe") or own or recipe, frozenset(settings))


def _finding(stated: Mapping[str, Any]) -> JudgedFinding:
    pairs = [each for each in stated["comparisons"] if len(each["runs"]) == 2]
    return JudgedFinding(
        claim=stated["claim"],
        published=stated["published"],
        metric=stated["metric"],
        verdict=stated["verdict"],
        figures={run: _figure(each) for run, each in stated["figures"].items()},
        differences={(each["runs"][0], each["runs"][1]): _figure(each) for each in pairs},
        tried=stated.get("tried"),
    )


def _figure(stated: Mapping[str, Any]) -> RecordedFigure | None:
    return None if stated["mean"] is None else RecordedFigure(stated["mean"], (stated["low"], stated["high"]))
