"""What the runs of a study left: figures of units, and their histories."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.documents import as_mapping, read_json
from datamodules.errors import DataError
from datamodules.files import file_name
from experiments.studies.study import PlannedRun, PublishedFinding, Study

Units = dict[str, float]


def read_record(run: Path) -> dict[str, Any]:
    """The record of a run, or of what was only validated.

    Raises:
        DataError: it is not there, or is none.
    """
    path = _record_file(run)
    return as_mapping(read_json(path, "a run writes it when it ends"), str(path))


def is_finished(run: Path) -> bool:
    """Whether a run came to its end."""
    return _record_file(run).is_file() and bool(read_record(run).get("finished", True))


def _record_file(run: Path) -> Path:
    own = run / "record.json"
    return own if own.is_file() else run / "validate" / "record.json"


def unit_figures(run: Path, metric: str, clusters: str | None, table: str = "scores") -> Units:
    """The figure of every unit of a run's last validation.

    Args:
        run: its folder.
        metric: `SET/COLUMN` or `SET/COLUMN/COLUMN`, see `PublishedFinding`.
        clusters: regular expression, see `Study`.
        table: of items, without `.tsv`.

    Raises:
        DataError: there is no such table or column, or an id does not match.
    """
    name, *columns = metric.split("/")
    places = [run / scored / file_name(name) / f"{table}.tsv" for scored in ("validation", "validate")]
    path = next((place for place in places if place.is_file()), places[0])
    if not path.is_file():
        raise DataError(f"{path}: there is none; metric {metric!r} asks for the set {name!r}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    missing = [column for column in columns if column not in rows[0]]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; there are {', '.join(rows[0])}")
    units: dict[str, list[list[float]]] = {}
    for row in rows:
        cells = [float(row[column] or "nan") for column in columns]
        units.setdefault(_unit(row["id"], clusters), []).append(cells)
    return {unit: _figure(np.array(cells)) for unit, cells in sorted(units.items())}


def _unit(name: str, clusters: str | None) -> str:
    if clusters is None:
        return name
    found = re.search(clusters, name)
    if found is None:
        raise DataError(f"clusters: {clusters!r} is not found in the id {name!r}")
    return found[1]


def _figure(cells: NDArray[np.float64]) -> float:
    """Of items `(items, 1 or 2)`: the mean of one column, the ratio of the sums of two."""
    known = cells[~np.isnan(cells).any(axis=1)]
    if not len(known):
        return float("nan")
    if known.shape[1] == 1:
        return float(known.mean())
    above, below = known.sum(axis=0)
    return float(above / below) if below else float("nan")


def fluctuation(record: Mapping[str, Any], metric: str) -> float:
    """Mean absolute change of a metric from one validation to the next in the second half of a run.

    Raises:
        DataError: there were fewer than four validations, or none logged the metric.
    """
    key = f"val/{metric}"
    history = [each["metrics"][key] for each in record["validations"] if key in each["metrics"]]
    if len(history) < 4:
        raise DataError(f"fluctuation of {metric}: {len(history)} validations logged it; four or more are needed")
    return float(np.abs(np.diff(history[len(history) // 2 :])).mean())


class StudyResults:
    """All figures of a study's runs.

    Args:
        study: whose runs they are.
        folder: where these are.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        self.study, self.folder = study, folder
        self._plan = study.plan()

    def of_finding(self, finding: PublishedFinding) -> dict[str, NDArray[np.float64]]:
        """By run, `(seeds, units)`; the units are the same in all runs.

        Raises:
            DataError: runs have no unit in common.
        """
        measured = {
            run: [self._of_seed(run, seed, finding) for seed in self.study.seeds] for run in dict.fromkeys(finding.runs)
        }
        common = set.intersection(*(set(units) for seeds in measured.values() for units in seeds))
        if not common:
            raise DataError(f"{finding.metric}: the runs were scored on different items")
        names = sorted(common)
        return {run: np.array([[units[name] for name in names] for units in seeds]) for run, seeds in measured.items()}

    def _of_seed(self, run: str, seed: int, finding: PublishedFinding) -> Units:
        found: Units = {}
        for planned in self._planned(run, seed):
            place = self.folder / planned.place
            if finding.of == "fluctuation":
                found[planned.fold] = fluctuation(read_record(place), finding.metric)
            else:
                found |= unit_figures(place, finding.metric, self.study.clusters, finding.table)
        return found

    def _planned(self, run: str, seed: int) -> Sequence[PlannedRun]:
        return [planned for planned in self._plan if planned.run == run and planned.seed == seed]
