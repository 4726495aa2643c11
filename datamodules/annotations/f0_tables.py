"""f0 tables (CSV, TSV, REF, f0ref) and JAMS files: reading them as series, and writing CSV.

Conventions are those of `mir_eval.melody`: 0 Hz is unvoiced, a negative frequency is unvoiced with a guess of the
pitch, and between two frames voicing holds while the pitch is interpolated linearly (Raffel, McFee, Humphrey, Salamon,
Nieto, Liang, Ellis, "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014).
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.annotations.jams import PitchContour, pitch_contours
from datamodules.annotations.table_rows import LATEST, multi_rows, rows
from datamodules.errors import DataError
from datamodules.files import write_atomically

__all__ = [
    "SAME_TIME",
    "F0Series",
    "MultiF0Series",
    "check_options",
    "read_f0",
    "read_multi_f0",
    "write_f0",
    "write_multi_f0",
]

SAME_TIME = 1e-9  # s; mir_eval rounds times to 1e-10 and cannot tell closer frames apart


def read_f0(
    path: str | os.PathLike[str], *, step: float | None = None, offset: float = 0.0, gap: float | None = None
) -> F0Series:
    """Read an f0 table, or the pitch contours of a JAMS file, of one voice.

    A table has the columns time (s) and f0 (Hz), separated by commas, tabs or blanks. Other columns, blank lines,
    comments from `#` on and one header line are ignored; but under the header `time,frequency,confidence,voiced` f0 is
    negative where the last column is 0. Of rows with equal times the first is kept, with a warning. A
    JAMS file may have several contours that do not overlap; between them is silence.

    Args:
        path: the table; a JAMS file if its name ends in `.jams`.
        step: s between rows of a table with a single column, f0; its first row is at time 0.
        offset: s added to every time.
        gap: where times are more than this many seconds apart, the voice is silent in between; for tables without
            unvoiced frames. None: rows are joined at any distance.

    Raises:
        DataError: the table cannot be read; the message names the file and the line.
    """
    check_options(step, offset, gap)
    series = _read_contours(Path(path), step) if _is_jams(path) else _read_table(Path(path), step)
    series = F0Series(series.times + offset, series.f0)
    return series if gap is None else _with_gaps(series, gap)


def read_multi_f0(path: str | os.PathLike[str], *, offset: float = 0.0, gap: float | None = None) -> MultiF0Series:
    """Read a multi-f0 table, or the pitch contours of a JAMS file, of several voices.

    A row of a table has a time (s) and the f0 (Hz) of each sounding pitch; fields that are empty, 0 or negative are
    ignored. The rest is as in `read_f0`.

    Args:
        path: the table; a JAMS file if its name ends in `.jams`.
        offset: s added to every time.
        gap: where times are more than this many seconds apart, nothing sounds in between; for tables without silent
            frames. None: a row holds until half-way to the next.

    Raises:
        DataError: the table cannot be read; the message names the file and the line.
    """
    check_options(None, offset, gap)
    series = _mixed_contours(Path(path)) if _is_jams(path) else _read_multi_table(Path(path))
    series = MultiF0Series(series.times + offset, series.f0)
    return series if gap is None else _with_silence(series, gap)


def check_options(step: float | None, offset: float, gap: float | None) -> None:
    """Refuse invalid options of `read_f0`.

    Raises:
        DataError: `step` or `gap` is not positive, or one of the three is not finite; the message names it.
    """
    for name, value in (("step", step), ("gap", gap)):
        if value is not None and not 1e-6 <= value <= LATEST:
            raise DataError(f"{name}: {value} s; it must be positive, from a microsecond to {LATEST:g} s")
    if not abs(offset) <= LATEST:
        raise DataError(f"offset: {offset} s; it must be a finite number, at most {LATEST:g} s either way")


def write_f0(path: str | os.PathLike[str], series: F0Series) -> None:
    """Write a table that `read_f0` and `mir_eval.io.load_time_series(path, delimiter=",")` read.

    Two columns without a header: time in s with 12 significant digits, f0 in Hz with 9. The file is written whole or
    not at all.

    Raises:
        DataError: times are not increasing from 0 on, a number is not finite, or the file cannot be written.
    """
    # Adding zero turns -0.0 into 0.0.
    _write(path, series, ((f"{frequency:.9g}",) for frequency in np.asarray(series.f0, dtype=np.float64) + 0.0), ",")


def write_multi_f0(path: str | os.PathLike[str], series: MultiF0Series) -> None:
    """Write a table that `read_multi_f0` and `mir_eval.io.load_ragged_time_series(path)` read.

    Columns are separated by tabs, without a header: time in s with 12 significant digits, and the f0 of each sounding
    pitch in Hz with 9, none where nothing sounds. The file is written whole or not at all.

    Raises:
        DataError: times are not increasing from 0 on, a number is not finite, or the file cannot be written.
    """
    _write(path, series, ((f"{frequency:.9g}" for frequency in row if frequency > 0) for row in series.f0), "\t")


def _write(
    path: str | os.PathLike[str],
    series: F0Series | MultiF0Series,
    fields: Iterable[Iterable[str]],
    separator: str,
) -> None:
    times, f0 = (np.asarray(column, dtype=np.float64) for column in series)
    if not (np.isfinite(times).all() and np.isfinite(f0).all()):
        raise DataError(f"{path}: not written: a time or an f0 is not finite")
    if (times < 0).any() or (np.diff(times) <= 0).any():
        raise DataError(f"{path}: not written: times must be increasing and not negative")
    rows = (separator.join([f"{time:.12g}", *row]) + "\n" for time, row in zip(times, fields, strict=True))
    try:
        with write_atomically(Path(path)) as file:
            file.write("".join(rows).encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def _is_jams(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".jams"


def _read_table(path: Path, step: float | None) -> F0Series:
    lines: list[int] = []
    times: list[float] = []
    f0: list[float] = []
    for line, time, frequency in rows(path, step):
        lines.append(line)
        times.append(time)
        f0.append(frequency)
    kept = _first_of_equal_times(np.array(times), lines, path)
    return F0Series(np.array(times)[kept], np.array(f0)[kept])


def _read_multi_table(path: Path) -> MultiF0Series:
    lines: list[int] = []
    times: list[float] = []
    f0: list[list[float]] = []
    for line, time, frequencies in multi_rows(path):
        lines.append(line)
        times.append(time)
        f0.append(frequencies)
    kept = _first_of_equal_times(np.array(times), lines, path)
    return MultiF0Series.from_rows(np.array(times)[kept], [f0[row] for row in kept])


def _read_contours(path: Path, step: float | None) -> F0Series:
    """The contours of a JAMS file in order of time, with an unvoiced frame after each."""
    if step is not None:
        raise DataError(f"{path}: `step` is only for tables of one column without times; a JAMS file has times")
    contours = sorted(pitch_contours(path), key=lambda contour: float(contour.times[0]))
    for one, other in pairwise(contours):
        if other.times[0] <= one.times[-1] + SAME_TIME:
            raise DataError(
                f"{path}: one voice is expected, but at {other.times[0]:g} s two pitch contours sound at once; "
                "read it as several voices"
            )
    ends = [contour.times[0] for contour in contours[1:]] + [math.inf]
    parts = [_ended(contour, next_time) for contour, next_time in zip(contours, ends, strict=True)]
    return F0Series(np.concatenate([part.times for part in parts]), np.concatenate([part.f0 for part in parts]))


def _ended(contour: PitchContour, next_time: float = math.inf) -> F0Series:
    """A contour and an unvoiced frame one step after it, unless the next contour begins before that."""
    end = contour.times[-1] + contour.step
    if end > next_time - SAME_TIME:
        return F0Series(contour.times, contour.f0)
    return F0Series(np.append(contour.times, end), np.append(contour.f0, 0.0))


def _mixed_contours(path: Path) -> MultiF0Series:
    """The contours of a JAMS file at the times of all of them, with silent frames one step before and after each."""
    contours = pitch_contours(path)
    voices = [_ended(contour) for contour in contours]
    before = np.array([contour.times[0] - contour.step for contour in contours])
    every = np.sort(np.concatenate([before[before >= 0], *(voice.times for voice in voices)]))
    times = every[np.diff(every, prepend=-1.0) > SAME_TIME]
    f0 = np.stack([voice.at(times) for voice in voices], axis=1)
    return MultiF0Series.from_rows(times, [list(row[row > 0]) for row in f0])


def _first_of_equal_times(times: NDArray[np.float64], lines: list[int], path: Path) -> NDArray[np.intp]:
    """Indices of the rows without those that repeat a time."""
    if not len(times):
        raise DataError(f"{path}: the table is empty (line 1): it has no row of numbers")
    steps = np.diff(times)
    if (steps < -SAME_TIME).any():
        row = int(np.argmax(steps < -SAME_TIME)) + 1
        before, after = times[row - 1 : row + 1]
        raise DataError(f"{path}, line {lines[row]}: time {after:g} s comes after {before:g} s; times must increase")
    repeated = np.flatnonzero(steps <= SAME_TIME) + 1
    if len(repeated):
        more = f" (and {len(repeated) - 1} more such rows)" if len(repeated) > 1 else ""
        warnings.warn(
            f"{path}, line {lines[repeated[0]]}: time {times[repeated[0]]:g} s is there twice{more}; "
            "the first row is kept",
            stacklevel=4,
        )
    return np.delete(np.arange(len(times)), repeated)


def _with_gaps(series: F0Series, gap: float) -> F0Series:
    """Put an unvoiced frame after every voiced frame that is followed by a gap, and after the last frame."""
    steps = np.diff(series.times)
    usual_step = min(float(np.median(steps)), gap) if len(steps) else gap
    before_silence = np.flatnonzero(np.append(steps > gap, True) & (series.f0 > 0))
    times = np.insert(series.times, before_silence + 1, series.times[before_silence] + usual_step)
    return F0Series(times, np.insert(series.f0, before_silence + 1, 0.0))


def _with_silence(series: MultiF0Series, gap: float) -> MultiF0Series:
    """Put silent frames after every frame before a gap, before every frame after a gap, and after the last frame."""
    steps = np.diff(series.times)
    usual_step = min(float(np.median(steps)), gap) if len(steps) else gap
    before_silence = np.flatnonzero(steps > gap)
    margins = np.minimum(usual_step, steps[before_silence] / 3)  # the two silent frames must not cross
    behind = np.append(series.times[before_silence] + margins, series.times[-1] + usual_step)
    ahead = series.times[before_silence + 1] - margins
    rows = np.concatenate([before_silence + 1, [len(series.times)], before_silence + 1])
    times = np.insert(series.times, rows, np.concatenate([behind, ahead]))
    return MultiF0Series(times, np.insert(series.f0, rows, 0.0, axis=0))
