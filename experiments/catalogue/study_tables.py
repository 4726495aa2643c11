"""Tables made of the records of studies: all findings with their verdicts, and the experiments that were studied."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.catalogue.figures import RecordedFigure
from experiments.catalogue.numbers import MISSING, SHARE, interval, number
from experiments.catalogue.printing import markdown_table
from experiments.catalogue.records import FAMILIES
from experiments.catalogue.rows import catalogue_rows
from experiments.catalogue.studies import FOLDER, JudgedFinding, StudyRecord

_NOTHING = "No study has been recorded yet."
_SAID = {"holds": "hold", "does not hold": "do not", "undecided": "are undecided"}


def verdict_table(
    studies: Mapping[str, StudyRecord], family: str | None, experiments: Path, folder: Path
) -> Iterator[str]:
    """How many findings hold; then for each study what was tried, and a table: published, our figures, verdicts.

    Args:
        studies: by name.
        family: None: all.
        experiments: the folder of that name.
        folder: of the document, from which links lead.
    """
    chosen = [study for study in studies.values() if family in (None, study.family)]
    chosen.sort(key=lambda study: (FAMILIES.index(study.family), study.name))
    if not chosen:
        yield _NOTHING
        return
    verdicts = Counter(finding.verdict for study in chosen for finding in study.findings)
    counts = ", ".join(f"{verdicts[verdict]} {said}" for verdict, said in _SAID.items())
    yield f"Of {verdicts.total()} findings in {len(chosen)} {'study' if len(chosen) == 1 else 'studies'}: {counts}."
    for study in chosen:
        links = [_link(study.name, experiments.parent / study.study, folder)]
        if study.has_picture:
            links.append(_link("picture", (experiments / study.path).with_suffix(".png"), folder))
        yield from ("", f"**{study.question}** {study.family}: {', '.join(links)}", "")
        hours = "" if study.hours is None else f", {study.hours:.1f} hours on one core"
        yield from (f"Tried with {study.seeds} seeds of each run{hours}. {study.stand_in}", "")
        rows = [[each.claim, each.published, _measured(each), _verdict(each)] for each in study.findings]
        yield from markdown_table(("claim", "published", "ours", "verdict"), rows)


def studied_table(family: str | None, experiments: Path, folder: Path) -> Iterator[str]:
    """The experiments that have a figure from a study, with what was published.

    Args:
        family: None: all.
        experiments: the folder of that name.
        folder: of the document, from which links lead.
    """
    begin = f"{FOLDER.as_posix()}/"
    rows = [
        [
            f"`{row.experiment}`",
            row.published,
            row.ours,
            row.verdict,
            _link(Path(row.record).stem, experiments / row.record, folder),
        ]
        for row in catalogue_rows(experiments, family)
        if row.record.startswith(begin)
    ]
    if not rows:
        yield _NOTHING
        return
    yield from markdown_table(("experiment", "published", "ours, on the study's stand-in", "verdict", "record"), rows)


def _verdict(finding: JudgedFinding) -> str:
    """A failure is what a reader looks for."""
    text = finding.verdict if finding.verdict == "holds" else f"**{finding.verdict}**"
    return text if finding.tried is None else f"{text}; tried: {finding.tried}"


def _measured(finding: JudgedFinding) -> str:
    """The figures of all runs, and the differences of those that are compared."""
    figures = [f"{run} {_figure(figure)}" for run, figure in finding.figures.items()]
    pairs = finding.differences
    named = len(pairs) > 1
    differences = [
        f"{f'{first} to {second}' if named else 'difference'} {_figure(figure, '+')}"
        for (first, second), figure in pairs.items()
    ]
    return "; ".join(figures + differences)


def _figure(figure: RecordedFigure | None, sign: str = "") -> str:
    if figure is None or figure.interval is None:
        return MISSING
    return f"{number(figure.value, SHARE, sign)} {interval(figure.interval, SHARE, sign)}"


def _link(text: str, target: Path, folder: Path) -> str:
    if not target.exists():
        return text
    return f"[{text}]({Path(os.path.relpath(target, folder)).as_posix()})"
