"""What a page says of a set of which only the scores of its items are there: means with intervals, and a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.spoken import clusters_of_groups, read_rows
from experiments.reporting.values import number

SCORES = "scores.tsv"


def item_section(name: str, folder: Path, groups: Mapping[str, str], bootstrap: Bootstrap) -> dict[str, Any]:
    """The scores that `callbacks.ItemScores` wrote, as JSON values.

    Args:
        name: of the set.
        folder: of its files.
        groups: song or speaker of each item, as far as it is known.
        bootstrap: of the intervals, over groups.

    Raises:
        DataError: the table is missing or not readable.
    """
    rows = read_rows(folder / SCORES)
    columns = [column for column in (rows[0] if rows else {}) if column != "id"]
    try:
        names = [row["id"] for row in rows]
        values = np.array([[float(row[column] or "nan") for column in columns] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / SCORES}: not readable as a table of scores ({error!r})") from error
    values = values.reshape(len(rows), len(columns))
    clusters = clusters_of_groups(names, groups)
    ends = bootstrap.interval(values, clusters) if len(rows) else np.full((2, len(columns)), np.nan)
    known = (~np.isnan(values)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        means = np.nansum(values, axis=0) / known
    figures = [
        {
            "name": column,
            "part": "",
            "unit": "share",
            "better": 0,
            "cells": [{"value": number(mean), "low": number(low), "high": number(high), "tracks": int(count)}],
        }
        for column, mean, low, high, count in zip(columns, means, *ends, known, strict=True)
    ]
    return {
        "kind": "items",
        "name": name,
        "count": len(rows),
        "groups": len(np.unique(clusters)),
        "interval": bootstrap.level,
        "figures": figures,
        "scores": {
            "columns": ["id", *columns],
            "rows": [[name, *(number(value) for value in of.tolist())] for name, of in zip(names, values, strict=True)],
        },
    }
