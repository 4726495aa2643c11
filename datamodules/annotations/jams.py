"""Pitch contours from JAMS files.

JAMS: E. J. Humphrey, J. Salamon, O. Nieto, J. Forsyth, R. M. Bittner, J. P. Bello, "JAMS: A JSON annotated music
specification for reproducible MIR research", ISMIR 2014. Only the namespace `pitch_contour` is read, for which a
JSON parser is enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import HIGHEST_F0
from datamodules.documents import read_json
from datamodules.errors import DataError, shown

MOST = 1e6  # s, or Hz
NAMESPACE = "pitch_contour"
COLUMNS = ("time", "duration", "value")


class PitchContour(NamedTuple):
    """An uninterrupted run of one voice.

    Attributes:
        times: float64 `(frames,)`, s, increasing.
        f0: float64 `(frames,)`, Hz; negative is unvoiced with a guess of the pitch.
        step: duration of the last frame, s.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]
    step: float


class _Observation(NamedTuple):
    contour: tuple[int, int]  # number of the annotation, index in it
    time: float
    duration: float
    f0: float


def pitch_contours(path: Path) -> list[PitchContour]:
    """All pitch contours of a JAMS file, in the file's order.

    Observations of one annotation that have the same index are one contour.

    Raises:
        DataError: the file is not JAMS, has no such annotation or an empty one, or an observation is invalid; the
            message names the file and the observation.
    """
    found: dict[tuple[int, int], list[_Observation]] = {}
    for each in _observations(path):
        found.setdefault(each.contour, []).append(each)
    if not found:
        raise DataError(f"{path}: its {NAMESPACE} annotations are empty: no frame is annotated")
    steps = np.concatenate([np.diff([each.time for each in contour]) for contour in found.values()])
    usual_step = float(np.median(steps)) if len(steps) else 0.0
    return [_contour(observations, usual_step, path) for observations in found.values()]


def _contour(observations: list[_Observation], usual_step: float, path: Path) -> PitchContour:
    times = np.array([each.time for each in observations])
    if (np.diff(times) <= 0).any():
        place = int(np.argmax(np.diff(times) <= 0)) + 1
        raise DataError(
            f"{path}: {NAMESPACE} at {times[place]:g} s comes after {times[place - 1]:g} s; times must increase"
        )
    step = observations[-1].duration or usual_step
    if not step:
        raise DataError(f"{path}: {NAMESPACE} at {times[0]:g} s: a single frame without duration")
    return PitchContour(times, np.array([each.f0 for each in observations]), step)


def _observations(path: Path) -> Iterator[_Observation]:
    annotations = _get(_parsed(path), "annotations", path)
    numbered = [(number, each) for number, each in enumerate(annotations) if _get(each, "namespace", path) == NAMESPACE]
    if not numbered:
        raise DataError(f"{path}: no annotation in the namespace {NAMESPACE!r}")
    for number, annotation in numbered:
        for place, (time, duration, value) in enumerate(_rows(_get(annotation, "data", path), path)):
            origin = f"{path}: annotation {number}, observation {place}"
            frequency = _number(_get(value, "frequency", origin), "frequency", origin)
            if frequency > HIGHEST_F0:
                raise DataError(f"{origin}: frequency {frequency:g} Hz; at most {HIGHEST_F0:g} Hz is expected")
            yield _Observation(
                (number, int(_number(_get(value, "index", origin), "index", origin))),
                _number(time, "time", origin),
                _number(duration, "duration", origin),
                frequency if _get(value, "voiced", origin) else -frequency,
            )


def _rows(data: Any, path: Path) -> Iterator[tuple[Any, Any, Any]]:  # noqa: ANN401 -- whatever a JSON file holds
    """Time, duration and value of every observation: a list of objects, or an object of lists."""
    if isinstance(data, list):
        return ((_get(row, "time", path), _get(row, "duration", path), _get(row, "value", path)) for row in data)
    columns = [_get(data, name, path) for name in COLUMNS]
    if not all(isinstance(column, list) for column in columns) or len({len(column) for column in columns}) > 1:
        raise DataError(
            f"{path}: the lists {', '.join(COLUMNS)} of a {NAMESPACE} annotation differ in length or are none"
        )
    return zip(*columns, strict=True)


def _get(content: Any, key: str, origin: object) -> Any:  # noqa: ANN401
    if not isinstance(content, dict) or key not in content:
        raise DataError(f"{origin}: not as JAMS has it: {key!r} is expected")
    return content[key]


def _number(value: Any, name: str, origin: str) -> float:  # noqa: ANN401
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not 0 <= number <= MOST:
        raise DataError(f"{origin}: {name} {shown(value)}; a finite number, not negative, is expected")
    return float(number)


def _parsed(path: Path) -> Any:  # noqa: ANN401
    return read_json(path)
