"""Tables made of the records of studies: all findings with their verdicts, and the experiments that were studied."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.catalogue.numbers import MISSING, SHARE, interval, number
from experiments.catalogue.printing import markdown_table
from experiments.catalogue.records import FAMILIES
from experiments.catalogue.rows import catalogue_rows
from experiments.catalogue.studies import FOLDER, JudgedFinding, StudyRecord

_NOTHING = "No study has been recorded yet."


def verdict_table(
    studies: Mapping[str, StudyRecord], family: str | None, experiments: Path, folder: Path
) -> Iterator[str]:
    """Every finding: what was published, our figures with 95 % intervals, and the verdict.

    Args:
        studies: by name.
        family: None: all.
        experiments: the folder of that name.
        folder: of the document, from which links lead.
    """
    chosen = [study for study in studies.values() if family in (None, study.family)]
    chosen.sort(key=lambda study: (FAMILIES.index(study.family), study.name))
    rows = []
    for study in chosen:
        name = _link(study.name, experiments.parent / study.study, folder)
        picture = (
            _link("picture", (experiments / study.path).with_suffix(".png"), folder) if study.has_picture else MISSING
        )
        for finding in study.findings:
            verdict = finding.verdict if finding.tried is None else f"{finding.verdict}; before: {finding.tried}"
            rows.append([study.family, finding.claim, finding.published, _figures(finding), verdict, name, picture])
    if not rows:
        yield _NOTHING
        return
    yield from markdown_table(("family", "claim", "published", "ours", "verdict", "study", "picture"), rows)


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


def _figures(finding: JudgedFinding) -> str:
    texts = []
    for run, figure in finding.figures.items():
        if figure is None or figure.interval is None:
            texts.append(f"{run} {MISSING}")
        else:
            texts.append(f"{run} {number(figure.value, SHARE)} {interval(figure.interval, SHARE)}")
    return "; ".join(texts)


def _link(text: str, target: Path, folder: Path) -> str:
    if not target.exists():
        return text
    return f"[{text}]({Path(os.path.relpath(target, folder)).as_posix()})"
