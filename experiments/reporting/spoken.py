"""What sections of clips and of phones share: tables that a run left, clusters, and excerpts with sound."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.errors import DataError
from experiments.evaluation.statistics import Bootstrap, summed
from experiments.reporting import encoding, spectrograms
from experiments.reporting.recordings import Recordings
from experiments.reporting.values import number

_TICKS = (250, 500, 1000, 2000, 4000, 8000)  # Hz
_PICTURE_BYTES, _SOUND_BYTES = 2300.0, 4900.0  # a second, in Base64
_TEXT_BYTES = 900.0  # of an utterance


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table that a run wrote.

    Raises:
        DataError: it is missing or not readable; the message names it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not readable as a table ({error})") from error


def ratio_with_interval(
    parts: NDArray[np.float64], wholes: NDArray[np.float64], clusters: NDArray[np.int64], bootstrap: Bootstrap
) -> dict[str, float | None]:
    """Sum of parts over sum of wholes, `value`, and `low` and `high` of its interval; None where undefined.

    Args:
        parts: `(items,)`.
        wholes: `(items,)`.
        clusters: `(items,)`, number of each item's cluster, from 0.
        bootstrap: draws clusters.
    """
    value = parts.sum() / wholes.sum() if wholes.sum() else np.nan
    sums = summed(np.stack([parts, wholes], axis=1), clusters)
    ends = np.full((2, 1), np.nan)
    if len(sums) > 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = np.concatenate(
                [(counts @ sums)[:, 0] / (counts @ sums)[:, 1] for counts in bootstrap.counts(len(sums))]
            )
        ends = bootstrap.ends(drawn[:, None])
    return {"value": number(float(value)), "low": number(float(ends[0, 0])), "high": number(float(ends[1, 0]))}


def clusters_of_groups(names: Sequence[str], groups: Mapping[str, str]) -> NDArray[np.int64]:
    """Number of each item's group, `(items,)`; an item without a group is its own."""
    return np.unique([groups.get(name, name) for name in names], return_inverse=True)[1].astype(np.int64)


def spoken_blocks(
    names: Sequence[str], recordings: Recordings, sounds: bool, room: float, title: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Spectrogram and sound of utterances as JSON values, as long as there is room; the others have neither.

    Args:
        names: of the utterances, the most interesting first.
        recordings: of them.
        sounds: whether the page holds them, to be heard.
        room: bytes.
        title: of the progress bar.
    """
    a_second = _PICTURE_BYTES + (_SOUND_BYTES if sounds else 0.0)
    for name in tqdm(names, desc=title, unit="utterance"):
        heard = recordings.read(name) if room > _TEXT_BYTES else None
        cost = 0.0 if heard is None else _TEXT_BYTES + a_second * len(heard.values) / heard.rate
        if heard is None or cost > room or not len(heard.values):
            yield name, {"name": name, "seconds": None, "picture": None, "sound": None}
            continue
        room -= cost
        levels, hertz = spectrograms.mel_spectrogram(*heard)
        yield (
            name,
            {
                "name": name,
                "seconds": len(heard.values) / heard.rate,
                "picture": {
                    "address": encoding.picture(levels),
                    "seconds": len(levels) * spectrograms.STEP,
                    "bins": levels.shape[1],
                    "ticks": [
                        [float(np.interp(tick, hertz, np.arange(len(hertz)))), f"{tick:g}"]
                        for tick in _TICKS
                        if hertz[0] < tick < hertz[-1]
                    ],
                },
                "sound": encoding.sound(*heard) if sounds else None,
            },
        )
