"""Score every table of every method; report all that cannot be read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from experiments.evaluation.tables import Pairs, TableFolder, check_length
from lightning_modules.metrics import Criteria, evaluate_series, metric_names

MOST_FRAMES = 10_000_000  # of a track that is resampled; a day every 10 ms


@dataclass(frozen=True)
class Scores:
    """What was measured.

    Attributes:
        methods: their names, the one that others are compared with first.
        tracks: ids.
        metrics: names.
        values: float64 `(methods, tracks, metrics)`, NaN where a metric is undefined.
    """

    methods: tuple[str, ...]
    tracks: tuple[str, ...]
    metrics: tuple[str, ...]
    values: NDArray[np.float64]

    @classmethod
    def of_tracks(cls, scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Scores:
        """Of what every method scored on each track, as a module's `track_scores` of a set gives it.

        Args:
            scores: by method, track and metric; the first method is the one that others are compared with.

        Raises:
            DataError: methods differ in their tracks or metrics, or there is none.
        """
        tracks = sorted(next(iter(scores.values()), {}))
        metrics = tuple(next(iter(next(iter(scores.values())).values()))) if tracks else ()
        for method, of_method in scores.items():
            if sorted(of_method) != tracks or any(set(each) != set(metrics) for each in of_method.values()):
                raise DataError(f"{method}: other tracks or metrics than {next(iter(scores))} has")
        if not tracks:
            raise DataError("scores: of no track; give those of at least one method")
        values = [
            [[of_method[track][metric] for metric in metrics] for track in tracks] for of_method in scores.values()
        ]
        return cls(tuple(scores), tuple(tracks), metrics, np.array(values, dtype=np.float64))

    def only(self, *metrics: str) -> Scores:
        """Some of the metrics, in this order."""
        columns = [self.metrics.index(metric) for metric in metrics]
        return replace(self, metrics=metrics, values=self.values[:, :, columns])

    def rows(self) -> list[dict[str, float | str]]:
        """A row for every method and track, `method` and its metrics, as `callbacks.pictures.box_plots` takes them."""
        return [
            {"method": method, **dict(zip(self.metrics, of_track, strict=True))}
            for method, of_method in zip(self.methods, self.values.tolist(), strict=True)
            for of_track in of_method
        ]


@dataclass(frozen=True)
class Rules:
    """How an estimate is compared with its reference.

    Attributes:
        criteria: tolerances and harmonics.
        resample: s between the frames that both are brought to; None: the estimate is brought to the reference's.
        length_tolerance: s by which an estimate may end before the last voiced frame of its reference.
    """

    criteria: Criteria
    resample: float | None = None
    length_tolerance: float = 1.0


def score(references: TableFolder, estimates: dict[str, TableFolder], pairs: Pairs, rules: Rules) -> Scores:
    """Score the tracks of which there are all tables.

    Args:
        references: where the truth is.
        estimates: where each method's tables are.
        pairs: of the tables.
        rules: how they are compared.

    Raises:
        DataError: tables cannot be read or end too early; the message has a line for each.
    """
    metrics = metric_names(rules.criteria)
    values = np.full((len(estimates), len(pairs.tracks), len(metrics)), np.nan)
    problems: list[str] = []
    for row, track in enumerate(tqdm(pairs.tracks, desc="scoring", unit="track")):
        reference = _read(references, pairs.references[track], problems)
        for place, (name, folder) in enumerate(estimates.items()):
            path = pairs.estimates[name][track]
            estimate = _read(folder, path, problems)
            if reference is None or estimate is None:
                continue
            try:
                check_length(path, estimate, reference, rules.length_tolerance)
                values[place, row] = _scores(reference, estimate, rules)
            except DataError as error:
                problems.append(str(error))
            except ValueError as error:
                problems.append(f"{path}: cannot be compared with {pairs.references[track]}: {error}")
    if problems:
        raise DataError("\n  ".join([f"{len(problems)} problems with f0 tables:", *problems]))
    return Scores(tuple(estimates), tuple(pairs.tracks), metrics, values)


def _read(folder: TableFolder, path: Path, problems: list[str]) -> F0Series | None:
    try:
        return folder.read(path)
    except DataError as error:
        problems.append(str(error))
        return None


def _scores(reference: F0Series, estimate: F0Series, rules: Rules) -> list[float]:
    longest = max(reference.times[-1], estimate.times[-1])
    if rules.resample is not None and longest / rules.resample > MOST_FRAMES:
        raise DataError(f"--resample {rules.resample}: too many frames of a track of {longest:g} s; say a longer step")
    scores = evaluate_series(*reference, *estimate, hop=rules.resample, criteria=rules.criteria)
    return [scores[name] for name in metric_names(rules.criteria)]
