"""What a page says of a set of classified clips: accuracy, confusions, calibration, and the surest mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.spoken import clusters_of_groups, ratio_with_interval, read_rows
from experiments.reporting.values import number

TABLE = "classes.tsv"
BINS = 10  # of confidence


class ClipAnswers(NamedTuple):
    """The answers of a set.

    Attributes:
        names: of the clips whose class is known.
        truth: their classes.
        guess: `(clips, listed)` classes, the most probable first.
        probability: `(clips, listed)`.
    """

    names: list[str]
    truth: NDArray[np.str_]
    guess: NDArray[np.str_]
    probability: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """`(clips,)` whether the most probable class is true."""
        return np.asarray(self.guess[:, 0] == self.truth)

    @property
    def order(self) -> list[int]:
        """The clips from the surest mistake to the surest right answer."""
        certainty = self.probability[:, 0]
        return sorted(range(len(self.names)), key=lambda k: (bool(self.right[k]), -certainty[k], self.names[k]))


def read_clips(folder: Path) -> ClipAnswers:
    """The answers that `callbacks.PredictedClasses` wrote into the folder of a set.

    Raises:
        DataError: the table is missing or not readable, or no clip has a known class.
    """
    rows = [row for row in read_rows(folder / TABLE) if row.get("truth")]
    if not rows:
        raise DataError(f"{folder / TABLE}: no clip with a known class")
    suffixes = [name.removeprefix("class") for name in rows[0] if name.startswith("class")]
    try:
        probability = np.array([[float(row[f"probability{suffix}"]) for suffix in suffixes] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / TABLE}: not readable as a table of classes ({error!r})") from error
    guess = np.array([[row[f"class{suffix}"] for suffix in suffixes] for row in rows], np.str_)
    return ClipAnswers([row["id"] for row in rows], np.array([row["truth"] for row in rows]), guess, probability)


def clip_section(name: str, answers: ClipAnswers, groups: Mapping[str, str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Everything about a set but its sounds, as JSON values.

    Args:
        name: of the set.
        answers: of it.
        groups: speaker or source of each clip, as far as it is known.
        bootstrap: of the intervals, over groups.
    """
    clusters = clusters_of_groups(answers.names, groups)
    right, certainty = answers.right.astype(np.float64), answers.probability[:, 0]
    classes = sorted({*answers.truth.tolist(), *answers.guess[:, 0].tolist()})
    counts = np.zeros((len(classes), len(classes)), np.int64)
    place = {each: number for number, each in enumerate(classes)}
    np.add.at(counts, ([place[each] for each in answers.truth], [place[each] for each in answers.guess[:, 0]]), 1)
    ones = np.ones(len(right))
    figures = [
        {"name": "accuracy", "better": 1, "cells": [ratio_with_interval(right, ones, clusters, bootstrap)]},
        {"name": "mean_probability_of_the_answer", "better": 0, "cells": [_alone(certainty.mean())]},
        {"name": "expected_calibration_error", "better": -1, "cells": [_alone(_miscalibration(right, certainty))]},
        {"name": "mean_recall_of_classes", "better": 1, "cells": [_alone(_mean_recall(counts))]},
    ]
    listed = answers.guess.shape[1]
    columns = ["id", "truth", "answer", "probability", "right", *(f"choice {n}" for n in range(2, listed + 1))]
    rows = [
        [
            answers.names[k],
            str(answers.truth[k]),
            str(answers.guess[k, 0]),
            float(certainty[k]),
            "yes" if answers.right[k] else "no",
            *(f"{answers.guess[k, n]} {answers.probability[k, n]:.3f}" for n in range(1, listed)),
        ]
        for k in answers.order
    ]
    return {
        "kind": "clips",
        "name": name,
        "clips": len(answers.names),
        "groups": len(np.unique(clusters)),
        "figures": [{"unit": "share", "part": "", **figure} for figure in figures],
        "classes": {"names": classes, "counts": counts.tolist(), "rows": _by_class(classes, counts)},
        "calibration": _calibration(right, certainty),
        "by_group": _by_group(answers, groups),
        "scores": {"columns": columns, "rows": rows},
        "interval": bootstrap.level,
    }


def _alone(value: float) -> dict[str, float | None]:
    return {"value": number(float(value)), "low": None, "high": None}


def _mean_recall(counts: NDArray[np.int64]) -> float:
    spoken = counts.sum(axis=1)
    return float((np.diag(counts)[spoken > 0] / spoken[spoken > 0]).mean())


def _bins(certainty: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((certainty * BINS).astype(np.int64), BINS - 1)


def _miscalibration(right: NDArray[np.float64], certainty: NDArray[np.float64]) -> float:
    """Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, with ten bins."""
    gaps = np.bincount(_bins(certainty), right - certainty, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def _calibration(right: NDArray[np.float64], certainty: NDArray[np.float64]) -> list[dict[str, Any]]:
    found = []
    for place in range(BINS):
        inside = _bins(certainty) == place
        if inside.any():
            shares = {"probability": float(certainty[inside].mean()), "accuracy": float(right[inside].mean())}
            found.append({**shares, "clips": int(inside.sum())})
    return found


def _by_class(classes: Sequence[str], counts: NDArray[np.int64]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for place, name in enumerate(classes):
        spoken, answered = int(counts[place].sum()), int(counts[:, place].sum())
        others = np.where(np.arange(len(classes)) == place, -1, counts[place])
        worst = int(others.argmax())
        taken = f"{classes[worst]} ({others[worst]})" if others[worst] > 0 else ""
        recall = counts[place, place] / spoken if spoken else None
        precision = counts[place, place] / answered if answered else None
        rows.append([name, spoken, recall, precision, taken])
    return rows


def _by_group(answers: ClipAnswers, groups: Mapping[str, str]) -> list[list[Any]]:
    """Group, clips, accuracy and mean probability of the answer; none if the groups are the clips."""
    of_clip = np.array([groups.get(name, name) for name in answers.names], np.str_)
    found = np.unique(of_clip)
    if len(found) == len(answers.names):
        return []
    rows: list[list[Any]] = []
    for group in found:
        inside = of_clip == group
        certainty = float(answers.probability[inside, 0].mean())
        rows.append([str(group), int(inside.sum()), float(answers.right[inside].mean()), certainty])
    return rows
