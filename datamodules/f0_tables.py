"""Tables of f0 over time: the only module that knows how they are written.

Conventions are those of `mir_eval.melody`: 0 Hz is unvoiced, a negative frequency is unvoiced with a guess of the
pitch, and between two frames voicing holds while the pitch is interpolated linearly (Raffel, McFee, Humphrey, Salamon,
Nieto, Liang, Ellis, "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014).
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mir_eval.melody
import mir_eval.multipitch
import numpy as np
from numpy.typing import ArrayLike, NDArray

from datamodules.errors import DataError
from datamodules.files import write_atomically

SAME_TIME = 1e-9  # s; mir_eval rounds times to 1e-10 and cannot tell closer frames apart
TIME_DECIMALS = 10


class F0Series(NamedTuple):
    """The f0 of one voice, frame by frame.

    Attributes:
        times: float64 `(frames,)`, s, increasing.
        f0: float64 `(frames,)`, Hz; 0 is unvoiced, negative is unvoiced with a guess of the pitch.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """The f0 at other times, by the rule with which mir_eval compares two series.

        The pitch is linear within a voiced run and constant from its last frame until the next frame; voicing holds
        from frame to frame. Guesses in unvoiced frames are left out. Before the first and after the last frame
        nothing is known, and that is unvoiced.

        Args:
            times: s, `(frames,)`, in any order.

        Returns:
            float64 `(frames,)`, Hz, exactly 0 where unvoiced.
        """
        asked = np.round(np.asarray(times, dtype=np.float64), TIME_DECIMALS)
        f0 = np.zeros(asked.shape)
        if len(self.times):
            first, last = np.round(self.times[[0, -1]], TIME_DECIMALS)
            inside = (asked >= first) & (asked <= last)
            f0[inside] = self._resampled(asked[inside])
        return f0

    def _resampled(self, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        # The extra time after the end keeps mir_eval from taking grids that differ by less than a hundred-thousandth
        # for the same grid and from stretching the last frame up to the last time asked for.
        after_the_end = 2.0 * abs(self.times[-1]) + 1.0
        voiced_f0 = np.maximum(self.f0, 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # uneven frames are meant: silences are marked, not left out
            resampled, _ = mir_eval.melody.resample_melody_series(
                self.times.copy(), voiced_f0, (voiced_f0 > 0).astype(np.float64), np.append(asked, after_the_end)
            )
        return np.asarray(resampled[:-1], dtype=np.float64)


class MultiF0Series(NamedTuple):
    """The f0 of several voices, frame by frame.

    Attributes:
        times: float64 `(frames,)`, s, increasing.
        f0: float64 `(frames, pitches)`, Hz; what is sounding stands first in its row, in any order, then zeros.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """The f0 at other times, by the rule with which mir_eval compares two multi-f0 series: that of the nearest frame.

        Before the first and after the last frame nothing is known, and nothing sounds.

        Args:
            times: s, `(frames,)`, in any order.

        Returns:
            float64 `(frames, pitches)`, Hz, 0 where fewer pitches sound.
        """
        asked = np.round(np.asarray(times, dtype=np.float64), TIME_DECIMALS)
        f0 = np.zeros((asked.size, self.f0.shape[1]))
        known = np.round(self.times, TIME_DECIMALS)
        for row, pitches in enumerate(mir_eval.multipitch.resample_multipitch(known, list(self.f0), asked)):
            f0[row, : len(pitches)] = pitches
        return f0


def read_f0(
    path: str | os.PathLike[str], *, step: float | None = None, offset: float = 0.0, gap: float | None = None
) -> F0Series:
    """Read an f0 table: time in s and f0 in Hz, separated by commas, tabs or blanks.

    Further columns, blank lines, what follows a `#`, and one header line are passed over. Rows with equal times are
    merged into the first of them, with a warning.

    Args:
        path: the table.
        step: s between rows of a table that has one column, f0, and no times; its first row is at time 0.
        offset: s added to every time.
        gap: where consecutive times are more than this many seconds apart, the voice is silent in between; for
            tables that leave unvoiced frames out. None: rows are joined however far apart they are.

    Raises:
        DataError: the table cannot be read; the message names the file and the line.
    """
    check_options(step, offset, gap)
    lines: list[int] = []
    times: list[float] = []
    f0: list[float] = []
    for line, time, frequency in _rows(Path(path), step):
        lines.append(line)
        times.append(time)
        f0.append(frequency)
    if not times:
        raise DataError(f"{path}: the table is empty (line 1): it has no row of numbers")
    series = _merge_equal_times(F0Series(np.array(times), np.array(f0)), lines, path)
    series = F0Series(series.times + offset, series.f0)
    return series if gap is None else _with_gaps(series, gap)


def check_options(step: float | None, offset: float, gap: float | None) -> None:
    """Refuse options that `read_f0` cannot work with.

    Raises:
        DataError: `step` or `gap` is not positive, or one of the three is not finite; the message names it.
    """
    for name, value in (("step", step), ("gap", gap)):
        if value is not None and not 0 < value < math.inf:
            raise DataError(f"{name}: {value} s; it must be positive")
    if not math.isfinite(offset):
        raise DataError(f"offset: {offset} s; it must be a finite number")


def write_f0(path: str | os.PathLike[str], series: F0Series) -> None:
    """Write a table that `read_f0` and `mir_eval.io.load_time_series(path, delimiter=",")` read.

    Two columns without a header: time in s to 12 significant digits, f0 in Hz to 9. The file appears under its name
    only when it is complete.

    Raises:
        DataError: times are not increasing from 0 on, a number is not finite, or the file cannot be written.
    """
    times, f0 = (np.asarray(column, dtype=np.float64) for column in series)
    if not (np.isfinite(times).all() and np.isfinite(f0).all()):
        raise DataError(f"{path}: not written: a time or an f0 is not finite")
    if (times < 0).any() or (np.diff(times) <= 0).any():
        raise DataError(f"{path}: not written: times must be increasing and not negative")
    # Adding zero turns -0.0 into 0.0.
    rows = (f"{time:.12g},{frequency:.9g}\n" for time, frequency in zip(times, f0 + 0.0, strict=True))
    try:
        with write_atomically(Path(path)) as file:
            file.write("".join(rows).encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def _rows(path: Path, step: float | None) -> Iterator[tuple[int, float, float]]:
    """Line number, time and f0 of every row."""
    columns = 2 if step is None else 1
    row = 0
    may_be_header = True
    for line, fields in _lines(path):
        numbers = [_number(field) for field in fields[:columns]]
        is_header = may_be_header and all(number is None for number in numbers)
        may_be_header = False
        if is_header:
            continue
        origin = f"{path}, line {line}"
        if len(fields) < columns:
            raise DataError(f"{origin}: one column where time and f0 are expected; a table without times needs `step`")
        if step is not None and len(fields) > 1:
            raise DataError(f"{origin}: {len(fields)} columns; `step` is only for tables of one column without times")
        values = [_finite(field, number, origin) for field, number in zip(fields, numbers, strict=False)]
        time = values[0] if step is None else row * step
        if time < 0:
            raise DataError(f"{origin}: negative time {time:g} s")
        yield line, time, values[-1]
        row += 1


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every line that is neither blank nor a comment."""
    for line, text in enumerate(_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        content = text.partition("#")[0].strip()
        if not content:
            continue
        separator = "," if "," in content else "\t" if "\t" in content else None
        yield line, content.split(separator)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: byte {content[error.start]:#04x} is not UTF-8 text") from error


def _number(field: str) -> float | None:
    if "_" in field:  # Python reads 1_0 as 10
        return None
    try:
        return float(field)
    except ValueError:
        return None


def _finite(field: str, number: float | None, origin: str) -> float:
    if number is None:
        raise DataError(f"{origin}: {field.strip()!r} is not a number")
    if not math.isfinite(number):
        raise DataError(f"{origin}: {field.strip()!r} where a finite number is expected; write 0 for an unvoiced frame")
    return number


def _merge_equal_times(series: F0Series, lines: list[int], path: str | os.PathLike[str]) -> F0Series:
    steps = np.diff(series.times)
    if (steps < -SAME_TIME).any():
        row = int(np.argmax(steps < -SAME_TIME)) + 1
        before, after = series.times[row - 1 : row + 1]
        raise DataError(f"{path}, line {lines[row]}: time {after:g} s comes after {before:g} s; times must increase")
    repeated = np.flatnonzero(steps <= SAME_TIME) + 1
    if not len(repeated):
        return series
    more = f" (and {len(repeated) - 1} more such rows)" if len(repeated) > 1 else ""
    warnings.warn(
        f"{path}, line {lines[repeated[0]]}: time {series.times[repeated[0]]:g} s is there twice{more}; "
        "the first row is kept",
        stacklevel=3,
    )
    return F0Series(np.delete(series.times, repeated), np.delete(series.f0, repeated))


def _with_gaps(series: F0Series, gap: float) -> F0Series:
    """End every voiced frame that is followed by a gap, and the last frame, by an unvoiced one."""
    steps = np.diff(series.times)
    usual_step = min(float(np.median(steps)), gap) if len(steps) else gap
    before_silence = np.flatnonzero(np.append(steps > gap, True) & (series.f0 > 0))
    times = np.insert(series.times, before_silence + 1, series.times[before_silence] + usual_step)
    return F0Series(times, np.insert(series.f0, before_silence + 1, 0.0))
