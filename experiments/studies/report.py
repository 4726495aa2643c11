"""What is kept of a study: its record, its picture and its table."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.files import write_atomically
from experiments.studies.picture import draw
from experiments.studies.results import StudyResults, read_record
from experiments.studies.study import PublishedFinding, Study
from experiments.studies.verdicts import Interval, Judgement, judge

_DIGITS = 6
_DOTS_PER_INCH = 80


def write(study: Study, path: str, folder: Path, kept: Path | None) -> dict[str, Any]:
    """Judge a study whose runs are all there; write `study.json` and `study.png` into its folder.

    Args:
        study: whose findings are judged.
        path: of its YAML, as it is named in the record.
        folder: of its runs.
        kept: gets the same two files, named after the study; None: nothing does.

    Returns:
        The record.

    Raises:
        DataError: a run or a figure of it is missing.
    """
    results = StudyResults(study, folder)
    values = [results.of_finding(finding) for finding in study.findings]
    judgements = [judge(finding, each) for finding, each in zip(study.findings, values, strict=True)]
    record = {
        "kind": "study",
        "study": path,
        "command": ["melisma", "study", path],
        **{
            key: getattr(study, key)
            for key in ("question", "family", "stand_in", "recipe", "seeds", "clusters", "budget")
        },
        **_origin(study, folder),
        "findings": [_finding(*each) for each in zip(study.findings, judgements, strict=True)],
    }
    figure = draw(study.findings, judgements, values)
    places = [(folder, "study"), *([] if kept is None else [(kept, folder.name)])]
    for place, name in places:
        place.mkdir(parents=True, exist_ok=True)
        with write_atomically(place / f"{name}.json") as file:
            file.write((json.dumps(record, indent=1) + "\n").encode())
        with write_atomically(place / f"{name}.png") as file:
            figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    return record


def _origin(study: Study, folder: Path) -> dict[str, Any]:
    """Where the figures are from: what all runs have in common, and each run by its name."""
    runs: dict[str, dict[str, Any]] = {}
    data_sets: dict[str, str] = {}
    commits, hours, hardware, packages = set(), 0.0, set(), {}
    for planned in study.plan():
        record = read_record(folder / planned.place)
        settings = {key: value for key, value in planned.settings.items() if study.settings.get(key) != value}
        of_run = runs.setdefault(planned.run, {"settings": settings, "parameters": record["parameters"], "hours": 0.0})
        of_run["hours"] = round(of_run["hours"] + record["hours"], 4)
        hours += record["hours"]
        data_sets |= record["data_sets"]
        commits.add(record["commit"])
        hardware.add(record["hardware"])
        packages = record["packages"]
    return {
        "commit": sorted(map(str, commits)),
        "data_sets": data_sets,
        "hours": round(hours, 3),
        "hardware": sorted(hardware),
        "packages": packages,
        "settings": study.settings,
        "folds": study.folds,
        "runs": runs,
    }


def _finding(finding: PublishedFinding, judgement: Judgement) -> dict[str, Any]:
    stated = {key: value for key, value in dataclasses.asdict(finding).items() if value is not None}
    return {
        **stated,
        "verdict": judgement.verdict,
        "comparisons": [
            {"runs": list(each.runs), **_rounded(each.interval), "verdict": each.verdict}
            for each in judgement.comparisons
        ],
        "figures": {run: _rounded(interval) for run, interval in judgement.figures.items()},
    }


def _rounded(interval: Interval) -> dict[str, float | None]:
    """NaN is not JSON."""
    ends = dataclasses.asdict(interval)
    return {key: None if math.isnan(value) else round(value, _DIGITS) for key, value in ends.items()}


def table(record: Mapping[str, Any]) -> list[str]:
    """Lines that say what became of each finding.

    Args:
        record: of `write`.
    """
    lines = [str(record["question"])]
    for finding in record["findings"]:
        lines += ["", f"{finding['verdict'].upper()}: {finding['claim']}", f"  published: {finding['published']}"]
        figures = [f"{run} {_text(interval)}" for run, interval in finding["figures"].items()]
        lines.append(f"  {finding['metric']}: {', '.join(figures)}")
        for each in finding["comparisons"]:
            if len(each["runs"]) == 2:
                first, second = each["runs"]
                lines.append(f"  {second} - {first}: {_text(each)}, {each['verdict']}")
    return lines


def _text(interval: Mapping[str, Any]) -> str:
    if interval["mean"] is None:
        return "undefined"
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
