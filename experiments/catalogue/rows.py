"""The catalogue: every recipe and sweep with what was published, and what our records say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from datamodules.documents import as_mapping, read_yaml
from datamodules.errors import DataError
from experiments.catalogue.figures import RecordedFigure
from experiments.catalogue.headers import read_header
from experiments.catalogue.numbers import SHARE, interval, number
from experiments.catalogue.records import FAMILIES, Record, read_records
from experiments.catalogue.studies import JudgedFinding, StudyRecord, read_studies

_RECIPE = re.compile(r"experiments/(\w+)/[\w/]*?(\w+)\.yaml")


class CatalogueRow(NamedTuple):
    """An experiment and one of its records; without any, all that is ours is empty.

    Attributes:
        experiment: name of the recipe or sweep.
        family: melody, classification or phonemes.
        question: that it answers.
        parameters: of the network that the recipe states; empty of a sweep, whose runs differ.
        published: the figure to expect, or that there is none.
        ours: our figure with its 95 % interval, on which data and by which metric.
        verdict: of the finding of a study that the figure stands in.
        stand_in: what was heard instead of the published recordings.
        record: its file, relative to `experiments`.
        commit: of the code that was run.
    """

    experiment: str
    family: str
    question: str
    parameters: str
    published: str
    ours: str = ""
    verdict: str = ""
    stand_in: str = ""
    record: str = ""
    commit: str = ""


def catalogue_rows(experiments: Path, family: str | None = None) -> list[CatalogueRow]:
    """Rows of all recipes, then of all sweeps, each sorted by family and name.

    Args:
        experiments: the folder of that name.
        family: None: all.

    Raises:
        DataError: a record or the header of a sweep cannot be read.
    """
    records, studies = read_records(experiments), read_studies(experiments)
    rows: list[CatalogueRow] = []
    for each in FAMILIES:
        files = (file for file in (experiments / each).rglob("*.yaml"))
        for file in sorted(files, key=lambda file: file.stem):
            row = _row(file, each)
            path = f"experiments/{file.relative_to(experiments).as_posix()}"
            found = [*_of_records(row, path, records), *_of_studies(row, path, studies)]
            rows += found or [row]
    sweeps: list[CatalogueRow] = []
    for file in (experiments / "sweeps").glob("*.yaml"):
        row, recipe = _sweep(file, experiments)
        sweeps += list(_of_swept(row, recipe, _swept_keys(file), studies)) or [row]
    rows += sorted(sweeps, key=_order)
    return [row for row in rows if family in (None, row.family)]


def _order(row: CatalogueRow) -> tuple[int, str, str]:
    return FAMILIES.index(row.family), row.experiment, row.record


def _row(file: Path, family: str) -> CatalogueRow:
    header = read_header(file)
    size = "" if header.parameters is None else number(header.parameters, 0)
    return CatalogueRow(file.stem, family, header.question, size, header.published)


def _sweep(file: Path, experiments: Path) -> tuple[CatalogueRow, str]:
    """Its family is that of its recipe, which is given beside it and says what to expect unless its own header does."""
    found = next((each for each in _RECIPE.finditer(file.read_text(encoding="utf-8")) if each[1] in FAMILIES), None)
    if found is None:
        raise DataError(f"{file}: no recipe of {', '.join(FAMILIES)} is named")
    row = _row(file, found[1])
    recipe = experiments.parent / found[0]
    published = row.published or (read_header(recipe).published if recipe.is_file() else "")
    return row._replace(experiment=f"sweeps/{file.stem}", parameters="", published=published), found[0]


def _swept_keys(file: Path) -> frozenset[str]:
    """Full keys of what a sweep varies; one of its values may be several keys below a common one."""
    stated = as_mapping(read_yaml(file), str(file))
    keys = set()
    for key, parameter in stated.get("parameters", {}).items():
        below = [value for value in parameter.get("values", []) if isinstance(value, dict)]
        keys |= {f"{key}.{name}" for value in below for name in value} or {key}
    return frozenset(keys)


def _of_records(row: CatalogueRow, path: str, records: dict[str, Record]) -> Iterator[CatalogueRow]:
    for record in records.values():
        if record.recipe == path:
            place = record.headline
            ours = "" if place is None else _text(place.set, place.metric, record.figures[place])
            yield row._replace(ours=ours, stand_in=record.stand_in, record=record.path, commit=record.commit)


def _of_studies(row: CatalogueRow, path: str, studies: dict[str, StudyRecord]) -> Iterator[CatalogueRow]:
    """One row for each study: of the run that differs least from the recipe, in the first finding that it is in."""
    for study in studies.values():
        named = [run for run, each in study.runs.items() if each.recipe == path]
        named.sort(key=lambda run: len(study.runs[run].changed))
        judged = next(((finding, run) for run in named for finding in study.findings if finding.figures.get(run)), None)
        if judged is not None:
            finding, run = judged
            yield _judged(row, study, finding, [run])


def _of_swept(
    row: CatalogueRow, recipe: str, keys: frozenset[str], studies: dict[str, StudyRecord]
) -> Iterator[CatalogueRow]:
    """One row for each finding about two runs or more of its recipe that differ in what it sweeps over."""
    for study in studies.values():
        for finding in study.findings:
            runs = [run for run, figure in finding.figures.items() if figure and study.runs[run].recipe == recipe]
            changed = [study.runs[run].changed for run in runs]
            # A run that is as its recipe says differs from the others in what they change.
            if len(runs) > 1 and any(changed) and keys.intersection(*filter(None, changed)):
                yield _judged(row, study, finding, runs)


def _judged(row: CatalogueRow, study: StudyRecord, finding: JudgedFinding, runs: Sequence[str]) -> CatalogueRow:
    """With the figures of some runs of a finding, all of which have one."""
    data, metric = finding.metric.split("/", 1)
    figures = [(run, figure) for run in runs if (figure := finding.figures[run]) is not None]
    ours = "; ".join(f"{run} {_figure(figure)}" for run, figure in figures)
    return row._replace(
        ours=f"{data}: {metric} {ours}",
        verdict=finding.verdict,
        stand_in=study.stand_in,
        record=study.path,
        commit=study.commit,
    )


def _text(data: str, metric: str, figure: RecordedFigure) -> str:
    return f"{data}: {metric} {_figure(figure)}"


def _figure(figure: RecordedFigure) -> str:
    ends = "" if figure.interval is None else f" {interval(figure.interval, SHARE)}"
    return f"{number(figure.value, SHARE)}{ends}"
