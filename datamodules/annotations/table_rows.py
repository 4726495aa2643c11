"""The rows of f0 tables (CSV, TSV, REF, f0ref): numbers that can be times and pitches, or a line that says why not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from datamodules.annotations.f0_series import HIGHEST_F0
from datamodules.annotations.tracked_tables import TRACKED
from datamodules.documents import is_html
from datamodules.errors import DataError, shown
from datamodules.files import read_text

LATEST = 1e6  # s; eleven days, in which a double still tells tenths of a nanosecond apart
_Line = tuple[int, list[str]]  # number and fields


def rows(path: Path, step: float | None) -> Iterator[tuple[int, float, float]]:
    """Line number, time in s and f0 in Hz of every row, negative where unvoiced with a guess.

    Args:
        path: of the table.
        step: s between the rows of a table of one column; None: the first column has the times.

    Raises:
        DataError: a row is no such one; names file and line.
    """
    lines, tracked = _begun(path)
    if tracked and step is None:
        yield from _tracked_rows(lines, path)
        return
    columns = 2 if step is None else 1
    for row, (line, fields, numbers) in enumerate(_numbers(lines, columns)):
        origin = f"{path}, line {line}"
        if len(fields) < columns:
            raise DataError(f"{origin}: one column where time and f0 are expected; a table without times needs `step`")
        if step is not None and len(fields) > 1:
            raise DataError(f"{origin}: {len(fields)} columns; `step` is only for tables of one column without times")
        values = [_finite(field, number, origin) for field, number in zip(fields, numbers, strict=False)]
        time = values[0] if step is None else row * step
        yield line, _not_negative(time, origin), _possible(values[-1], origin)


def _begun(path: Path) -> tuple[Iterator[_Line], bool]:
    """The lines of a table, and whether the first is the header of `write_tracked`."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        return lines, False
    return chain([first], lines), [field.strip() for field in first[1]] == TRACKED


def _tracked_rows(lines: Iterator[_Line], path: Path) -> Iterator[tuple[int, float, float]]:
    for line, fields, numbers in _numbers(lines, None):
        origin = f"{path}, line {line}"
        if len(fields) != len(TRACKED):
            raise DataError(f"{origin}: {len(fields)} columns; its header names {len(TRACKED)}")
        values = [_finite(field, number, origin) for field, number in zip(fields, numbers, strict=True)]
        time, frequency, _, voiced = values
        if frequency < 0 or voiced not in (0, 1):
            raise DataError(
                f"{origin}: frequency {frequency:g}, voiced {voiced:g}; at least 0, and 0 or 1, are expected"
            )
        _possible(frequency, origin)
        yield line, _not_negative(time, origin), frequency if voiced else -frequency


def multi_rows(path: Path) -> Iterator[tuple[int, float, list[float]]]:
    """Line number, time in s and sounding pitches in Hz of every row.

    Raises:
        DataError: as from `rows`.
    """
    lines, tracked = _begun(path)
    if tracked:
        yield from ((line, time, [f0] if f0 > 0 else []) for line, time, f0 in _tracked_rows(lines, path))
        return
    for line, fields, numbers in _numbers(lines, None):
        origin = f"{path}, line {line}"
        time = _not_negative(_finite(fields[0], numbers[0], origin), origin)
        pitches = zip(fields[1:], numbers[1:], strict=True)
        values = [_possible(_finite(field, number, origin), origin) for field, number in pitches if field.strip()]
        yield line, time, [value for value in values if value > 0]


def _numbers(lines: Iterator[_Line], columns: int | None) -> Iterator[tuple[int, list[str], list[float | None]]]:
    """Line number, fields and the numbers in the first columns of every line but the header."""
    may_be_header = True
    for line, fields in lines:
        numbers = [_number(field) for field in fields[:columns]]
        is_header = may_be_header and all(number is None for number in numbers)
        may_be_header = False
        if not is_header:
            yield line, fields, numbers


def _lines(path: Path) -> Iterator[_Line]:
    """Line number and fields of every line that is not blank or a comment."""
    content_of_file = read_text(path)
    if is_html(content_of_file):
        raise DataError(f"{path}: is HTML, a web page, and no table of f0")
    for line, text in enumerate(content_of_file.split("\n"), start=1):
        content = text.partition("#")[0].strip()
        if not content:
            continue
        separator = "," if "," in content else "\t" if "\t" in content else None
        yield line, content.split(separator)


def _number(field: str) -> float | None:
    if "_" in field:  # Python reads 1_0 as 10
        return None
    try:
        return float(field)
    except ValueError:
        return None


def _finite(field: str, number: float | None, origin: str) -> float:
    if number is None:
        raise DataError(f"{origin}: {shown(field.strip())} is not a number")
    if not math.isfinite(number):
        raise DataError(
            f"{origin}: {shown(field.strip())} where a finite number is expected; write 0 for an unvoiced frame"
        )
    return number


def _possible(frequency: float, origin: str) -> float:
    if abs(frequency) > HIGHEST_F0:
        raise DataError(
            f"{origin}: f0 {frequency:g} Hz; at most {HIGHEST_F0:g} Hz is expected; write 0 for an unvoiced frame"
        )
    return frequency


def _not_negative(time: float, origin: str) -> float:
    if time < 0:
        raise DataError(f"{origin}: negative time {time:g} s")
    if time > LATEST:
        raise DataError(f"{origin}: time {time:g} s; at most {LATEST:g} s are expected")
    return time
